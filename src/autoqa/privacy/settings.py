"""How personal values are replaced, and the key where their tags come from one."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from autoqa.errors import PrivacyError
from autoqa.privacy.kinds import TAG_DIGITS, Kind

Mode = Literal["mask", "hash", "keep"]
"""``mask``: ``[CARD_1]``, numbered within each conversation. ``hash``: ``[CARD_9f3a2c41d07b]``, the
same value the same tag in every conversation, for who has the key. ``keep``: nothing is replaced.
"""

KEY_VARIABLE = "AUTOQA_REDACTION_KEY"
"""Environment variable that holds the key of mode ``hash``."""

_SHORTEST_KEY = 16  # bytes: a key that can be guessed lets phone numbers be tried out


@dataclass(frozen=True, slots=True)
class Redaction:
    """How personal values are replaced.

    Parameters
    ----------
    mode : {"mask", "hash", "keep"}
        See `Mode`.
    key : bytes, optional
        Secret of mode ``hash``, at least 16 bytes. Never shown.
    names : mapping of str to str
        spaCy model by language (a package's name or a folder) that finds names and postal
        addresses; needs the extra ``pii``. Without it those stay.

    Raises
    ------
    PrivacyError
        If the mode is not known, or has no key, or one that it does not use.
    """

    mode: Mode = "mask"
    key: bytes | None = field(default=None, repr=False)
    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise PrivacyError(
                f"no privacy mode '{self.mode}'; there are {', '.join(get_args(Mode))}"
            )
        if self.mode == "hash" and self.key is None:
            raise PrivacyError(
                f"privacy mode hash needs a key: set {KEY_VARIABLE}, or name a file that holds it"
            )
        if self.mode != "hash" and self.key is not None:
            raise PrivacyError(f"privacy mode {self.mode} uses no key; leave it out")
        if self.key is not None and len(self.key) < _SHORTEST_KEY:
            raise PrivacyError(
                f"the redaction key has {len(self.key)} bytes, needs {_SHORTEST_KEY}; make one "
                "with: openssl rand -hex 32"
            )

    @property
    def fingerprint(self) -> str | None:
        """What tells one key from another without giving it away; None without a key."""
        return None if self.key is None else self._digest("fingerprint of the key")[:TAG_DIGITS]

    def tag(self, kind: Kind, value: str) -> str:
        """Return the keyed tag of a value, twelve hexadecimal digits (HMAC-SHA256)."""
        return self._digest(f"{kind}:{value}")[:TAG_DIGITS]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values for a manifest, without the key."""
        return {"mode": self.mode, "key": self.fingerprint, "names": dict(self.names)}

    def _digest(self, text: str) -> str:
        assert self.key is not None
        return hmac.new(self.key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


MASK = Redaction()
"""What is done where nothing else was asked for."""


def redaction_from(
    mode: Mode, *, key_file: Path | None = None, names: Mapping[str, str] | None = None
) -> Redaction:
    """Return settings with the key from a file or from the environment.

    Raises
    ------
    PrivacyError
        If mode ``hash`` has no key, the file cannot be read, or a model for names is missing.
    """
    key: bytes | None = None
    if key_file is not None and mode != "hash":
        raise PrivacyError(f"privacy mode {mode} uses no key file; leave it out")
    if key_file is not None:
        try:
            key = key_file.read_bytes().strip()
        except OSError as error:
            raise PrivacyError(f"{key_file}: {error.strerror or 'cannot be read'}") from None
    elif mode == "hash" and (stated := os.environ.get(KEY_VARIABLE)):
        key = os.fsencode(stated.strip())
    if names:
        from autoqa.privacy.names import load_names

        load_names(names)
    return Redaction(mode, key, dict(names or {}))
