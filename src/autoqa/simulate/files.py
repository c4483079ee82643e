"""Write a simulated centre as files: conversations in the uniform schema, the truth beside them."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autoqa.readers import to_uniform
from autoqa.simulate.generate import SimulatedCentre, SimulatedConversation, iter_simulated
from autoqa.simulate.settings import SimulationSettings
from autoqa.simulate.truth import ConversationTruth, draw_centre, truth_table
from autoqa.store import atomic_file, atomic_write_json
from autoqa.store.columns import dump_json

_ROWS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class SimulationFiles:
    """Where a simulation was written."""

    conversations: Path
    truth: Path  # agents, topics, raters, settings, effect sizes
    conversation_truth: Path  # one row per conversation


def write_simulation(
    source: SimulatedCentre | SimulationSettings, directory: Path | str
) -> SimulationFiles:
    """Write ``conversations.jsonl.gz``, ``truth.json`` and ``truth.parquet``.

    Equal simulations give equal bytes.

    Parameters
    ----------
    source : SimulatedCentre or SimulationSettings
        Settings are simulated while writing, in constant memory.
    directory : path
        Made where absent; files of these names in it are replaced.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    files = SimulationFiles(
        conversations=folder / "conversations.jsonl.gz",
        truth=folder / "truth.json",
        conversation_truth=folder / "truth.parquet",
    )
    if isinstance(source, SimulatedCentre):
        centre = source.truth.centre
        pairs: Iterable[SimulatedConversation] = map(
            SimulatedConversation, source.conversations, source.truth.conversations
        )
    else:
        centre = draw_centre(source)
        pairs = iter_simulated(source)
    _write_both(pairs, files)
    atomic_write_json(files.truth, centre.to_json())
    return files


def _write_both(pairs: Iterable[SimulatedConversation], files: SimulationFiles) -> None:
    import pyarrow.parquet as pq

    def rows() -> Iterator[ConversationTruth]:
        for labelled, truth in pairs:
            # Said first and outside `meta` too, so that nobody opening the file can miss it.
            line = {"simulated": True, **to_uniform(labelled)}
            packed.write(dump_json(line).encode() + b"\n")
            yield truth

    with (
        atomic_file(files.conversations) as raw,
        atomic_file(files.conversation_truth) as table_file,
        # A modification time or file name in the header would change the bytes from run to run.
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as packed,
        pq.ParquetWriter(table_file, truth_table(()).schema) as table,
    ):
        waiting: list[ConversationTruth] = []
        for truth in rows():
            waiting.append(truth)
            if len(waiting) == _ROWS_AT_ONCE:
                table.write_table(truth_table(waiting))
                waiting.clear()
        table.write_table(truth_table(waiting))
