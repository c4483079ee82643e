# Two commands do everything on a machine with Python 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DATA ?= ../shared/data

export MLFLOW_DISABLE_TELEMETRY = true
export DO_NOT_TRACK = true

.PHONY: help install demo test check format adapter models experiments bench notebooks clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(STAMP)  ## create .venv with pinned versions, once

# torch first and alone: any other order may pull a build for GPUs of several gigabytes.
$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install Python 3.11 or set PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

demo: install  ## the whole path on embedded data: train, score, experiment, compare
	$(BIN)/autoqa demo --out out/demo

# One process per core, one thread each; a file's tests stay together and share what they set up.
WORKERS ?= 2
test: install  ## all tests, the slow ones too
	@bash tests/system_packages.sh
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

check: install  ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install  ## format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

adapter: install  ## fine-tune the English encoder (under 90 minutes on 2 cores, minutes on a GPU)
	$(BIN)/python -m autoqa.experiments.finetuning english --data $(DATA)

# All weights instead of additions: an arm of experiments/satisfaction_encoders.yaml, too large to ship.
FULL := data/cache/adapters/english-full
$(FULL)/adapter.json: | install
	$(BIN)/python -m autoqa.experiments.finetuning english --method full --lr 1e-4 --data $(DATA) --out $(FULL)

models: install  ## train models/default from the shared datasets (under 30 minutes on 2 cores)
	$(BIN)/python -m autoqa.experiments.default_models --data $(DATA) --out models/default

experiments: install $(FULL)/adapter.json  ## run every experiment in experiments/ (the first time, fine-tunes one arm)
	@for spec in experiments/*.yaml; do $(BIN)/autoqa experiment run $$spec || exit 1; done

bench: install  ## speed and memory, as ratios measured in one run, to 100,000 conversations and 1,000,000 ratings; the review page
	$(BIN)/python experiments/bench_speed.py
	$(BIN)/python experiments/bench_speed.py --part scale
	$(BIN)/python experiments/bench_speed.py --part statistics
	$(BIN)/python experiments/bench_review.py
	$(BIN)/python experiments/bench_conversation.py

notebooks: install  ## write notebooks/*.ipynb from their .py, without outputs
	cd notebooks && ../$(BIN)/jupytext --quiet --to ipynb --update *.py
	cd notebooks && ../$(BIN)/jupyter nbconvert --log-level=WARN --clear-output --inplace *.ipynb

clean:  ## remove what the commands above made, but not .venv
	rm -rf out runs mlruns mlflow.db* .pytest_cache .mypy_cache .ruff_cache .hypothesis
