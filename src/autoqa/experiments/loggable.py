"""What may be written to a tracking store: names it accepts, no conversations, no secrets."""

from __future__ import annotations

import math
import re
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from autoqa.errors import AutoqaError, ExperimentError

TEXT_NAMES = frozenset(
    {"text", "turns", "transcript", "transcript_json", "utterance", "comment", "quote"}
)
"""Column and key names that carry what people said."""

MASK = "***"
_SECRET_KEY = re.compile(
    r"(^|[_.\-])(api[_-]?key|token|secret|passw(or)?d|credentials?|authorization)$", re.IGNORECASE
)
_URL_USER = re.compile(r"(?<=://)[^/\s@]+@")
_NOT_IN_NAMES = re.compile(r"[^\w.\-/]+")
_MAX_SETTING = 5000  # MLflow takes 6000 in a parameter, 8000 in a tag
_MAX_REASON = 500
_PARTS = ("value", "low", "high", "n")


def safe_name(name: str) -> str:
    """Return `name` with what a metric or parameter name may not hold replaced by ``_``.

    Slashes stay (they group charts); empty, ``.`` and ``..`` segments go.
    """
    parts = (
        _NOT_IN_NAMES.sub("_", part.replace("%", "percent")).strip("_") for part in name.split("/")
    )
    cleaned = "/".join(part for part in parts if part.strip("."))
    if not cleaned:
        raise ExperimentError(f"'{name}' cannot be a name; use letters, digits and _ - . /")
    return cleaned[:240]


def flat_params(params: Mapping[str, Any], *, prefix: str = "") -> dict[str, str]:
    """Flatten nested settings to ``a.b`` names with text values; secrets are masked."""
    flat: dict[str, str] = {}
    for key, value in params.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and not is_secret(str(key)):
            flat |= flat_params(value, prefix=f"{name}.")
        else:
            flat[safe_name(name)] = loggable_value(str(key), value)
    return flat


def loggable_value(name: str, value: Any) -> str:
    """Return a setting as text without secrets, cut where the store would refuse it."""
    text = without_credentials(str(_masked(name, value)))
    return text if len(text) <= _MAX_SETTING else f"{text[: _MAX_SETTING - 3]}..."


def is_secret(name: str) -> bool:
    """Whether a setting of this name holds a key, token or password."""
    return _SECRET_KEY.search(name) is not None


def _masked(name: str, value: Any) -> Any:
    if is_secret(name):
        return MASK
    if isinstance(value, Mapping):
        return {key: _masked(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked("", item) for item in value]
    return value


def without_credentials(text: str) -> str:
    """Mask user and password in URLs."""
    return _URL_USER.sub(f"{MASK}@", text)


def metric_values(metrics: Mapping[str, Any]) -> tuple[dict[str, float], list[str]]:
    """Return finite numbers by name, and the names of figures that have no value.

    Parameters
    ----------
    metrics : mapping of str to estimate
        An estimate is a number, a mapping, or an object, the latter two with ``value`` and, where
        known, ``low``, ``high`` and ``n``; they become ``name``, ``name_low``, ``name_high`` and
        ``name_n``.

    Raises
    ------
    ExperimentError
        If two figures would get one name, or an estimate has no ``value``.
    """
    values: dict[str, float] = {}
    undefined: list[str] = []
    for name, estimate in metrics.items():
        base = safe_name(name)
        for suffix, number in _parts(name, estimate).items():
            full = f"{base}{suffix}"
            if full in values or full in undefined:
                raise ExperimentError(f"metric '{name}': a second figure is named '{full}'; rename")
            # A figure that could not be computed is not 0 and not NaN: it is absent, and listed.
            if number is None or not math.isfinite(number):
                undefined.append(full)
            else:
                values[full] = float(number)
    return values, undefined


def _parts(name: str, estimate: Any) -> dict[str, float | None]:
    if estimate is None or isinstance(estimate, int | float):
        return {"": estimate}
    if isinstance(estimate, Mapping):
        parts = dict(estimate)
    else:
        parts = {k: getattr(estimate, k) for k in _PARTS if hasattr(estimate, k)}
    if "value" not in parts:
        try:
            return {"": float(estimate)}  # NumPy scalars
        except (TypeError, ValueError):
            raise ExperimentError(
                f"metric '{name}': {type(estimate).__name__} has no 'value'; give a number or "
                "{value, low, high}"
            ) from None
    known = {f"_{key}": parts[key] for key in _PARTS[1:] if parts.get(key) is not None}
    return {"": parts["value"], **known}


def refuse_text_columns(columns: Iterable[str], where: str) -> None:
    """Raise ExperimentError if a table would carry what people said."""
    for column in columns:
        if _carries_text(str(column)):
            raise ExperimentError(
                f"{where}: column '{column}' may hold what people said, which is never logged; "
                "drop it, conversation_id and turn are enough to find it"
            )


def refuse_text_keys(value: Any, where: str, path: str = "") -> None:
    """Raise ExperimentError if nested JSON carries what people said; counts may keep the name."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            place = f"{path}.{key}" if path else str(key)
            if _carries_text(str(key)) and not isinstance(item, int | float | None):
                raise ExperimentError(
                    f"{where}: key '{place}' may hold what people said, which is never logged; "
                    "remove it"
                )
            refuse_text_keys(item, where, place)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            refuse_text_keys(item, where, f"{path}.{index}")


def _carries_text(name: str) -> bool:
    lowered = name.lower()
    return lowered in TEXT_NAMES or lowered.endswith("_text")


def artifact_name(path: str, suffixes: tuple[str, ...]) -> PurePosixPath:
    """Return a run-relative file name, or raise ExperimentError."""
    name = PurePosixPath(path)
    if name.is_absolute() or ".." in name.parts or name.suffix not in suffixes:
        raise ExperimentError(
            f"'{path}' cannot be logged; give a relative name ending in {' or '.join(suffixes)}"
        )
    return name


def failure_reason(error: BaseException) -> str:
    """Say what went wrong without quoting data.

    Messages of autoqa's own errors name places, never conversations. Messages of other libraries
    may quote their input, so of those only the kind and the place in the code are kept.
    """
    if isinstance(error, AutoqaError):
        return without_credentials(str(error))[:_MAX_REASON]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
