"""Which encoder reads which language."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from autoqa.errors import EncoderError
from autoqa.features.adapters import is_adapter
from autoqa.features.batch import ANY_LANGUAGE
from autoqa.features.conversations import AdaptedEncoder
from autoqa.features.embedding_cache import CachedConversations, CachedEncoder
from autoqa.features.encoders import load_encoder
from autoqa.features.weights import PACKAGED

ENCODERS_VARIABLE = "AUTOQA_ENCODERS"

DEFAULT_ROUTES: Mapping[str, str] = {
    "en": "minilm",
    "es": "e5",
    "it": "e5",
    "zh": "e5",
    ANY_LANGUAGE: "e5",
}
"""Encoder per language; experiments/choose_multilingual_encoder.py is how e5 was chosen."""

_LANGUAGE = re.compile(r"[a-z]{2,3}|\*")


def default_encoders(
    config: Mapping[str, str] | str | None = None,
    *,
    precision: str | None = None,
    threads: int | None = None,
    cache: Path | str | None = None,
) -> dict[str, CachedEncoder | CachedConversations]:
    """Return an encoder per primary language, as `Batch` takes them.

    Nothing is loaded yet: an encoder loads its weights when it first meets a text. Languages
    that share an encoder share one instance, with an in-memory cache of recent texts.

    Parameters
    ----------
    config : mapping or str, optional
        Encoder names by language, for example ``{"en": "minilm", "*": "e5"}`` or the same as a
        line, ``"en=minilm,*=e5"``; a lone name serves every language. The folder of an adapter is
        a name too. Languages not named keep
        their default, unless ``*`` is given. Default: the environment variable
        ``AUTOQA_ENCODERS``, else `DEFAULT_ROUTES`.
    precision, threads
        See `TransformerEncoder`.
    cache : path, optional
        File in which vectors outlive the process; see `CachedEncoder`.

    Raises
    ------
    EncoderError
        If the configuration is not one.

    Examples
    --------
    >>> sorted(default_encoders())
    ['*', 'en', 'es', 'it', 'zh']
    >>> default_encoders("en=minilm,*=intfloat/multilingual-e5-base")["*"].name
    'intfloat/multilingual-e5-base'
    """
    routes = encoder_routes(config)
    by_name = {
        name: _cached(name, precision, threads, cache) for name in dict.fromkeys(routes.values())
    }
    return {language: by_name[name] for language, name in routes.items()}


def _cached(
    name: str, precision: str | None, threads: int | None, cache: Path | str | None
) -> CachedEncoder | CachedConversations:
    if is_adapter(name):
        adapted = AdaptedEncoder(name, precision=precision, threads=threads)
        return CachedConversations(adapted, cache)
    return CachedEncoder(load_encoder(name, precision=precision, threads=threads), cache)


def encoder_routes(config: Mapping[str, str] | str | None = None) -> dict[str, str]:
    """Return the encoder name of each language; see `default_encoders`."""
    if config is None:
        config = os.environ.get(ENCODERS_VARIABLE) or {}
    chosen = _parse(config) if isinstance(config, str) else dict(config)
    for language, name in chosen.items():
        if not _LANGUAGE.fullmatch(language) or not name:
            raise EncoderError(
                f"encoders: '{language}={name}' does not name a language and its encoder; write "
                f"for example en=minilm,*=e5 (packaged encoders: {', '.join(PACKAGED)})"
            )
    return chosen if ANY_LANGUAGE in chosen else {**DEFAULT_ROUTES, **chosen}


def _parse(line: str) -> dict[str, str]:
    if "=" not in line:
        return {ANY_LANGUAGE: line.strip()}
    pairs = [part.partition("=") for part in line.split(",") if part.strip()]
    return {language.strip(): name.strip() for language, _, name in pairs}
