"""Every error that autoqa raises on purpose.

::

    AutoqaError
    ├── RecordError (ValueError)        a record breaks one of its own rules
    ├── ScaleError (ValueError)         a rating is not one of the scale's levels
    ├── ScorecardError (ValueError)     a scorecard file cannot be used
    ├── ReadError (ValueError)          a file or one record in it cannot be read
    ├── StoreError (ValueError)         a stored table has the wrong schema or version
    ├── ModelError                      a model folder is missing, damaged or does not fit
    │   └── EncoderError                encoder weights are missing or not the expected ones
    ├── ScorerError (ValueError)        a scorer is unknown or set up wrongly
    ├── RunRefused (ValueError)         a scoring run cannot start in a folder, or go on there
    ├── RunStopped                      a scoring run ended early; what it finished is kept
    │   ├── InputChanged                a file changed while it was being scored
    │   └── WorkersKilled               worker processes go on being killed
    ├── PrivacyError (ValueError)       redaction is set up wrongly
    ├── DataError (ValueError)          a dataset lacks what a command needs
    │   └── MissingData                 the folder it should be in is not there
    ├── ExperimentError (ValueError)    an experiment spec cannot be run
    └── ReviewError                     the review database or page cannot do what was asked

A message names the place, what was found there, and what to do about it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AutoqaError(Exception):
    """Root of the tree: catch this to catch everything that autoqa raises on purpose."""


class RecordError(AutoqaError, ValueError):
    """A record breaks one of its own rules."""


class ScaleError(AutoqaError, ValueError):
    """A rating is not one of the scale's levels."""


class ScorecardError(AutoqaError, ValueError):
    """A scorecard file cannot be used."""


class ReadError(AutoqaError, ValueError):
    """A file, or one record in it, cannot be read.

    Attributes
    ----------
    reason : str
        Short code for quarantine files and counts, for example ``bad_json``.
    """

    def __init__(self, message: str, *, reason: str = "unreadable") -> None:
        super().__init__(message)
        self.reason = reason


class StoreError(AutoqaError, ValueError):
    """A stored table has the wrong schema or version."""


class ModelError(AutoqaError):
    """A model folder is missing, damaged, or does not fit the task."""


class EncoderError(ModelError):
    """Encoder weights are missing or are not the expected ones."""


class ScorerError(AutoqaError, ValueError):
    """A scorer is unknown or set up wrongly."""


class RunRefused(AutoqaError, ValueError):
    """A scoring run cannot start in a folder, or cannot go on with what is there."""


class RunStopped(AutoqaError):
    """A scoring run ended before its time; the conversations that it finished are kept."""


class InputChanged(RunStopped):
    """A file changed while it was being scored."""


class WorkersKilled(RunStopped):
    """Worker processes do not start, or go on being killed."""


class PrivacyError(AutoqaError, ValueError):
    """Redaction is set up wrongly: no key, or no model for names."""


class DataError(AutoqaError, ValueError):
    """A dataset lacks what a command needs."""


class MissingData(DataError):
    """A dataset's folder is not there; a runner may skip the experiment with this message."""


class ReviewError(AutoqaError):
    """The review database or page cannot do what was asked."""


class ExperimentError(AutoqaError, ValueError):
    """An experiment spec cannot be run."""


def near_miss(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` when a known word is close to `word`, otherwise nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def some_of(names: Iterable[str], *, most: int = 3) -> str:
    """Return the first few of many names, for a message: ``a, b, c and 4 more``."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
