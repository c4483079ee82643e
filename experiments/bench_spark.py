"""What does a conversation cost on Spark? Processor time per conversation, and what a million take.

Simulated conversations are scored in a local Spark session of one core: a few, so that models are
loaded and code is compiled, and then more. Counted is the processor time of Spark and its Python
workers together, which a busy machine does not change much; the clock is not looked at.

    python experiments/bench_spark.py --models models/default --conversations 600
    python experiments/bench_spark.py --conversations 3000        # by rules alone
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from pathlib import Path

import psutil
from bench.texts import simulated

from autoqa.batch import ScoringSetup
from autoqa.batch.spark import score_with_spark, spark_session
from autoqa.scorecard import load_scorecard

_WARM_UP = 200


def main() -> None:
    """Measure, and print one line of Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path)
    parser.add_argument("--scorecard", default="support-core")
    parser.add_argument("--conversations", type=int, default=1000)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", category=FutureWarning, module="pyspark")
    setup = ScoringSetup(load_scorecard(arguments.scorecard), arguments.models)
    rows = list(simulated(_WARM_UP + arguments.conversations))
    with tempfile.TemporaryDirectory() as name, spark_session("local[1]") as spark:
        folder = Path(name)
        spent = []
        for part, some in enumerate((rows[:_WARM_UP], rows[_WARM_UP:])):
            file = folder / f"{part}.jsonl"
            file.write_text("".join(json.dumps(row) + "\n" for row in some), encoding="utf-8")
            before = _processor_seconds()
            score_with_spark(spark, file, setup, folder / f"out-{part}")
            spent.append(_processor_seconds() - before)
    each = spent[1] / arguments.conversations
    turns = sum(len(row["turns"]) for row in rows) / len(rows)
    print(
        f"| {arguments.models or 'rules alone'} | {arguments.conversations} of {turns:.0f} turns "
        f"| {1000 * each:.0f} ms | {1 / each:.0f} | {1e6 * each / 3600:.0f} |"
    )


def _processor_seconds() -> float:
    """Return what this process and all below it have used; workers go on until Spark ends."""
    total = 0.0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        times = process.cpu_times()
        total += times.user + times.system
    return total


if __name__ == "__main__":
    main()
