"""Finding and reading scorecards: the library that ships with autoqa, and files of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autoqa.errors import ScorecardError, near_miss
from autoqa.scorecard.problems import Problem, check_against
from autoqa.scorecard.schema import Scorecard
from autoqa.scorecard.strict_yaml import read_yaml
from autoqa.scorecard.translation import Translation, translate, translation_problems

_LIBRARY = Path(__file__).parent / "library"
_SUFFIXES = (".yaml", ".yml")


def library_names() -> list[str]:
    """Return the scorecards that ship with autoqa; ``NAME.es`` is NAME with Spanish texts."""
    return sorted(path.stem for path in _LIBRARY.glob("*.yaml"))


def load_scorecard(name_or_path: str | Path, *, language: str | None = None) -> Scorecard:
    """Read a scorecard from the library or from a YAML file.

    A file that says ``translates: NAME`` holds only the texts of NAME in another language; the
    rest comes from ``NAME.yaml`` beside it. The translated card keeps its id, so that ratings
    given on forms in different languages belong together.

    Parameters
    ----------
    name_or_path : str or Path
        A library name (``support-core``, ``support-core.es``) or a path to a YAML file.
    language : str, optional
        BCP 47 tag of the texts wanted: ``es`` and ``es-MX`` both find ``NAME.es.yaml`` beside
        ``NAME.yaml``. By default the language of the file named.

    Raises
    ------
    ScorecardError
        If there is no such scorecard or language, or the file breaks a rule. All problems of a
        file come in one error, one per line: ``file: path.to.key: what was found; what to do``.
    """
    path = find_scorecard(name_or_path)
    card, problems = examine(path)
    if card is None:
        raise ScorecardError("\n".join(f"{path.name}: {problem}" for problem in problems))
    if language is None or _same_language(language, card.language):
        return card
    return _in_language(path, language)


def find_scorecard(name_or_path: str | Path) -> Path:
    """Return the file of a library name or path, or raise ScorecardError with near names."""
    given = Path(name_or_path)
    if given.suffix in _SUFFIXES or given.is_file() or len(given.parts) > 1:
        if given.is_file():
            return given
        raise ScorecardError(f"{given}: no such file; check the path, or name one of the library")
    name = str(name_or_path)
    if name in library_names():
        return _LIBRARY / f"{name}.yaml"
    known = library_names()
    raise ScorecardError(
        f"No scorecard named '{name}'.{near_miss(name, known)} "
        f"Library: {', '.join(known)}. Or give the path of a YAML file."
    )


def examine(path: Path) -> tuple[Scorecard | None, list[Problem]]:
    """Return the scorecard of one file, or None and everything that makes it unusable.

    Raises
    ------
    ScorecardError
        If the file is not readable YAML, so that nothing in it can be examined.
    """
    data = read_yaml(path)
    if not isinstance(data, dict):
        found = "nothing" if data is None else "no keys"
        return None, [
            Problem("empty", "", f"found {found}; a scorecard starts with id, version, sections")
        ]
    if "translates" in data:
        return _examine_translation(path, data)
    return _examine_structure(data)


def _examine_structure(data: dict[str, Any]) -> tuple[Scorecard | None, list[Problem]]:
    flat = "criteria" in data and "sections" not in data
    if flat:
        rest = {key: value for key, value in data.items() if key != "criteria"}
        data = rest | {"sections": [{"id": "all", "criteria": data["criteria"]}]}
    card, problems = check_against(Scorecard, data)
    if flat:
        problems = [
            Problem(p.code, *(text.replace("sections.0.", "") for text in (p.where, p.message)))
            for p in problems
        ]
    return card, problems


def _examine_translation(
    path: Path, data: dict[str, Any]
) -> tuple[Scorecard | None, list[Problem]]:
    texts, problems = check_against(Translation, data)
    if texts is None:
        return None, problems
    original = path.with_name(f"{texts.translates}{path.suffix}")
    if original == path or not original.is_file():
        return None, [
            Problem(
                "missing_original",
                "translates",
                f"there is no {original.name} beside this file; name the scorecard it translates",
            )
        ]
    structure = read_yaml(original)
    if not isinstance(structure, dict) or "translates" in structure:
        return None, [
            Problem(
                "missing_original", "translates", f"{original.name} holds no criteria of its own"
            )
        ]
    card, problems = _examine_structure(structure)
    if card is None:
        return None, [Problem(p.code, f"{original.name}: {p.where}", p.message) for p in problems]
    problems = translation_problems(texts, card)
    return (None, problems) if problems else (translate(card, texts), [])


def _in_language(path: Path, language: str) -> Scorecard:
    """The scorecard of which `path` is one language, in another one."""
    data = read_yaml(path)
    original = (
        path.with_name(f"{data['translates']}{path.suffix}") if "translates" in data else path
    )
    wanted = (language.lower(), _primary(language))
    beside = {
        overlay.name.removeprefix(f"{original.stem}.").removesuffix(overlay.suffix): overlay
        for overlay in sorted(original.parent.glob(f"{original.stem}.*{original.suffix}"))
        if overlay != original
    }
    for tag in wanted:
        for known, overlay in beside.items():
            if known.lower() == tag:
                return load_scorecard(overlay)
    card = load_scorecard(original)
    if _same_language(language, card.language):
        return card
    have = ", ".join([card.language, *beside])
    raise ScorecardError(
        f"{original.name}: no texts in '{language}' (there are {have}); "
        f"add {original.stem}.{_primary(language)}.yaml beside it"
    )


def _same_language(wanted: str, offered: str) -> bool:
    """Whether texts in `offered` serve someone who wants `wanted`; regions do not matter."""
    return _primary(wanted) == _primary(offered)


def _primary(language: str) -> str:
    return language.replace("_", "-").split("-")[0].lower()
