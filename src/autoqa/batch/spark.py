"""The Spark engine: the local engine's results, from as many machines as there are.

Reading and scoring run in Python workers (`mapInArrow`), each of which loads the models once.

One pass writes ``scored/``: a row per record of the input, redacted, with everything that scoring
made of it as nested columns, and in ``problem`` why a record was left out. The tables are
projections of it. Written once by Spark's commit protocol, it outlives any executor; a cache would
not, and what a lost one held would be scored again.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoqa.batch.chunks import CHUNK
from autoqa.batch.manifest import manifest_of
from autoqa.batch.spark_results import Results
from autoqa.batch.spark_rows import read_schema, scored_schema
from autoqa.batch.spark_units import Unit, units_of, with_line_numbers
from autoqa.batch.spark_worker import Met, Reading, counting, reading, scoring, taking
from autoqa.batch.summary import Summary, summary_of
from autoqa.batch.tally import unpacked_size
from autoqa.batch.work import ScoringSetup
from autoqa.errors import DataError, RunRefused, RunStopped, ScorerError
from autoqa.privacy import Redaction
from autoqa.readers import Format, Source
from autoqa.readers.reading import find_files
from autoqa.records import Speaker, Transcript
from autoqa.store import arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_PARTITION_BYTES = 2**20  # some 250 conversations: ten seconds of scoring with models
_ARROW_ROWS = 256  # sent to a worker at a time; Spark's 10,000 would be 40 MB and more


def score_with_spark(
    spark: SparkSession,
    inputs: str | Path | Iterable[str | Path] | DataFrame,
    setup: ScoringSetup,
    out: str | Path,
    *,
    format: str | None = None,  # noqa: A002 - the word that the command line uses
    columns: Mapping[str, str] | None = None,
    speakers: Mapping[str, Speaker] | None = None,
    partitions: int | None = None,
) -> Summary:
    """Score conversations on a Spark cluster.

    Writes the folders ``scored``, ``evaluations``, ``ratings``, ``csat``, ``flags`` and
    ``transcripts`` (Parquet; columns as the local engine's), ``quarantine`` (JSON lines), and, last
    of all, ``summary.json`` to `out`. Scores do not depend on how rows are partitioned, up to the
    rounding of ``bf16`` arithmetic.

    Parameters
    ----------
    spark : SparkSession
    inputs : iterable of path, or DataFrame
        Files and folders that every worker sees at the same place; read with `autoqa.readers`, and
        what an earlier conversation's id repeats is left out, as by the local engine. Or a table:
        with the columns of stored transcripts (``spark.read.parquet``), or with a column
        ``transcript_json`` or ``value`` (``spark.read.text``), one conversation in the uniform
        schema per row. Of a table, columns ``file`` and ``line`` say where a row is from. Tables
        have no order, so of several conversations with one id any may be kept, though the same
        one whatever the partitions.
    setup : ScoringSetup
        Its model folder has to be at the same place on every worker.
    out : path or URL
        Folder for the results, which every worker can write to.
    format, columns, speakers
        See `autoqa.readers.read`; for files.
    partitions : int, optional
        Tasks that score; default, by the size of the files, at least two per core.

    Raises
    ------
    DataError
        If a table has no column with conversations.
    ReadError
        If an input does not exist or no format fits.
    ModelError, ScorerError
        If the models or the scorecard's scorers cannot be used.
    RunRefused
        If input is inside `out`, or something is there that no run wrote.
    RunStopped
        If the Spark job fails, or `out` is a URL where something is already.
    """
    started = time.perf_counter()
    setup.panel  # noqa: B018 - a wrong set-up fails here, before anything is read
    how: dict[str, Any] = {
        "format": format,
        "columns": dict(columns or {}),
        "speakers": dict(speakers or {}),
    }
    with _small_batches(spark), _failures_in_words():
        files: list[tuple[Source, Format]] = []
        if isinstance(inputs, str | Path):
            inputs = [inputs]
        if isinstance(inputs, Iterable):
            met = Met(Unit(()))
            files = find_files(inputs, met, **how)
            read = _of_files(spark, list(units_of(files)), met, Reading.of(files, setup.redaction))
        else:
            read = _of_table(inputs, setup.redaction)
        _refuse_own_results(files, out)
        with Results(spark, str(out), manifest_of(setup, files, how, CHUNK)) as results:
            results.write_scored(_scored(read, setup, partitions or _partitions(spark, files)))
            results.project()
            seconds = time.perf_counter() - started
            summary = summary_of(setup, **results.counts(), seconds=seconds)
            results.end(summary)
    return summary


def _refuse_own_results(files: Sequence[tuple[Source, Format]], out: str | Path) -> None:
    """Refuse input among the results, which replace what is there."""
    if "://" in str(out):
        return
    folder = Path(out).resolve()
    for source, _ in files:
        if source.path.resolve().is_relative_to(folder):
            raise RunRefused(f"{source.name}: is among the results; name another folder for them")


@contextmanager
def spark_session(master: str | None = None) -> Iterator[SparkSession]:
    """Hold the Spark session; if there is none, one on `master`, or as Spark is configured.

    One that is started here ends with the block.

    Raises
    ------
    ScorerError
        If pyspark or Java is missing.
    """
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        raise ScorerError(
            "the Spark engine needs the 'spark' extra: pip install \"autoqa-transcripts[spark]\""
        ) from None
    if "PYSPARK_GATEWAY_PORT" not in os.environ and (master or "local").startswith("local"):
        # Not from spark-submit: workers here would run the first `python3` of the path.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("autoqa").config("spark.log.level", "ERROR")
    if master is not None:
        builder = builder.master(master)
    running = SparkSession.getActiveSession()
    try:
        session = running or builder.getOrCreate()
    except PySparkException as error:
        raise ScorerError(
            f"Spark does not start ({error.getCondition() or type(error).__name__}); it needs "
            "Java 17 or newer (JAVA_HOME), and a master that can be reached"
        ) from error
    try:
        yield session
    finally:
        if running is None:
            session.stop()


def _of_files(spark: SparkSession, units: list[Unit], met: Met, reading_: Reading) -> DataFrame:
    """Return what is in files, one row per record, and what was met when looking for them."""
    from pyspark.sql.pandas.types import from_arrow_schema

    schema = from_arrow_schema(read_schema())
    ranges = [unit for unit in units if unit.stop is not None]
    if ranges:
        counted = _frame(spark, ranges).mapInArrow(counting(), "path string, start long, n long")
        counts = {(row.path, row.start): row.n for row in counted.collect()}
        units = with_line_numbers(units, counts)
    found = _frame(spark, units).mapInArrow(reading(reading_), schema)
    beside = [
        {"unit": -1, "number": n, "key": f"-1/{n}", **row} for n, row in enumerate(met.rows(None))
    ]
    if not beside:
        return found
    import pyarrow as pa

    table = pa.Table.from_pylist(beside, schema=read_schema())
    return spark.createDataFrame(table, schema).unionAll(found)


def _frame(spark: SparkSession, units: Sequence[Unit]) -> DataFrame:
    rows = [(number, unit.to_json()) for number, unit in enumerate(units)]
    return spark.createDataFrame(rows, "unit long, content string")


def _of_table(table: DataFrame, redaction: Redaction) -> DataFrame:
    """Return what is in a table, one row per row of it."""
    from pyspark.sql import functions as F  # noqa: N812 - its usual name
    from pyspark.sql.pandas.types import from_arrow_schema

    place = [name for name in ("file", "line") if name in table.columns]
    text = next((name for name in ("transcript_json", "value") if name in table.columns), None)
    stored = [name for name in arrow_schema(Transcript).names if name in table.columns]
    if text is None and not {"conversation_id", "turns"} <= set(stored):
        raise DataError(
            f"the table has columns {', '.join(table.columns)}; needed are those of stored "
            "transcripts, or 'transcript_json' with a conversation in the uniform schema"
        )
    # Bytes as they are: text that is not UTF-8 would break in Spark, and is quarantined here.
    kept = stored if text is None else [F.col(text).cast("binary").alias(text)]
    step = taking(text, redaction)
    return table.select(*kept, *place).mapInArrow(step, from_arrow_schema(read_schema()))


def _scored(read: DataFrame, setup: ScoringSetup, partitions: int) -> DataFrame:
    """Return every record with its scores; of records with one id, the first is scored."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F  # noqa: N812
    from pyspark.sql.pandas.types import from_arrow_schema

    # One exchange does both: records with one id meet, and scoring is spread over all cores,
    # however the input was cut. A number that is given is not changed by adaptive execution.
    same_id = Window.partitionBy("key").orderBy("unit", "number")
    return (
        read.repartition(partitions, "key")
        .withColumn("nth", F.row_number().over(same_id))
        .withColumn("first_words", F.first("words").over(same_id))
        .mapInArrow(scoring(setup), from_arrow_schema(scored_schema()))
    )


def _partitions(spark: SparkSession, files: Sequence[tuple[Source, Format]]) -> int:
    """Return how many tasks score: by the size of the input, and no fewer than keep cores busy."""
    from pyspark.errors import PySparkException

    try:
        least = 2 * spark.sparkContext.defaultParallelism
    except (PySparkException, AttributeError):  # Spark Connect does not say
        least = int(str(spark.conf.get("spark.sql.shuffle.partitions", "200")))
    return max(least, sum(unpacked_size(source) for source, _ in files) // _PARTITION_BYTES)


@contextmanager
def _small_batches(spark: SparkSession) -> Iterator[None]:
    """Send conversations to workers a few at a time; leave the session as it was."""
    name = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = spark.conf.get(name)
    spark.conf.set(name, str(_ARROW_ROWS))
    try:
        yield
    finally:
        spark.conf.set(name, str(before))


_OWN_ERROR = re.compile(r"autoqa\.errors\.\w+: ([^\n]*)")


@contextmanager
def _failures_in_words() -> Iterator[None]:
    """Turn a job that failed into one message; Spark's own runs over pages."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JError, PySparkException) as error:
        own = _OWN_ERROR.search(str(error))
        condition = error.getCondition() if isinstance(error, PySparkException) else None
        said = own.group(1) if own else f"{condition or type(error).__name__}; see Spark's log"
        raise RunStopped(f"the Spark job failed: {said}") from error
