"""Running commands in fresh processes, and what they take of time and memory."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

SCORE_COMMAND = (
    "{python} -m autoqa.cli score {input} --scorecard support-core --models {models} --out {out}"
)


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


def score_once(template: str, path: Path, models: str | Path, threads: int) -> tuple[float, float]:
    """Run the whole command on one file; return its seconds and peak MiB."""
    with tempfile.TemporaryDirectory() as out:
        filled = [
            part.format(python=sys.executable, input=path, models=models, out=out + "/scored")
            for part in shlex.split(template)
        ]
        _, seconds, peak = watch(filled, threads)
    return seconds, peak
