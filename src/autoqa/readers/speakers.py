"""Words that exports use for speakers, in the languages read here."""

from __future__ import annotations

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
