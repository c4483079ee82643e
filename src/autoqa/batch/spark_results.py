"""The folder of a Spark run: tables on any file system that Spark can write to."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from autoqa.batch.manifest import MANIFEST, Manifest, RunState
from autoqa.batch.parts import TABLES
from autoqa.batch.spark_rows import PLACE, scored_schema
from autoqa.batch.summary import SUMMARY, Summary
from autoqa.errors import RunRefused
from autoqa.store import arrow_schema, atomic_write_json

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SCORED = "scored"
QUARANTINE = "quarantine"

_GLOB = re.compile(r"[\[\]{}*?\\]")  # what Spark does not take literally in a place to read from

# What to count of a row, as arrays of (kind, name).
_COUNTED = (
    """IF(problem IS NOT NULL, array(named_struct('kind', 'reasons', 'name', problem.reason)),
        IF(transcript IS NOT NULL, array(named_struct('kind', 'scored', 'name', '')), array()))""",
    *(
        f"transform({column}, x -> named_struct('kind', '{kind}', 'name', x))"
        for kind, column in (
            ("notes", "notes.reason"),
            ("ratings", "ratings.status"),
            ("csat", "csat.status"),
            ("flags", "flags.reason"),
        )
    ),
)


class Results:
    """The folder of results, on any file system that Spark can write to.

    Raises
    ------
    RunRefused
        If something is in the way that no run wrote: tables replace what is in their folders.
    """

    def __init__(self, spark: SparkSession, out: str, manifest: Manifest) -> None:
        self._spark = spark
        self._manifest = manifest
        self._folder = None if "://" in out else Path(out).absolute()
        if self._folder is None:
            self._place, self._mode = out.rstrip("/"), "errorifexists"
            return
        # Of Databricks, Spark knows volumes by this name. Elsewhere a path without a scheme may
        # mean another file system to Spark than to Python.
        volume = self._folder.is_relative_to("/Volumes")
        self._place = str(self._folder) if volume else f"file://{self._folder}"
        self._mode = "overwrite"
        if not (self._folder / MANIFEST).exists():
            for name in (SCORED, QUARANTINE, *TABLES):
                if (self._folder / name).exists():
                    raise RunRefused(
                        f"{self._folder / name}: is there, and no scoring run wrote it; name "
                        "another folder for the results"
                    )
        self._folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        if self._folder is not None:
            # First: without it, nothing else counts as a result.
            (self._folder / SUMMARY).unlink(missing_ok=True)
            self._manifest.write(self._folder, RunState.RUNNING)
        return self

    def __exit__(self, *raised: object) -> None:
        if self._folder is not None and not (self._folder / SUMMARY).exists():
            self._manifest.write(self._folder, RunState.STOPPED)

    def write_scored(self, frame: DataFrame) -> None:
        """Write the one table that all others are projections of."""
        self._write(SCORED, frame)

    def _write(self, name: str, frame: DataFrame) -> None:
        frame.write.mode(self._mode).parquet(f"{self._place}/{name}", compression="zstd")

    @property
    def _scored(self) -> DataFrame:
        from pyspark.sql.pandas.types import from_arrow_schema

        schema = from_arrow_schema(scored_schema())
        place = _GLOB.sub(r"\\\g<0>", f"{self._place}/{SCORED}")
        return self._spark.read.schema(schema).parquet(place)

    def project(self) -> None:
        """Write the tables, and what was left out or noted."""
        from pyspark.sql import functions as F  # noqa: N812 - its usual name

        scored = self._scored
        for name, record in TABLES.items():
            if name == "transcripts":
                rows = scored.where("transcript IS NOT NULL").select("transcript.*")
            else:
                rows = scored.select(F.explode(name).alias("row")).select("row.*")
            self._write(name, rows.select(*_described(record)))
        noted = scored.select(F.explode("notes").alias("row")).select("row.*")
        left_out = scored.where("problem IS NOT NULL").select(
            *PLACE, "problem.reason", "problem.message", F.lit(False).alias("kept")
        )
        everything = left_out.unionByName(noted)
        everything.write.mode(self._mode).json(
            f"{self._place}/{QUARANTINE}", ignoreNullFields=False
        )

    def counts(self) -> dict[str, Any]:
        """Return what `summary_of` needs, from one look at the scored rows."""
        counted: dict[str, dict[str, int]] = {}
        for row in (
            self._scored.selectExpr(f"explode(concat({', '.join(_COUNTED)})) AS one")
            .groupBy("one.kind", "one.name")
            .count()
            .collect()
        ):
            counted.setdefault(row["kind"], {})[row["name"]] = row["count"]
        scored = counted.pop("scored", {}).get("", 0)
        kinds = ("reasons", "notes", "ratings", "csat", "flags")
        return {"scored": scored, **{kind: counted.get(kind, {}) for kind in kinds}}

    def end(self, summary: Summary) -> None:
        """Write the summary, by which the run counts as complete."""
        if self._folder is not None:
            self._manifest.write(self._folder, RunState.COMPLETE)
            atomic_write_json(self._folder / SUMMARY, summary.to_dict())
        else:
            line = json.dumps(summary.to_dict(), ensure_ascii=False)
            frame = self._spark.createDataFrame([(line,)], "value string")
            frame.coalesce(1).write.mode(self._mode).text(f"{self._place}/{SUMMARY}")


def _described(record: type) -> list[Any]:
    """Return the columns of a table, the first of which says what the table holds.

    Spark keeps a column's description in the file, where `autoqa.store` finds it.
    """
    from pyspark.sql import functions as F  # noqa: N812

    schema = arrow_schema(record)
    said = {key.decode(): value.decode() for key, value in schema.metadata.items()}
    first, *others = schema.names
    return [F.col(first).alias(first, metadata=said), *others]
