"""How fast are encoding and `autoqa score`, and how much memory do they take?

Every variant gets the same texts and the same number of processor threads, and runs in a fresh
process; the repeats of all variants are interleaved, and medians are reported, so that a busy
minute of the machine does not fall on one variant alone.

* ``sentence-transformers``: ``SentenceTransformer(...).encode(texts)`` with its defaults
* ``onnxruntime fp32``, ``openvino bf16``: this project's encoder, loading apart
* ``autoqa score``: the whole command, start-up of its workers apart: the time for all minus
  that for the first few
* ``pipelines``: one Hugging Face text-classification pipeline per criterion with the same
  encoder. One is measured, on fewer conversations, and its time multiplied by ``--criteria``

Peak memory is that of the process with its children, all of its start-up included. The notes name
the speed of one large matrix product in the same run, and which share of it the encoders reach:
their layers are matrix products, so that is the roof.

    python experiments/bench_speed.py --data ../shared/data/uss_mwoz --json bench.json

``--part memory`` measures something else: whether the memory of `autoqa score` grows with the
number of conversations. It simulates few and ten times as many (``--conversations 400 4000``),
scores each in a fresh process, by rules alone and with ``--models``, and prints the peaks and
their ratio: near 1 means that memory does not grow. At that size it takes several minutes on two
cores, so it is no part of the default.

    python experiments/bench_speed.py --part memory --json memory.json

``--part precision`` scores the same conversations with ``--models`` in fp32 and in bf16, and prints
how far apart the answers are, in points of 100 of their scale.

    python experiments/bench_speed.py --part precision --dialogues 200
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

SCORE_COMMAND = (
    "{python} -m autoqa.cli score {input} --scorecard support-core --models {models} --out {out}"
)
WARM_UP = ["A short text.", "And one that is a little longer than the text before it."] * 4


def conversations(data: Path | None, limit: int) -> list[dict[str, Any]]:
    """Return lines of the uniform schema, without labels: from a dataset, or simulated."""
    rows: list[dict[str, Any]] = []
    for row in _dataset(data) if data is not None else _simulated(limit):
        if len(rows) == limit:
            break
        turns = [{"speaker": t["speaker"], "text": t["text"]} for t in row["turns"]]
        keep = ("conversation_id", "channel", "language")
        rows.append({**{key: row[key] for key in keep}, "turns": turns})
    return rows


def _dataset(folder: Path) -> Iterator[dict[str, Any]]:
    path = next(iter(sorted(folder.glob("transcripts.jsonl*"))))
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _simulated(limit: int) -> Iterator[dict[str, Any]]:
    from autoqa.simulate import iter_simulated

    for conversation in iter_simulated(conversations=limit, languages=("en",)):
        transcript = conversation.labelled.transcript
        yield {
            "conversation_id": transcript.conversation_id,
            "channel": str(transcript.channel),
            "language": transcript.language,
            "turns": [{"speaker": str(t.speaker), "text": t.text} for t in transcript.turns],
        }


def timed(encode: Callable[[list[str]], Any], texts: list[str]) -> float:
    """Return the seconds that the texts take after a warm-up."""
    encode(WARM_UP)
    started = time.perf_counter()
    encode(texts)
    return time.perf_counter() - started


def minilm_folder() -> str:
    from autoqa.features.weights import find_weights

    return str(find_weights("minilm").folder(Path(tempfile.gettempdir())))


def run_sentence_transformers(texts: list[str], threads: int) -> float:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    model = SentenceTransformer(minilm_folder(), device="cpu", local_files_only=True)
    return timed(lambda t: model.encode(t, show_progress_bar=False), texts)


def run_encoder(precision: str) -> Callable[[list[str], int], float]:
    def run(texts: list[str], threads: int) -> float:
        from autoqa.features.encoders import load_encoder

        return timed(load_encoder("minilm", precision=precision, threads=threads).encode, texts)

    return run


def run_pipeline(texts: list[str], threads: int) -> float:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
    from transformers.utils import logging

    logging.set_verbosity_error()
    torch.set_num_threads(threads)
    folder = minilm_folder()
    classify = pipeline(
        "text-classification",
        model=AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3),
        tokenizer=AutoTokenizer.from_pretrained(folder),
        device="cpu",
    )
    return timed(lambda t: classify(t, truncation=True, max_length=256), texts)


def run_product(precision: str) -> Callable[[list[str], int], float]:
    """Time products of large matrices: the seconds that as many operations take as the encoder's.

    Of every text as it is encoded once, at two operations per weight and token.
    """

    def run(texts: list[str], threads: int) -> float:
        import numpy as np
        import openvino
        from openvino import opset13
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(f"{minilm_folder()}/tokenizer.json")
        tokenizer.no_padding()
        tokens = sum(len(one.ids) for one in tokenizer.encode_batch_fast(sorted(set(texts))))
        size = 1536
        left = opset13.parameter([size, size], np.float32)
        right = opset13.parameter([size, size], np.float32)
        model = openvino.Model([opset13.matmul(left, right, False, False)], [left, right])
        hint = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
        request = openvino.Core().compile_model(model, "CPU", hint).create_infer_request()
        inputs = [np.ones((size, size), np.float32)] * 2
        for _ in range(5):
            request.infer(inputs)
        repeats = 40
        started = time.perf_counter()
        for _ in range(repeats):
            request.infer(inputs)
        per_second = 2 * size**3 * repeats / (time.perf_counter() - started)
        return 2 * ENCODER_WEIGHTS * tokens / per_second

    return run


WORKERS: dict[str, Callable[[list[str], int], float]] = {
    "sentence-transformers": run_sentence_transformers,
    "onnxruntime fp32": run_encoder("fp32"),
    "openvino bf16": run_encoder("bf16"),
    "pipelines": run_pipeline,
    "product fp32": run_product("f32"),
    "product bf16": run_product("bf16"),
}
ENCODERS = {"onnxruntime fp32": "product fp32", "openvino bf16": "product bf16"}
"""Each encoder, and the roof over it."""
ENCODER_WEIGHTS = 6 * (4 * 384 * 384 + 2 * 384 * 1536)  # in the matrix products of MiniLM's layers


def work(variant: str, input_file: Path, threads: int) -> None:
    """Run one variant in this process and print its seconds."""
    rows = [json.loads(line) for line in input_file.read_text(encoding="utf-8").splitlines()]
    texts = [turn["text"] for row in rows for turn in row["turns"]]
    print(json.dumps({"seconds": WORKERS[variant](texts, threads)}))


def watch(command: Sequence[str], threads: int) -> tuple[str, float, float]:
    """Run a command on `threads` processors; return its output, seconds and peak MiB."""
    import psutil

    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "true",
    }
    started = time.perf_counter()
    with subprocess.Popen(  # noqa: S603  # the user's own command line
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        root = psutil.Process(process.pid)
        if hasattr(root, "cpu_affinity"):
            root.cpu_affinity(root.cpu_affinity()[:threads])
        peak = [0.0]

        def sample() -> None:
            while process.poll() is None:
                try:
                    family = [root, *root.children(recursive=True)]
                    peak[0] = max(peak[0], sum(p.memory_info().rss for p in family) / 2**20)
                except psutil.Error:
                    pass  # a child ended between listing and asking
                time.sleep(0.05)

        sampler = threading.Thread(target=sample)
        sampler.start()
        output, errors = process.communicate()
        sampler.join()
    if process.returncode != 0:
        last = errors.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        raise RuntimeError(last[0][:160])
    return output, time.perf_counter() - started, peak[0]


def measure_worker(variant: str, input_file: Path, threads: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--worker", variant, "--input", str(input_file)]
    output, _, peak = watch([*command, "--threads", str(threads)], threads)
    return {"seconds": json.loads(output.splitlines()[-1])["seconds"], "peak_mib": peak}


def score_once(template: str, path: Path, models: str | Path, threads: int) -> tuple[float, float]:
    """Run the whole command on one file; return its seconds and peak MiB."""
    with tempfile.TemporaryDirectory() as out:
        filled = [
            part.format(python=sys.executable, input=path, models=models, out=out + "/scored")
            for part in shlex.split(template)
        ]
        _, seconds, peak = watch(filled, threads)
    return seconds, peak


def measure_score(template: str, inputs: Path, few: Path, arguments: Any) -> dict[str, float]:
    """Time the whole command on all conversations and on a few; the rest is the difference."""
    seconds, peak = {}, 0.0
    for name, path in (("few", few), ("all", inputs)):
        seconds[name], reached = score_once(template, path, arguments.models, arguments.threads)
        peak = max(peak, reached)
    return {
        "seconds": seconds["all"] - seconds["few"],
        "start_up": seconds["few"],
        "peak_mib": peak,
    }


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Write conversations; return how many, and how many turns they have."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(rows), sum(len(row["turns"]) for row in rows)


def measure_all(arguments: Any, folder: Path) -> dict[str, dict[str, Any]]:
    """Return for each variant its medians, or why it was not measured."""
    rows = conversations(arguments.data, arguments.dialogues)
    few = min(arguments.start_up_dialogues, len(rows) - 1)
    part = min(arguments.pipeline_dialogues, len(rows))
    everything, first, subset = (folder / f"{n}.jsonl" for n in ("all", "few", "part"))
    n_all, n_few = write_rows(everything, rows), write_rows(first, rows[:few])
    n_part = write_rows(subset, rows[:part])
    rest = (n_all[0] - n_few[0], n_all[1] - n_few[1])
    plans: dict[str, tuple[tuple[int, int], int, Callable[[], dict[str, float]]]] = {
        name: (n_all, 1, lambda n=name: measure_worker(n, everything, arguments.threads))
        for name in ("sentence-transformers", *ENCODERS, *ENCODERS.values())
    }
    plans["autoqa score"] = (
        rest,
        1,
        lambda: measure_score(arguments.score_command, everything, first, arguments),
    )
    plans["pipelines"] = (
        n_part,
        arguments.criteria,
        lambda: measure_worker("pipelines", subset, arguments.threads),
    )
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in plans}
    failed: dict[str, str] = {}
    for repeat in range(arguments.repeats):
        for name, (_, _, measure) in plans.items():
            if name in failed:
                continue
            try:
                runs[name].append(measure())
            except (RuntimeError, OSError, ValueError, LookupError) as error:
                failed[name] = str(error)
            print(f"repeat {repeat + 1}, {name}: done", file=sys.stderr)
    results: dict[str, dict[str, Any]] = {}
    for name, ((n_conversations, n_turns), times, _) in plans.items():
        if name in failed:
            results[name] = {"not_measured": failed[name]}
            continue
        median = {key: statistics.median(r[key] for r in runs[name]) for key in runs[name][0]}
        seconds = median["seconds"] * times
        results[name] = {
            **median,
            "n_conversations": n_conversations,
            "n_turns": n_turns,
            "scaled_by": times,
            "transcripts_per_s": n_conversations / seconds,
            "turns_per_s": n_turns / seconds,
        }
    return results


def measure_memory(arguments: Any, folder: Path) -> dict[str, dict[str, Any]]:
    """Return, by rules and with models, the peak of each number of conversations."""
    from autoqa.scorers.folder import write_models

    # Without --models the command takes models/default, so a folder without heads stands for none.
    scorers = {"rules only": write_models(folder / "none", {}, {}).path}
    if (Path(arguments.models) / "models.json").is_file():
        scorers[str(arguments.models)] = Path(arguments.models)
    else:
        print(f"{arguments.models}: no model folder, so rules only", file=sys.stderr)
    inputs = {n: folder / f"{n}.jsonl" for n in sorted(set(arguments.conversations))}
    for n, path in inputs.items():
        with path.open("w", encoding="utf-8") as file:
            for row in _simulated(n):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    # The same number of workers at every size, so that only the conversations differ.
    template = f"{arguments.score_command} --workers {arguments.threads}"
    results: dict[str, dict[str, Any]] = {}
    for name, models in scorers.items():
        peaks: dict[str, float] = {}
        for n, path in inputs.items():
            seconds, peaks[str(n)] = score_once(template, path, models, arguments.threads)
            print(f"{name}, {n} conversations: {seconds:.0f} s", file=sys.stderr)
        few, many = peaks.values()
        results[name] = {"peak_mib": peaks, "ratio": many / few}
    return results


def memory_table(results: dict[str, dict[str, Any]]) -> str:
    """Return the peaks as a Markdown table."""
    sizes = list(next(iter(results.values()))["peak_mib"])
    heads = [f"peak MiB, {n} conversations" for n in sizes]
    lines = [f"| scored by | {' | '.join(heads)} | ratio |", "|---" * (len(sizes) + 2) + "|"]
    for name, row in results.items():
        peaks = " | ".join(f"{row['peak_mib'][n]:.0f}" for n in sizes)
        lines.append(f"| {name} | {peaks} | {row['ratio']:.2f} |")
    return "\n".join(lines)


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return the results as a Markdown table, with ratios to the two points of comparison."""

    def ratio(name: str, other: str) -> str:
        theirs = results[other].get("transcripts_per_s")
        return f"{results[name]['transcripts_per_s'] / theirs:.2f}" if theirs else "-"

    lines = [
        "| variant | transcripts/s | turns/s | peak MiB | x sentence-transformers | x pipelines |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in results.items():
        if name in ENCODERS.values():
            continue
        if "not_measured" in row:
            lines.append(f"| {name} | not measured: {row['not_measured']} | | | | |")
            continue
        lines.append(
            f"| {name} | {row['transcripts_per_s']:.2f} | {row['turns_per_s']:.0f} "
            f"| {row['peak_mib']:.0f} | {ratio(name, 'sentence-transformers')} "
            f"| {ratio(name, 'pipelines')} |"
        )
    return "\n".join(lines)


def notes(results: dict[str, dict[str, Any]], arguments: Any) -> list[str]:
    """Return what the table cannot say."""
    processor = platform.processor() or platform.machine()
    runs = f"medians of {arguments.repeats} runs in fresh processes"
    pipelines = f"1 of {arguments.criteria} measured, its time x {arguments.criteria}"
    said = [
        f"{arguments.threads} threads, {runs}, {processor}",
        f"pipelines: {pipelines}, on {arguments.pipeline_dialogues} conversations; memory of one",
    ]
    score = results["autoqa score"]
    if "not_measured" not in score:
        said.append(f"autoqa score: start-up of {score['start_up']:.1f} s apart")
        raw = [results[name].get("transcripts_per_s", 0.0) for name in ENCODERS]
        if max(raw):
            said.append(
                f"autoqa score runs at {score['transcripts_per_s'] / max(raw):.0%} of the "
                f"speed of the faster encoder alone"
            )
    for name, roof in ENCODERS.items():
        if "seconds" in results[name] and "seconds" in results[roof]:
            share = results[roof]["seconds"] / results[name]["seconds"]
            said.append(f"{name} reaches {share:.0%} of the speed of plain matrix products")
    return said


def measure_precision(arguments: Any, folder: Path) -> dict[str, dict[str, float]]:
    """Return per criterion how far scores of fp32 and bf16 are apart, in points of 100."""
    import pandas as pd

    path = folder / "some.jsonl"
    write_rows(path, conversations(arguments.data, arguments.dialogues))
    tables = {}
    for precision in ("fp32", "bf16"):
        out = folder / precision
        command = arguments.score_command.format(
            python=sys.executable, input=path, models=arguments.models, out=out
        )
        watch(shlex.split(f"{command} --precision {precision}"), arguments.threads)
        found = [pd.read_parquet(out / f"{name}.parquet") for name in ("ratings", "csat")]
        keys = ["conversation_id", "criterion", "turn"]
        answers = pd.concat(found)[[*keys, "expected", "probabilities"]].set_index(keys)
        tables[precision] = answers.add_suffix(f"_{precision}")
    both = tables["fp32"].join(tables["bf16"]).dropna()
    widths = both["probabilities_fp32"].map(len) - 1
    both["points"] = 100 * (both["expected_fp32"] - both["expected_bf16"]).abs() / widths
    return {
        name: {"n": len(rows), "mean": rows.mean(), "worst": rows.max()}
        for name, rows in both.groupby("criterion")["points"]
    }


def precision_table(results: dict[str, dict[str, float]]) -> str:
    """Return the distances as a Markdown table."""
    lines = ["| criterion | n | mean distance | largest |", "|---|---|---|---|"]
    for name, row in results.items():
        lines.append(f"| {name} | {row['n']} | {row['mean']:.3f} | {row['worst']:.3f} |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--part",
        choices=("speed", "memory", "precision"),
        default="speed",
        help="what to measure; see above",
    )
    parser.add_argument(
        "--data", type=Path, help="dataset folder; default: ../shared/data/uss_mwoz"
    )
    parser.add_argument("--dialogues", type=int, default=800)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--criteria", type=int, default=10)
    parser.add_argument("--pipeline-dialogues", type=int, default=20)
    parser.add_argument("--start-up-dialogues", type=int, default=288)
    parser.add_argument(
        "--conversations",
        type=int,
        nargs=2,
        default=(400, 4000),
        metavar=("FEW", "MANY"),
        help="of --part memory; at least 64, or start-up is all that is measured",
    )
    parser.add_argument("--models", default="models/default", help="folder for `autoqa score`")
    parser.add_argument("--score-command", default=SCORE_COMMAND, help="what to run end to end")
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--worker", choices=sorted(WORKERS), help=argparse.SUPPRESS)
    parser.add_argument("--input", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    few, many = arguments.conversations
    if not 0 < few < many:
        parser.error(f"--conversations {few} {many}: give a number above 0, then a greater one")
    return arguments


def main() -> None:
    arguments = parse()
    if arguments.worker:
        work(arguments.worker, arguments.input, arguments.threads)
        return
    if arguments.part == "memory":
        with tempfile.TemporaryDirectory() as folder:
            results = measure_memory(arguments, Path(folder))
        print(memory_table(results))
        print(f"\n* simulated conversations, {arguments.threads} workers, each in fresh processes")
        write_json(arguments.json, results)
        return
    default = Path("../shared/data/uss_mwoz")
    if arguments.data is None and default.is_dir():
        arguments.data = default
    if arguments.part == "precision":
        with tempfile.TemporaryDirectory() as folder:
            distances = measure_precision(arguments, Path(folder))
        print(precision_table(distances))
        print("\n* points of 100 of the scale, between answers in fp32 and in bf16")
        write_json(arguments.json, distances)
        return
    with tempfile.TemporaryDirectory() as folder:
        results = measure_all(arguments, Path(folder))
    print(f"texts: {arguments.data.name if arguments.data else 'simulated contact centre'}\n")
    print(table(results))
    print("\n" + "\n".join(f"* {note}" for note in notes(results, arguments)))
    write_json(arguments.json, results)


def write_json(path: Path | None, results: dict[str, Any]) -> None:
    if path is not None:
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
