"""Words that announce a number: "my phone is", "número de pedido", "验证码".

The last one before a number decides what the number is, so that order, case and reservation
numbers stay and personal ones do not.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

WITHIN = 48
"""Characters before a number in which a word announces it."""

ANSWER_WITHIN = 60
"""Characters from the start of a text in which the question before it still counts."""

_CAMEL = re.compile(r"([a-z])([A-Z])")
_LETTER = "a-z\u00c0-\u024f"


class Announced(StrEnum):
    """What words say a number is."""

    PHONE = "phone"
    SSN = "ssn"
    ID = "id"
    CARD = "card"
    CVV = "cvv"
    EXPIRY = "expiry"
    ACCOUNT = "account"
    IBAN = "iban"
    CODE = "code"
    OTHER = "other"  # a number that stays
    EITHER = "either"  # a number, or both of a phone and of one that stays


# Words between Latin letters' boundaries, and characters of Chinese. Specific before general, since
# the first that fits at a place is taken.
_WORDS: tuple[tuple[Announced, str, str], ...] = (
    (
        Announced.OTHER,
        r"(?:promo|promotion|discount|voucher|coupon|zip|post|postal|area|error|country|product|"
        r"gift|referral|bar|qr|item|dress|source|tracking|booking|order|confirmation|fault|"
        r"reference|reservation|pick ?up|party) codes?|(?:gift|loyalty|sim|membership|member|"
        r"library|boarding|points|rewards) card|vouchers?|coupons?|promo|discount|gift|cup[oó]n|"
        r"cheque regalo|vale de|descuento|buono|sconto|"
        r"c[oó]digo (?:postal|promocional|de (?:descuento|reserva|pedido|error|producto|"
        r"seguimiento|barras|cliente|confirmaci[oó]n))|"
        r"tarjeta (?:regalo|de (?:embarque|fidelidad|puntos|socio))|"
        r"codice (?:postale|sconto|promozionale|prenotazione|ordine|prodotto|cliente|errore|"
        r"di (?:prenotazione|tracciamento|conferma|errore|spedizione))|"
        r"carta (?:regalo|fedelt[aà]|d'imbarco|di imbarco)",
        r"优惠码|优惠券|礼品券|邮编|会员卡|登机牌",
    ),
    (
        Announced.CVV,
        r"cvv2?|cvc2?|card verification|(?:three|four|3|4)[ -]digit (?:security )?(?:code|number)|"
        r"(?:three|four|3|4) (?:digits|numbers) (?:on|from|at) the|"
        r"(?:tres|3) (?:d[ií]gitos|n[uú]meros|cifras) (?:de|del|por|en)|"
        r"(?:tre|3) (?:cifre|numeri) (?:sul|dietro|sulla)|security code on the",
        r"背面(?:的)?(?:三位|后三位|末三位|数字)|后三位|末三位|卡背",
    ),
    (
        Announced.EXPIRY,
        r"expir\w{1,6}|exp(?: date)?|valid (?:un)?til|valid thru|good (?:un)?til|"
        r"caduc\w{1,6}|venc\w{1,8}|v[aá]lida hasta|scad\w{1,6}|valida fino",
        r"有效期|到期",
    ),
    (Announced.IBAN, r"iban", ""),
    (
        Announced.ACCOUNT,
        r"(?:bank|checking|savings|current|debit) account|routing|aba number|"
        r"sort code(?: is)? \[account\][\s,.]{1,3}(?:and )?(?:the )?account|sort code|"
        r"account (?:number )?at (?:the|my) bank|direct debit account|"
        r"cuenta (?:bancaria|corriente|de ahorros?)|n[uú]mero de cuenta|"
        r"conto (?:corrente|bancario)|numero (?:di|del) conto|coordinate bancarie",
        r"银行账[号户]|银行帐[号户]|账户号|开户账号|收款账号",
    ),
    (Announced.SSN, r"ssn|social security|social", ""),
    (
        Announced.ID,
        r"d\.?n\.?i\.?|n\.?i\.?f|n\.?i\.?e|documento(?: nacional)? de identidad|"
        r"n[uú]mero de identidad|c[eé]dula|codice fiscale|carta d'identit[aà]|"
        r"national id(?:entity)?|identity card|tax id",
        r"身份证|证件号",
    ),
    (
        Announced.CODE,
        r"(?:verification|verify|one[ -]time|security|access|log ?in|sign ?in|sms|text|texted|"
        r"temporary|activation|unlock|authentication|authori[sz]ation|two[ -]factor|2fa|otp|pin|"
        r"digit|secret|door|gate|alarm|voicemail|reset)[ -]?(?:pass)?(?:codes?|pin)|"
        r"(?:your|my|the|that) (?:pass)?code (?:is|was|reads|says|we|i|you|that)|passcode|otp|"
        r"(?:your|my|the|a) pin|pin (?:number|code|is)|pin|"
        r"c[oó]digo de (?:verificaci[oó]n|seguridad|acceso|autenticaci[oó]n|activaci[oó]n|"
        r"un solo uso|desbloqueo)|(?:tu|su|mi|el|ese) c[oó]digo (?:es|que)|"
        r"clave (?:din[aá]mica|temporal|otp|de (?:acceso|verificaci[oó]n|seguridad|un solo uso))|"
        r"codice (?:di (?:verifica|sicurezza|accesso|autenticazione|attivazione|sblocco)|otp|"
        r"monouso|temporaneo|segreto|pin)|(?:il|tuo|suo|mio|quel) codice (?:è|e'|che)",
        r"验证码|校验码|动态码|动态密码|一次性密码|安全码|取款密码|交易密码",
    ),
    (
        Announced.PHONE,
        r"phones?|telephone|mobile|cell(?:phone)?|tel|whatsapp|fax|dial|callback|my number|"
        r"(?:best|good|contact) (?:number|no)|number to (?:reach|call|contact)|"
        r"(?:call|reach|text|ring|contact|phone)(?: me| us| you| him| her| them)(?: back)?|"
        r"(?:call|reach|text|ring|phone)(?: [a-z]{1,12}){0,3} (?:at|on)|"
        r"get hold of (?:me|us|you|him|her|them)|"
        r"tel[eé]fono|m[oó]vil|celular|fijo|mi n[uú]mero|ll[aá]m[aeo]\w{0,4}|"
        r"n[uú]mero de contacto|contact\w{1,6} (?:en|al|con)|localizar\w{0,3}|"
        r"cellulare|recapito|il mio numero|(?:ri)?chiam(?!o)\w{1,6}|richiamo|telefon\w{1,4}|"
        r"contatt\w{1,6} al|rintracci\w{1,5}",
        r"电话|手机|联系方式|联系到|联系您|联系我|致电|拨打|打给|我的号码|回电",
    ),
    (
        Announced.CARD,
        r"(?:credit|debit|payment|bank) card|card (?:number|no)|cards?|visa|mastercard|amex|"
        r"american express|tarjetas?|carta (?:di (?:credito|debito|pagamento)|prepagata)|"
        r"(?:della|la|mia) carta|carta",
        r"卡号|银行卡|信用卡|借记卡",
    ),
    (
        Announced.OTHER,
        r"customer|client|membership|member|cliente|socio|abonado|abbonamento|tessera|utente|"
        r"order|reservation|booking|confirmation|reference|ref|ticket|case|invoice|account|tracking|"
        r"serial|version|versi[oó]n|versione|vuelo|volo|item|product|sku|flight|policy|contract|id|pedido|reserva|localizador|"
        r"factura|contrato|referencia|expediente|incidencia|seguimiento|p[oó]liza|"
        r"ordine|prenotazione|fattura|contratto|pratica|spedizione|riferimento|"
        r"segnalazione|polizza",
        r"订单|版本|航班|运单|单号|编号|工单|快递|物流|合同号|票号|型号|会员号|客户号",
    ),
    (Announced.EITHER, r"numbers?|n[uú]meros?|numeri", r"号码"),
)
# Words that leave open which account or code; a question before them tells.
_GENERAL = re.compile(
    r"account|(?:your|my|the|that) code .*|(?:tu|su|mi|el|ese) c[oó]digo .*|"
    r"(?:il|tuo|suo|mio|quel) codice .*"
)
_DEVICES = frozenset(
    str.split(
        "phone phones telephone mobile cell cellphone teléfono telefono móvil movil celular "
        "cellulare 电话 手机"
    )
)
_DEVICE_WITHIN = 20  # characters before a number in which such a word announces it
_ON_CARDS = (Announced.CVV, Announced.EXPIRY, Announced.CODE)
_ANNOUNCED = re.compile(  # of text in small letters: several times as fast as ignoring case
    # Placeholders are no words.
    rf"(?<!\[)(?:(?<![A-Z0-9{_LETTER}])(?:"
    + "|".join(f"({latin})" for _, latin, _ in _WORDS)
    + rf")(?![{_LETTER}])|(?=[\u3400-\u9fff])(?:"
    + "|".join(f"({chinese})" for _, _, chinese in _WORDS if chinese)
    + "))"
)
_KINDS = (*(kind for kind, _, _ in _WORDS), *(kind for kind, _, chinese in _WORDS if chinese))
# One of these is in every Latin announcement: looking for them first is much faster.
_STEMS = str.split(
    "cod cód card tarjeta carta cv verif digit dígit cifr numer numbers exp valid válid caduc "
    "venc scad till until iban acc rout aba cuenta conto coord deb ssn social dni d.n ni.f nif "
    "nie n.i d.ni cula cedula national identi tax pass otp pin clave phone tel mobile cell "
    "whatsapp fax dial back call reach text ring contact number telé movil móvil fijo llam llám "
    "recapito chiam visa amex american customer client member socio abonado abbona tessera "
    "utente order reserv book confirm ref ticket case invoice tracking serial version versi "
    "vuelo volo item product sku flight policy contr contat úmero umero pedido localizador "
    "factura expediente incidencia seguimiento póliza poliza ordine prenota fattura pratica "
    "spedizione rifer segnala polizza sort 2fa vouch coupon promo discount gift cup cheque vale "
    "descuento buono sconto hold localiz rintracc"
)
_ID = re.compile(r"(?<![a-z])id(?![a-z])")
_HAN = frozenset("".join(chinese for _, _, chinese in _WORDS)) - frozenset("|()?[]:")
_GIVEN = re.compile(
    r"\[[A-Z]{2,8}\]|\d[\d.:/\- ]{1,40}\d|(?<=[A-Za-z]{2})\d+|[零〇一幺二两三四五六七八九]{4,}"
)


def announced_as(text: str, start: int, before: str = "") -> Announced | None:
    """Return what the nearest words before a number announce, if any do.

    Parameters
    ----------
    text : str
    start : int
        Where the number begins.
    before : str
        What announces the text as a whole: the key of a JSON value, or the question that it
        answers. Counts where the text has no word of its own.
    """
    words = announcements(text)
    place = bisect_right(words, start, key=_END)
    word = words[place - 1] if place else None
    if word is not None and word.end < start - (_DEVICE_WITHIN if word.device else WITHIN):
        word = None
    general = word is None or word.kind is Announced.EITHER or _GENERAL.fullmatch(word.text)
    if word is not None and not general:
        return word.kind
    if word is not None and place > 1 and words[place - 2].end >= word.end - WITHIN:
        return words[place - 2].kind  # "the voucher, the code is ..."
    if before and start <= ANSWER_WITHIN:
        asked = asked_for(before)
        # "Account 1234", "the code is 1234", "the number is 1234": what was asked for.
        if word is None or (asked and (word.text != "account" or asked is Announced.ACCOUNT)):
            return asked
    return word and word.kind


@lru_cache(maxsize=64)
def asked_for(question: str) -> Announced | None:
    """Return what a question, or the key of a value, asks for."""
    kinds = [word.kind for word in announcements(_CAMEL.sub(r"\1 \2", question).replace("_", " "))]
    if {Announced.PHONE, Announced.OTHER} <= set(kinds):
        return Announced.EITHER
    return kinds[-1] if kinds else None


class _Word(NamedTuple):
    """A word that announces, and where it ends."""

    end: int
    kind: Announced
    text: str

    @property
    def device(self) -> bool:
        """Whether it may as well speak of a thing that is bought, or runs a version."""
        return self.text in _DEVICES


_END = attrgetter("end")


# The same text is asked about for each of its numbers. Few are held on to: one may be large.
@lru_cache(maxsize=4)
def announcements(text: str) -> tuple[_Word, ...]:
    """Return the announcing words of a text in order."""
    low = text.lower()
    if len(low) != len(text):  # a rare letter, whose small form is two
        low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    if not _ID.search(low) and not any(stem in low for stem in _STEMS) and _HAN.isdisjoint(low):
        return ()
    found: list[_Word] = []
    for match in _ANNOUNCED.finditer(low):
        kind = _KINDS[(match.lastindex or 1) - 1]
        # "When does the card expire", "the code on the back of the card".
        last = found[-1] if found else None
        of_card = kind is Announced.CARD and last is not None and last.kind in _ON_CARDS
        # "Order number": the word before says which.
        of_last = kind is Announced.EITHER and last is not None
        near = last is not None and match.start() <= last.end + WITHIN
        if not (near and (of_card or of_last)):
            found.append(_Word(match.end(), kind, match.group()))
    return tuple(found)


def unanswered(text: str) -> str:
    """Return what follows the last number or placeholder: what came before was told already."""
    return text[max((match.end() for match in _GIVEN.finditer(text)), default=0) :]
