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

``--part scale`` simulates conversations of about ten turns (``--conversations 1000 10000 100000``)
and scores them by rules: conversations per second, milliseconds for each, peak memory of all
processes, and how much faster ``--threads`` workers are than one. The largest takes 10 to 20
minutes.

    python experiments/bench_speed.py --part scale --conversations 1000 5000

``--part precision`` scores the same conversations with ``--models`` in fp32 and in bf16, and prints
how far apart the answers are, in points of 100 of their scale.

    python experiments/bench_speed.py --part precision --dialogues 200

``--part statistics`` measures the statistics on 1,000,000 ratings (``--ratings``): seconds of every
part, apart from making the records, and peak memory, each case in a fresh process.

    python experiments/bench_speed.py --part statistics
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from bench import analyses, memory, precision, scale, speed
from bench.processes import SCORE_COMMAND

PARTS = {
    "speed": speed,
    "memory": memory,
    "scale": scale,
    "precision": precision,
    "statistics": analyses,
}
DATA = Path("../shared/data/uss_mwoz")


def main() -> None:
    arguments = parse()
    if arguments.worker in analyses.CASES:
        analyses.run_here(arguments.worker, arguments.ratings)
        return
    if arguments.worker:
        speed.run_here(arguments.worker, arguments.input, arguments.threads)
        return
    if arguments.data is None and DATA.is_dir():
        arguments.data = DATA
    part = PARTS[arguments.part]
    with tempfile.TemporaryDirectory() as folder:
        results = part.measure(arguments, Path(folder))
    print(part.report(results, arguments))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--part",
        choices=tuple(PARTS),
        default="speed",
        help="what to measure; see above",
    )
    parser.add_argument("--data", type=Path, help=f"dataset folder; default: {DATA}")
    parser.add_argument("--dialogues", type=int, default=800)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--criteria", type=int, default=10)
    parser.add_argument("--pipeline-dialogues", type=int, default=20)
    parser.add_argument("--start-up-dialogues", type=int, default=288)
    parser.add_argument(
        "--conversations",
        type=int,
        nargs="+",
        metavar="N",
        help="of --part memory (default: 400 4000) and --part scale (default: 1000 10000 100000)",
    )
    parser.add_argument("--models", default="models/default", help="folder for `autoqa score`")
    parser.add_argument("--score-command", default=SCORE_COMMAND, help="what to run end to end")
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument(
        "--ratings", type=int, default=1_000_000, help="of --part statistics; about so many"
    )
    workers = sorted({*speed.VARIANTS, *analyses.CASES})
    parser.add_argument("--worker", choices=workers, help=argparse.SUPPRESS)
    parser.add_argument("--input", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sizes = arguments.conversations
    if sizes is not None and (len(sizes) < 2 or sizes != sorted(set(sizes)) or sizes[0] < 1):
        parser.error("--conversations: give a number above 0, then greater ones")
    return arguments


if __name__ == "__main__":
    main()
