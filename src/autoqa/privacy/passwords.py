"""Passwords and one-time codes that are told, or answered when asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from autoqa.privacy.announced import ANSWER_WITHIN, Announced, announced_as, asked_for
from autoqa.privacy.kinds import PLACEHOLDER, Finding, Kind
from autoqa.privacy.number_words import CHINESE_DIGITS, NUMBER_WORDS

_TERMS = (
    r"(?<![a-z\u00c0-\u024f])(?:pass ?words?|pass ?phrase|contraseñas?|contrasenas?|clave|"
    r"palabra secreta|parola d'ordine|parola chiave|secret word|code ?word)(?![a-z\u00c0-\u024f])"
    r"|密码|口令"
)
_IS = (
    r"(?:\s+(?:is|was|will be|es|era|ser[aá]|è|e'|sarà)(?:\s+now|\s+ahora|\s+ora)?(?![a-z'])|"
    r"\s*(?:为|是)|\s*[:：=])"
)
_TOLD = re.compile(
    rf"(?:{_TERMS})(?:\s+(?:for|de|del|per|to)\s+[^\s.,:;?!]{{1,20}}"
    rf"(?:\s+[^\s.,:;?!]{{1,20}})?)?{_IS}[\s:,：]*",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"what(?:'s|’s| is| was)|tell|give|confirm|provide|say|spell|read|enter|type|need|"
    r"cu[aá]l es|d[ií][gc]\w{1,4}|dec[ií]r\w{0,3}|dim\w{1,3}|dame|deme|facil[ií]\w{1,5}|"
    r"confirm\w{1,5}|indi\w{1,6}|necesito|qual è|qual e'|dica|dirmi|dammi|mi d[aà]|"
    r"pu[oò]\w{0,2} darmi|forn\w{1,5}|serve|请|告诉|提供|说一下|报一下|是什么|输入",
    re.IGNORECASE,
)
_NAMED = re.compile(_TERMS, re.IGNORECASE)
_KEY = re.compile(
    r"(?:[a-z]{1,20}[_ \-]?){0,3}(?:password|passwd|pwd|passphrase|passcode|contraseña|clave|"
    r"secret|密码|口令)",
    re.IGNORECASE,
)
_QUESTION_WITHIN = 60  # characters between the request and the word

_TOKEN = re.compile(r"[\"'“”‘’「«]?(?P<token>[^\s\"“”‘’「」«»，。、；：？！]{1,64})")
_CHINESE_TOKEN = re.compile(r"(?P<token>[!-~]{2,64})")
_TRAILING = ".,;:!?)'"
# What follows "the password is" and is no password.
_NO_PASSWORD = frozenset(
    str.split(
        "not no wrong incorrect invalid correct right expired expiring locked reset required "
        "needed too case weak strong safe secure short long being now still already also the a an "
        "my your our his her their this that it in on at to for of and or but so just only never "
        "always usually different same old new sent changed working fine good bad ok okay saved "
        "stored encrypted set what why how when where who something anything nothing unknown "
        "missing blank empty hidden there here done ready accepted rejected recognised recognized "
        "blocked disabled temporary confidential private very really about under below above "
        "inside i you we they he she sensitive compromised forgotten lost easy hard available "
        "visible shown displayed incorrecta incorrecto correcta correcto caducada expirada "
        "errónea erronea inválida invalida válida valida demasiado muy la el una un mi su tu esta "
        "ese esa que para por lo necesaria obligatoria segura débil corta larga nueva antigua "
        "diferente distinta igual misma temporal personal secreta bloqueada nula y o pero non "
        "sbagliata errata corretta scaduta troppo molto il sua tua questa quella che per "
        "necessaria obbligatoria sicura debole lunga nuova vecchia diversa uguale stessa "
        "temporanea personale segreta bloccata e ma stata"
    )
)
_NO_ANSWER = frozenset(
    str.split(
        "yes no yeah yep nope ok okay sure right hello hi sorry pardon what why which when who "
        "huh hmm um uh well thanks please wait moment i we you he she it's don't can't forgot "
        "nothing none never same correct exactly sí si claro vale perdón perdon hola gracias qué "
        "que cuál espere momento sé lo olvidé sì ciao grazie cosa quale scusi aspetti certo un "
        "attimo"
    )
)
_LEAD_IN = re.compile(
    r"(?:(?:(?:it's|it is|it’s|its|is|sure|yes|yeah|ok|okay|uh|um|so|the password|my password|"
    r"es|sí|si|vale|claro|pues|la contraseña|è|sì|certo|allora|la password)"
    r"(?![a-z\u00c0-\u024f])|是|好的?|密码|嗯)[\s,.:：，。]*)+",
    re.IGNORECASE,
)
_MOST_ANSWER_WORDS = 4

_CODE_TOKEN = re.compile(
    r"[\s:：,，\"'“]{0,4}+(?:(?:is|was|reads|says|es|è|e'|是|为)[\s:：,，\"'“]{0,4}+)?"
    r"(?P<token>(?=[A-Za-z0-9\-]{0,12}\d)[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){3,12})"
    r"(?![A-Za-z0-9_])",
    re.IGNORECASE,
)
_CODE_ENDS = re.compile(
    r"(?<![a-z\u00c0-\u024f])(?:codes?|passcode|otp|pin|c[oó]digo|clave|codice)(?![a-z\u00c0-\u024f])"
    r"|验证码|校验码|动态码|动态密码|一次性密码",
    re.IGNORECASE,
)


def told_passwords(text: str) -> Iterator[Finding]:
    """Yield what follows "the password is"."""
    for told in _TOLD.finditer(text):
        if finding := _password_at(text, told.end()):
            yield finding


def answered_passwords(text: str, question: str) -> Iterator[Finding]:
    """Yield the password that a short answer gives, where the question asked for one."""
    if not question or not asks_for_password(question):
        return
    lead = _LEAD_IN.match(text)
    start = lead.end() if lead else 0
    answer = text[start : start + 80]
    words = answer.split()
    if not words or start > ANSWER_WITHIN or len(words) > _MOST_ANSWER_WORDS:
        return
    if {word.strip(_TRAILING).lower() for word in words} & _NO_ANSWER:
        return
    if _password_at(text, start):
        # All of it: people also answer with two words, or spell.
        end = start + len(answer.rstrip().rstrip(_TRAILING))
        yield Finding(start, end, Kind.PASSWORD, text[start:end])


def stored_password(text: str, key: str) -> Iterator[Finding]:
    """Yield a text as a whole where it is the value of a key such as ``user_password``."""
    if _KEY.fullmatch(key) and text.strip() and not PLACEHOLDER.fullmatch(text):
        yield Finding(0, len(text), Kind.PASSWORD, text)


def asks_for_password(question: str) -> bool:
    """Whether a question asks to say a password."""
    return any(
        _ASKED.search(question, max(0, named.start() - _QUESTION_WITHIN), named.start())
        or _ASKED.match(question, named.end())  # 密码是什么
        for named in _NAMED.finditer(question)
    )


def told_codes(text: str, before: str = "") -> Iterator[Finding]:
    """Yield one-time codes with letters in them, as ``G-482913``; plain digits are numbers."""
    for ends in _CODE_ENDS.finditer(text):
        token = _CODE_TOKEN.match(text, ends.end())
        if token is None or token["token"].isdecimal():
            continue
        if announced_as(text, token.start("token")) is Announced.CODE:
            yield _code(text, token)
    if before and asked_for(before) is Announced.CODE:
        lead = _LEAD_IN.match(text)
        token = _CODE_TOKEN.match(text, lead.end() if lead else 0)
        if token and not token["token"].isdecimal() and token.start("token") <= ANSWER_WITHIN:
            yield _code(text, token)


def _code(text: str, token: re.Match[str]) -> Finding:
    start, end = token.span("token")
    return Finding(start, end, Kind.CODE, text[start:end].upper())


def _password_at(text: str, start: int) -> Finding | None:
    """Return the password that begins here, with the letters and digits spelled after it."""
    han = start < len(text) and "\u3400" <= text[start] <= "\u9fff"
    token = None if han else _TOKEN.match(text, start)
    if token is None:
        return None
    if any("\u3400" <= sign <= "\u9fff" for sign in token["token"]):
        token = _CHINESE_TOKEN.match(text, token.start("token")) or token
    said = token["token"].rstrip(_TRAILING)
    first, end = token.start("token"), token.start("token") + len(said)
    if not said or said.lower() in _NO_PASSWORD or said.startswith("["):
        return None
    while (more := _TOKEN.match(text, end + 1)) and text[end : end + 1] == " ":
        word = more["token"].rstrip(_TRAILING)
        if not word or not (_spelled(word) or any(c.isdigit() for c in word)):
            break
        end = more.start("token") + len(word)
        if end != more.end():
            break
    return Finding(first, end, Kind.PASSWORD, text[first:end])


def _spelled(word: str) -> bool:
    """Whether a word is a letter or digit that is spelled out."""
    low = word.lower()
    return low in NUMBER_WORDS or low in CHINESE_DIGITS or (len(low) == 1 and low.isalpha())
