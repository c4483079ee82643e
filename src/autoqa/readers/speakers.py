"""Who speaks: words that exports use, in the languages read here, and what the user says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoqa.readers.quarantine import Problem
from autoqa.readers.values import problem
from autoqa.records import Speaker

_WORDS = {
    Speaker.AGENT: (
        "agent, human agent, human_agent, agent_human, representative, rep, csr, operator, "
        "advisor, adviser, associate, support, support agent, assistant, staff, employee, "
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
        "automated_agent, ai agent, ivr, asistente virtual, assistente virtuale, "
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
        With reason ``unknown_speakers`` where nothing says who a label is.
    """
    found = []
    for label in labels:
        word = (label or "").strip().lower()
        speaker = given.get(word, SPEAKER_WORDS.get(word))
        if speaker is None:
            distinct = sorted({(one or "").strip() for one in labels})
            raise problem(
                "unknown_speakers",
                f"nothing says who the {len(distinct)} speakers are; name them, for example "
                "--speaker 0=agent --speaker 1=customer",
            )
        found.append(speaker)
    return found
