"""Score customer-service conversations as a QA team would, predict CSAT, measure the trust in both.

::

    import autoqa

    card = autoqa.load_scorecard("support-core")
    summary = autoqa.score(["calls.jsonl.gz"], "scored", autoqa.ScoringSetup(card))
    automated = autoqa.read_ratings("scored")
    human = autoqa.read_ratings("rated.jsonl")
    comparison = autoqa.compare(automated, human, card=card)
    autoqa.plot_agreement(comparison)

    centre = autoqa.simulate.simulate(conversations=200)  # labelled conversations to try things on

Names and sub-packages are imported when they are first used, so ``import autoqa`` loads nothing
heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from autoqa.batch import Scored, ScoringSetup, Summary, score
    from autoqa.csat import CsatModel
    from autoqa.errors import (
        AutoqaError,
        DataError,
        EncoderError,
        ExperimentError,
        MissingData,
        ModelError,
        ReadError,
        RecordError,
        ScaleError,
        ScorecardError,
        ScorerError,
        StoreError,
    )
    from autoqa.evaluation import (
        Comparison,
        Estimate,
        compare,
        plot_agreement,
        plot_reliability,
        plot_totals_and_csat,
    )
    from autoqa.experiments.benchmark import run_benchmark
    from autoqa.experiments.run import run_experiment
    from autoqa.experiments.training import train
    from autoqa.features.batch import Batch
    from autoqa.features.encoders import load_encoder
    from autoqa.features.routing import default_encoders
    from autoqa.privacy import redact, redact_labelled, redact_text
    from autoqa.readers import (
        Quarantine,
        read,
        read_human_ratings,
        read_ratings,
        read_surveys,
        write_uniform,
    )
    from autoqa.records import (
        Action,
        Channel,
        Evaluation,
        Evidence,
        Flag,
        LabelledTranscript,
        RaterKind,
        Rating,
        Speaker,
        Status,
        Survey,
        Transcript,
        Turn,
    )
    from autoqa.review import flag
    from autoqa.review.inline import show_conversation
    from autoqa.scorecard import (
        Criterion,
        Level,
        Scorecard,
        evaluate,
        library_names,
        lint,
        load_scorecard,
    )
    from autoqa.scorers import (
        LinearScorer,
        ModelFolder,
        Panel,
        RulesScorer,
        Scorer,
        TextModel,
        register_scorer,
    )
    from autoqa.simulate import SimulationSettings, iter_simulated, write_simulation
    from autoqa.store import (
        from_pandas,
        from_polars,
        read_records,
        to_pandas,
        to_polars,
        write_records,
    )

_HOMES = {
    "batch": "Scored ScoringSetup Summary score",
    "csat": "CsatModel",
    "errors": "AutoqaError DataError EncoderError ExperimentError MissingData ModelError ReadError "
    "RecordError ScaleError ScorecardError ScorerError StoreError",
    "evaluation": "Comparison Estimate compare plot_agreement plot_reliability "
    "plot_totals_and_csat",
    "experiments.benchmark": "run_benchmark",
    "experiments.run": "run_experiment",
    "experiments.training": "train",
    "features.batch": "Batch",
    "features.encoders": "load_encoder",
    "features.routing": "default_encoders",
    "privacy": "redact redact_labelled redact_text",
    "readers": "Quarantine read read_human_ratings read_ratings read_surveys write_uniform",
    "records": "Action Channel Evaluation Evidence Flag LabelledTranscript RaterKind Rating "
    "Speaker Status Survey Transcript Turn",
    "review": "flag",
    "review.inline": "show_conversation",
    "scorecard": "Criterion Level Scorecard evaluate library_names lint load_scorecard",
    "scorers": "LinearScorer ModelFolder Panel RulesScorer Scorer TextModel register_scorer",
    "simulate": "SimulationSettings iter_simulated write_simulation",
    "store": "from_pandas from_polars read_records to_pandas to_polars write_records",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}
_PACKAGES = (
    "batch",
    "csat",
    "evaluation",
    "experiments",
    "features",
    "privacy",
    "readers",
    "reports",
    "review",
    "scorecard",
    "scorers",
    "simulate",
    "store",
)

__all__ = [
    "Action",
    "AutoqaError",
    "Batch",
    "Channel",
    "Comparison",
    "Criterion",
    "CsatModel",
    "DataError",
    "EncoderError",
    "Estimate",
    "Evaluation",
    "Evidence",
    "ExperimentError",
    "Flag",
    "LabelledTranscript",
    "Level",
    "LinearScorer",
    "MissingData",
    "ModelError",
    "ModelFolder",
    "Panel",
    "Quarantine",
    "RaterKind",
    "Rating",
    "ReadError",
    "RecordError",
    "RulesScorer",
    "ScaleError",
    "Scorecard",
    "ScorecardError",
    "Scored",
    "Scorer",
    "ScorerError",
    "ScoringSetup",
    "SimulationSettings",
    "Speaker",
    "Status",
    "StoreError",
    "Summary",
    "Survey",
    "TextModel",
    "Transcript",
    "Turn",
    "__version__",
    "compare",
    "default_encoders",
    "evaluate",
    "flag",
    "from_pandas",
    "from_polars",
    "iter_simulated",
    "library_names",
    "lint",
    "load_encoder",
    "load_scorecard",
    "plot_agreement",
    "plot_reliability",
    "plot_totals_and_csat",
    "read",
    "read_human_ratings",
    "read_ratings",
    "read_records",
    "read_surveys",
    "redact",
    "redact_labelled",
    "redact_text",
    "register_scorer",
    "run_benchmark",
    "run_experiment",
    "score",
    "show_conversation",
    "to_pandas",
    "to_polars",
    "train",
    "write_records",
    "write_simulation",
    "write_uniform",
]


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"autoqa.{name}")
    if name not in _HOME:
        from autoqa.errors import near_miss

        hint = near_miss(name, [*_HOME, *_PACKAGES])
        raise AttributeError(f"module 'autoqa' has no attribute '{name}'.{hint}")
    value = getattr(importlib.import_module(f"autoqa.{_HOME[name]}"), name)
    globals()[name] = value  # found at once the next time
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_PACKAGES})
