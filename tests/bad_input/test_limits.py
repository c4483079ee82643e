"""What a hostile file can take of memory and of time."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time

import pytest

from autoqa.readers import Quarantine, read

HUNDRED_MB = 100 * 10**6
CALL = (
    '{"conversation_id": "fine", "turns": [{"speaker": "agent", "text": "Good morning."}, '
    '{"speaker": "customer", "text": "Hello."}]}\n'
)

MEASURED = """
import json, re, sys
from pathlib import Path
from autoqa.readers import Quarantine, read

import pyarrow.parquet  # imports are no part of what reading takes

read([sys.argv[1]], quarantine=Quarantine())

def kilobytes(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1))

Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
before = kilobytes("VmRSS")
quarantine = Quarantine()
kept = [one.transcript.conversation_id for one in read([sys.argv[1]], quarantine=quarantine)]
print(json.dumps([kept, quarantine.counts, 1024 * (kilobytes("VmHWM") - before)]))
"""


def measured(path):
    """Read a file in a process of its own: ids kept, reasons, bytes above the base."""
    command = [sys.executable, "-c", MEASURED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def with_long_line(path, before, after):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wb") as stream:
        stream.write(before)
        for _ in range(100):
            stream.write(b"all work and no play " * (HUNDRED_MB // 100 // 21))
        stream.write(after)
    return path


HEADER = b"conversation_id,speaker,text\n"
LINES = {
    "line.jsonl": (b'{"conversation_id": "', b'"}\n' + CALL.encode()),
    "text.jsonl": (b'{"conversation_id": "x", "turns": [{"speaker": "agent", "text": "',
                   b'"}]}\n' + CALL.encode()),
    "document.json": (b'{"turns": "', b'"}'),
    "cell.csv": (HEADER + b"x,agent,", b"\nfine,agent,hello\nfine,customer,hello\n"),
    "quoted.csv": (HEADER + b'x,agent,"', b'"\nfine,agent,hello\nfine,customer,hello\n'),
    "turn.txt": (b"# x\nAgent: ", b"\n---\n# fine\nAgent: hello\nCustomer: hello\n"),
    "nothing.txt": (b"", b"\n"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux tells it")
@pytest.mark.parametrize("name", LINES)
def test_a_line_of_100_mb_takes_less_than_64_mb(tmp_path, name):
    kept, counts, peak = measured(with_long_line(tmp_path / name, *LINES[name]))
    assert peak < 64 * 10**6
    assert kept == (["fine"] if b"fine" in LINES[name][1] else [])
    assert sum(counts.values()) == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux tells it")
def test_a_quote_that_swallows_27_mb_of_rows_costs_one_of_them_and_less_than_64_mb(tmp_path):
    path = tmp_path / "open.csv"
    with path.open("wb") as stream:
        stream.write(HEADER + b'open,agent,"never closed\n')
        stream.writelines(b"c%d,agent,%s\n" % (n, b"words " * 3000) for n in range(1_500))
    kept, counts, peak = measured(path)
    assert peak < 64 * 10**6
    assert len(kept) == 1_500  # not one of them is lost
    assert counts == {"bad_row": 1}


@pytest.mark.parametrize("name", ["zeros.jsonl.gz", "zeros.csv.gz", "zeros.txt.gz", "zeros.gz"])
def test_a_zip_bomb_is_refused_in_less_than_a_second(tmp_path, name):
    path = tmp_path / name
    with gzip.open(path, "wb", 9) as stream:
        stream.write(CALL.encode())
        for _ in range(200):
            stream.write(bytes(2**20))
    quarantine = Quarantine()
    started = time.process_time()
    list(read([path], quarantine=quarantine))
    assert time.process_time() - started < 1
    assert quarantine.records_quarantined >= 1


def test_a_bomb_of_good_records_keeps_those_before_it_is_seen(tmp_path):
    path = tmp_path / "calls.jsonl.gz"
    with gzip.open(path, "wb", 9) as stream:
        stream.write(CALL.encode() * 20_000)
    quarantine = Quarantine()
    assert len(list(read([path], quarantine=quarantine))) == 1
    assert quarantine.counts.keys() == {"repeated", "zip_bomb"}
