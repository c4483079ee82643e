# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 6. Experiments in MLflow
#
# A figure that nobody can trace is an opinion. An experiment here is one YAML file: a question,
# data with their hash, a split, and the arms to compare. Running it leaves a run per arm in MLflow,
# with figures, intervals, tables and the models, and never a word of what people said.
#
# **The centre here is simulated** (`autoqa.simulate`), so the figures show the workings and are no
# finding.

# %%
import gzip
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Image, Markdown

import autoqa
from autoqa.experiments.quiet_mlflow import quiet_mlflow
from autoqa.experiments.spec import load_spec
from autoqa.experiments.tracking import Tracker
from autoqa.simulate import SimulationSettings

# %matplotlib inline
pd.set_option("display.max_colwidth", 80, "display.precision", 3)

OUT = Path(mkdtemp())  # or a folder of yours
mlflow = quiet_mlflow()  # MLflow without telemetry, pickle and chatter

# %% [markdown]
# ## The question
#
# Does automated QA tell CSAT as well as human QA does? The repository's own specs are in
# `experiments/`; this one is small.

# %%
settings = SimulationSettings(
    conversations=160,
    languages=("en",),
    agents=40,
    review_share=0.8,
    double_review_share=0.3,
    survey_response=(0.8, 0.7, 0.6, 0.6, 0.7),
)
files = autoqa.write_simulation(settings, OUT / "centre")

spec = OUT / "qa_and_csat.yaml"
spec.write_text("""\
question: Does automated QA tell CSAT as well as human QA does?
task: qa_vs_csat
data: centre
split: {group_by: agent, folds: 2, seed: 7}
arms:
  - mean
  - handle_time
  - human_qa
  - {name: learned, use: automated_qa, scorer: tfidf}
metrics: [spearman, auc_dissatisfied, mae]
n_resamples: 100
""")
pd.DataFrame({"arm": arm.name, **arm.params} for arm in load_spec(spec).arms).fillna("")

# %% [markdown]
# Folds split agents, every arm answers out of sample, and `mean` is the bar that the others have to
# clear. A misspelt arm or metric is found before anything runs.
#
# ## Run it
#
# Into a store of its own here. Without `tracker`, runs go to `MLFLOW_TRACKING_URI`, or to
# `mlflow.db` in the working directory.

# %%
tracker = Tracker(f"sqlite:///{OUT / 'mlflow.db'}")
result = autoqa.run_experiment(spec, tracker=tracker)
Markdown(result.to_markdown().split("###")[0])

# %% [markdown]
# ## Read it back
#
# Months later nobody remembers. The run does: data, code, scorecard, seed.

# %%
run = tracker.show_run(result.run_id)
pd.Series({**run.tags, **run.params}, name=run.summary.title).to_frame()

# %%
arms = pd.DataFrame(
    {"arm": arm.summary.title, "figure": name, "value": f.value, "low": f.low, "high": f.high}
    for arm in run.arms
    for name, f in arm.metrics.items()
)
arms["figure"] = arms.figure.str.removeprefix("centre.")
wide = arms.pivot(index="arm", columns="figure", values="value")
wide.loc[[arm.summary.title for arm in run.arms], ["spearman", "auc_dissatisfied", "mae"]]

# %%
spearman = arms[arms.figure == "spearman"].dropna(subset="low")
figure, axes = plt.subplots(figsize=(6.5, 2.4), layout="constrained")
axes.hlines(spearman.arm, spearman.low, spearman.high, color="#0072B2")
axes.plot(spearman.value, spearman.arm, "o", color="#0072B2")
axes.axvline(0, color="grey", linewidth=0.8)
axes.margins(y=0.2)
axes.invert_yaxis()
axes.set(xlabel="Spearman with surveyed CSAT, 95 % interval (simulated)")
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# Wide intervals that overlap decide nothing: the honest answer of a small experiment is often
# "bring more surveys".
#
# What else each arm left behind. Automated arms log a whole study (notebook 3): its figures as JSON
# and pictures, and the report as one HTML file.

# %%
pd.DataFrame({"arm": a.summary.title, "artifact": name} for a in run.arms for name in a.artifacts)

# %%
learned = next(arm for arm in run.arms if arm.summary.title == "learned")
picture = next(name for name in learned.artifacts if name.startswith("agreement"))
Image(tracker.client.download_artifacts(learned.summary.run_id, picture, str(OUT)), width=700)

# %% [markdown]
# Learned from some sixty evaluations per fold, the model agrees with people poorly criterion by
# criterion, and its total may still go with CSAT. Look at both before you choose an arm.
#
# Everything is plain MLflow, so its own tools work too: `mlflow ui --backend-store-uri
# sqlite:///.../mlflow.db`, or

# %%
mlflow.set_tracking_uri(tracker.uri)
runs = mlflow.search_runs(search_all_experiments=True, order_by=["start_time"])
runs[["tags.mlflow.runName", "status", "metrics.centre.spearman", "metrics.centre.spearman_n"]]

# %% [markdown]
# ## Load the model
#
# The learned arm kept what it learned, as code and safetensors: nothing is pickled. Any place that
# serves MLflow models can score with it.

# %%
kept = mlflow.search_logged_models(
    experiment_ids=list(runs.experiment_id.unique()), output_format="list"
)
by_run = {one.source_run_id: one for one in kept}
model = mlflow.pyfunc.load_model(by_run[learned.summary.run_id].model_uri)
with gzip.open(files.conversations, "rt", encoding="utf-8") as lines:
    asked = [next(lines), next(lines)]
frame = pd.DataFrame(
    {
        "conversation_id": [f"asked-{number}" for number in range(len(asked))],
        "transcript_json": asked,
    }
)
scored = model.predict(frame)
ratings = pd.json_normalize(scored.to_dict("records"), "ratings", "conversation_id")
ratings.pivot(index="criterion", columns="conversation_id", values=["status", "level"])

# %% [markdown]
# ## Next
#
# * `autoqa experiment run experiments/qa_vs_csat.yaml` asks this of 2000 simulated conversations
#   and of a shared data set; `autoqa experiment list` and `show` read runs back on the command
#   line.
# * Write a spec with your own data and one arm more than you believe in.
# * Choose by the interval, on folds that split what will be new to the model: agents, customers.
