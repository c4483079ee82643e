"""Who speaks: words that exports use, in the languages read here, and what the user says.

Speakers are told apart by what the user says about a label, else by known words for a role, else
by who is left over, else by what two unknown speakers say. The last two are guesses: they leave a
note, and where they are not clear the conversation is left out rather than read the wrong way
round.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from autoqa.readers.cues import lead
from autoqa.readers.quarantine import Problem
from autoqa.readers.values import problem
from autoqa.records import Speaker

_WORDS = {
    Speaker.AGENT: (
        "agent, human agent, human_agent, any_agent, agent_human, representative, rep, csr, "
        "operator, advisor, adviser, associate, support, support agent, assistant, staff, "
        "employee, supervisor, "
        "agente, agente humano, asesor, asesora, operador, operadora, representante, ejecutivo, "
        "ejecutiva, operatore, operatrice, consulente, addetto, addetta, assistente, assistenza, "
        "客服, 人工客服, 客服人员, 坐席, 座席, 坐席员, 商家"
    ),
    Speaker.CUSTOMER: (
        "customer, client, caller, user, end user, end_user, consumer, visitor, guest, buyer, "
        "cliente, usuario, usuaria, consumidor, utente, chiamante, "
        "客户, 顾客, 用户, 买家, 来电人"
    ),
    Speaker.BOT: (
        "bot, chatbot, virtual agent, virtual_agent, virtual assistant, automated agent, "
        "automated_agent, custom_bot, ai agent, ivr, asistente virtual, assistente virtuale, "
        "机器人, 智能客服"
    ),
    Speaker.SYSTEM: "system, sistema, 系统",
}

SPEAKER_WORDS: dict[str, Speaker] = {
    word.strip(): speaker for speaker, words in _WORDS.items() for word in words.split(",")
}
"""Lower-case word to speaker."""

_CHINESE = "客服, 人工客服, 客服人员, 坐席, 座席, 坐席员, 客户, 顾客, 用户, 机器人, 智能客服"
CHINESE_LABELS = frozenset(_CHINESE.split(", "))
ITALIAN_LABELS = frozenset({"operatore", "operatrice", "consulente", "addetto", "utente"})
SPANISH_LABELS = frozenset({"asesor", "asesora", "operador", "operadora", "usuario", "usuaria"})
SHARED_LABELS = frozenset({"agente", "cliente"})  # Spanish and Italian


UNLABELLED = "unlabelled"
"""The label under which ``--speaker`` names turns that have none."""

_SURE = 3  # cues that two speakers must differ by; see `lead`
_MAX_UNLABELLED = 0.2  # share of turns that may be taken as their neighbours'
_NUMBERED = re.compile(r"(?:speaker|spk|channel|ch)[ _-]?0*(\d{1,3}|[a-z])", re.IGNORECASE)
_PLAIN = re.compile(r"\d{1,3}|[a-z]", re.IGNORECASE)


def assign_speakers(
    labels: Sequence[str | None],
    texts: Sequence[str],
    given: Mapping[str, Speaker],
    notes: list[Problem],
) -> list[Speaker]:
    """Return who said each turn, from the labels that a recogniser or an export gave.

    Parameters
    ----------
    labels : sequence of str or None
        One per turn: a role, a name, or a channel or speaker number as text.
    texts : sequence of str
        What was said, one per turn.
    given : mapping of str to Speaker
        Label, in lower case, to speaker, as the user said; wins over everything else.
    notes : list of Problem
        Gets a note where a speaker was guessed.

    Raises
    ------
    ReadError
        With reason ``unknown_speakers`` where nothing says clearly who a label is.
    """
    words = [(label or "").strip().lower() for label in labels]
    words = _filled(words, given, notes)
    known: dict[str, Speaker] = {}
    for word in dict.fromkeys(words):
        speaker = named(word or UNLABELLED, given) or SPEAKER_WORDS.get(word)
        if speaker is not None:
            known[word] = speaker
    unknown = [word for word in dict.fromkeys(words) if word not in known]
    if unknown:
        known |= _guessed(unknown, known, words, texts, notes)
    return [known[word] for word in words]


def named(label: str, given: Mapping[str, Speaker]) -> Speaker | None:
    """Return who the user says a label is, if so; ``0`` and ``b`` name ``SPEAKER_00``, too."""
    word = label.strip().lower()
    return given.get(word, given.get(_bare(word)))


def _filled(words: list[str], given: Mapping[str, Speaker], notes: list[Problem]) -> list[str]:
    """Give turns without a label the one before them, where they are few: recognisers skip some."""
    missing = words.count("")
    if not missing or missing > _MAX_UNLABELLED * len(words) or UNLABELLED in given:
        return words
    before = next(word for word in words if word)
    filled = []
    for word in words:
        before = word or before
        filled.append(before)
    message = f"{missing} turns without a speaker are taken as the speaker's of the turn before"
    notes.append(Problem("speakers_guessed", message))
    return filled


def _guessed(
    unknown: Sequence[str],
    known: Mapping[str, Speaker],
    words: Sequence[str],
    texts: Sequence[str],
    notes: list[Problem],
) -> dict[str, Speaker]:
    """Return who the unknown labels are; see the module."""
    if unknown == [""]:
        raise problem(
            "unknown_speakers",
            "no turn says who speaks: transcribe with speaker labels (diarisation), or each "
            "channel by itself with its name as the speaker of its turns; where one person speaks "
            f"throughout, name them: --speaker {UNLABELLED}=customer",
        )
    sides = {who for who in known.values() if who in (Speaker.AGENT, Speaker.CUSTOMER)}
    if len(unknown) == 1 and len(sides) == 1:
        left = Speaker.CUSTOMER if Speaker.AGENT in sides else Speaker.AGENT
        message = f"{_shown(unknown)[0]} is taken as the {left}, whom no other speaker is"
        notes.append(Problem("speakers_guessed", message))
        return {unknown[0]: left}
    if len(unknown) == 2 and not sides and "" not in unknown:
        first, second = (
            [text for word, text in zip(words, texts, strict=True) if word == label]
            for label in unknown
        )
        ahead = lead(first, second)
        if abs(ahead) >= _SURE:
            agent, customer = (0, 1) if ahead > 0 else (1, 0)
            message = (
                f"{_shown(unknown)[agent]} is taken as the agent and {_shown(unknown)[customer]} "
                f"as the customer, by {abs(ahead)} cues in what they say ({_SURE} are needed)"
            )
            notes.append(Problem("speakers_guessed", message))
            return {unknown[agent]: Speaker.AGENT, unknown[customer]: Speaker.CUSTOMER}
    plain = sorted(filter(_is_plain, map(_bare, unknown)))
    one, other = plain[:2] if len(plain) > 1 else ("0", "1")
    raise problem(
        "unknown_speakers",
        f"nothing says clearly who {len(unknown)} of the {len(set(words))} speakers are; name "
        f"them, for example --speaker {one}=agent --speaker {other}=customer",
    )


def _shown(unknown: Sequence[str]) -> list[str]:
    """Name speakers by numbers and letters alone: other labels may be people's names."""
    return [
        f"speaker {word.upper()}" if _is_plain(word) else f"unknown speaker {place}"
        for place, word in enumerate(map(_bare, unknown), start=1)
    ]


def _bare(word: str) -> str:
    """Return ``0`` for ``speaker_00``, other labels as they are."""
    numbered = _NUMBERED.fullmatch(word)
    return numbered.group(1) if numbered else word


def _is_plain(word: str) -> bool:
    return _PLAIN.fullmatch(word) is not None
