"""Wording that makes a question hard to answer: two things at once, or feelings.

Heuristics on purpose: they know the verbs and adjectives that quality questions use, in English,
Spanish, Italian and Chinese, and stay silent about the rest. ``terms and conditions`` is one
thing; ``greet the customer and introduce themselves`` is two.
"""

from __future__ import annotations

import re

_AND_OR = re.compile(
    r"\band\s*/\s*or\b|\bor\s*/\s*and\b|\by\s*/\s*[ou]\b|\be\s*/\s*o\b|[和及与]\s*/\s*或",
    re.IGNORECASE,
)


def _either(words: str) -> str:
    return "(?:" + "|".join(words.split()) + ")"


# Forms that are only verbs, and forms that are nouns as well unless an object follows.
_EN_VERB = _either(
    "acknowledged? apologi[sz]ed? asked answered avoid avoided checked clarif(?:y|ied) closed? "
    "confirm confirmed described? disclosed? ended explain explained follow followed gave give "
    "greet greeted handled? helped identif(?:y|ied) inform informed introduced? keep kept listen "
    "listened made mention mentioned noted offered paraphrased? propose proposed provided? read "
    "repeated replied resolved? responded? said say set solved? stated stay stayed suggest "
    "suggested summari[sz]ed? tell thank thanked told took transferred treated used verif(?:y|ied) "
    "wished"
)
_EN_VERB_OR_NOUN = _either(
    "address answer ask check close end help list make name note offer reply report show state "
    "take transfer use wish"
)
_EN_OBJECT = _either(
    "a all an any her him his how if it its that the their them themselves these this those what "
    "when whether why"
)
_EN_ADJECTIVE = _either(
    "accurate appropriate calm clear complete concise consistent correct courteous friendly "
    "helpful honest polite positive precise professional prompt quick relevant respectful timely"
)
_ES_ADJECTIVE = _either(
    "amables? breves? claras? claros? completas? completos? correctas? correctos? cort[eé]s "
    "corteses educad[oa]s? exactas? exactos? precis[oa]s? profesional(?:es)? r[aá]pid[oa]s? "
    "respetuos[oa]s? útil(?:es)?"
)
_IT_ADJECTIVE = _either(
    "brev[ei] chiar[oaie] complet[oaie] corrett[oaie] cortes[ei] educat[oaie] esatt[oaie] "
    "gentil[ei] precis[oaie] professional[ei] rapid[oaie] rispettos[oaie] tempestiv[oaie] util[ei]"
)
_IT_VERB = _either(
    "aiutato ascoltato avvisato chiarito chiesto chiuso comunicato concluso confermato congedato "
    "controllato dato descritto detto dimostrato evitato fornito identificato indicato informato "
    "invitato letto mantenuto mostrato nominato offerto presentato proposto registrato ribadito "
    "riassunto riconosciuto riepilogato riferito ringraziato ripetuto risolto risposto salutato "
    "scusato spiegato suggerito trasferito usato verificato"
)
_ZH_VERB = _either(
    "问候 致谢 感谢 核实 核对 验证(?!码|信息|方式) 确认(?!码|信|函) 说明(?!书) 解释 提供 总结 复述 "
    "询问 告知 介绍 道歉 致歉 倾听 回应(?!时间) 回答 解决(?!方案|办法|时间) 提出 主动 "
    "使用(?!说明|方法) 称呼 结束 告别 表示 承认 避免 保持 给出 转接 是否 有没有"
)
_ZH_ADJECTIVE = _either("礼貌 专业 清楚 清晰 准确 友好 完整 及时 简洁 有效")

_TWO_THINGS = {
    "en": re.compile(
        rf"\band (?:then |also |\w+ly )?(?:{_EN_VERB}\b|{_EN_VERB_OR_NOUN} {_EN_OBJECT}\b)"
        r"|\band (?:did|does|do|was|were|is|are|has|have|had|whether|how|why|when|by when)\b"
        rf"|\b{_EN_ADJECTIVE} and (?:\w+ly )?{_EN_ADJECTIVE}\b"
        rf"|\b(?:and|&) (?:\w+ly )?{_EN_ADJECTIVE}\?",
        re.IGNORECASE,
    ),
    "es": re.compile(
        r"\b[ye] (?:también |además |luego |después |no |se |le |les |lo |la |los |las )*"
        r"(?:\w+[óÓ]\b|(?:dio|hizo|dijo|trajo|puso|mantuvo|obtuvo|propuso|fue|ha|han|cuándo)\b)"
        rf"|\b{_ES_ADJECTIVE} [ye] {_ES_ADJECTIVE}\b",
        re.IGNORECASE,
    ),
    "it": re.compile(
        r"\be (?:anche |poi |non |si |lo |la |li |le |gli |ne |ha |è )*"
        rf"(?:{_IT_VERB}\b|(?:ha|hanno|è|sono|quando|come)\b)"
        rf"|\b{_IT_ADJECTIVE} ed? {_IT_ADJECTIVE}\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        rf"并且|而且|(?:和|以及|及|与|并|且|同时|还){_ZH_VERB}"
        rf"|{_ZH_ADJECTIVE}(?:和|与|且|、|又|以及){_ZH_ADJECTIVE}"
    ),
}

# Naming what the other person said about their feelings is wording, and can be pointed at.
_REPORTED_FEELING = re.compile(
    r"\b(?:acknowledge|mention|name|repeat|state|put into words)\w*\b[^?.]{0,60}\bfe(?:el\w*|lt)\b",
    re.IGNORECASE,
)
_FEELINGS = {
    "en": re.compile(
        r"\bfe(?:el|els|eling|elings|lt)\b|\bsincer\w+|\bgenuin\w+|\bheartfelt\b|\bempath\w+"
        r"|\b(?:truly|really) (?:car\w+|understood?|want\w*|interested|sorry|listen\w*|meant)\b"
        r"|\bcar(?:e|es|ed|ing) (?:about|for)\b|\bcaring\b|\b(?:com)?passion\w*|\benthusias\w+"
        r"|\battitude\b|\bmood\b|\bemotion\w*|\b(?:want\w*|willing|eager) to help\b"
        r"|\b(?:bored|annoyed|irritated|indifferent)\b",
        re.IGNORECASE,
    ),
    "es": re.compile(
        r"\bsient(?:e|en|a|an)\b|\bsint(?:ió|ieron|iera|iese)\b|\bsentir(?:se)?\b|\bsentimient\w+"
        r"|\bsincer\w+|\bgenuin\w+|\bde (?:verdad|corazón)\b|\bemp[aá]t\w+|\bentusias\w+"
        r"|\ble import\w+|\b(?:realmente|verdadero) inter\w+|\bse preocup\w+ por\b|\bactitud\b"
        r"|\bemocion\w*|\bganas de ayudar\b",
        re.IGNORECASE,
    ),
    "it": re.compile(
        r"\bsi (?:è |sia )?sent(?:e|iv\w+|it[oa])\b|\bsentire\b|\bsentiment\w+|\bsincer\w+"
        r"|\bgenuin\w+|\bdi cuore\b|\bempati\w+|\bentusias\w+|\bteneva? a(?:l|lla)? client\w+"
        r"|\bdavvero (?:a cuore|interess\w+|compres\w+|capit\w+|dispiac\w+)"
        r"|\b(?:gli|le) import(?:a|ava|asse)\b|\batteggiamento\b|\bemozion\w*|\bemotiv\w+"
        r"|\bvoglia di aiutare\b|\ba cuore\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"真诚|真心|由衷|发自内心|诚恳|用心|感受到|感到|觉得|同情|同理心|共情|热情|态度|关心|在乎|情绪|心情"
    ),
}


def two_things(question: str, language: str) -> str | None:
    """Return the words that join two questions into one, or None.

    Parameters
    ----------
    question : str
    language : str
        Primary language; of languages other than en, es, it and zh only "and/or" is known.
    """
    found = _AND_OR.search(question)
    pattern = _TWO_THINGS.get(language)
    if found is None and pattern is not None:
        found = pattern.search(question)
    if found is not None:
        return found.group().strip()
    if question.count("?") + question.count("？") > 1:
        return "two question marks"
    return None


def inferred_feeling(text: str, language: str) -> str | None:
    """Return the words that ask for a feeling rather than for wording, or None."""
    pattern = _FEELINGS.get(language)
    if pattern is None or _REPORTED_FEELING.search(text):
        return None
    found = pattern.search(text)
    return found.group() if found else None
