"""Who is the agent and who the customer of an e-mail thread."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autoqa.readers.email_messages import Address
from autoqa.readers.speakers import named
from autoqa.records import Speaker

_DESK = """
support help helpdesk service servicedesk customerservice customercare customersupport care
complaints returns billing tickets soporte ayuda atencion atencionalcliente atencioncliente
servicioalcliente clientes reclamaciones assistenza aiuto clienti servizioclienti reclami
kefu fuwu shouhou
"""
_OFFICE = """
info contact hello sales orders team office accounts contacto ventas pedidos contatti vendite
ordini amministrazione
"""
_SENDERS = "noreply donotreply notifications notification mailer bot automated"
_PROGRAMS = frozenset({"mailer-daemon", "postmaster"})
_SHARED = """
gmail.com googlemail.com outlook.com outlook.es outlook.it hotmail.com hotmail.es hotmail.it
live.com live.it msn.com yahoo.com yahoo.es yahoo.it icloud.com me.com mac.com aol.com gmx.com
gmx.net proton.me protonmail.com libero.it virgilio.it tiscali.it alice.it tin.it telefonica.net
qq.com foxmail.com 163.com 126.com yeah.net sina.com sina.cn sohu.com 139.com 189.cn
"""

_DESK_WORDS, _OFFICE_WORDS, _SENDER_WORDS = (
    frozenset(listed.split()) for listed in (_DESK, _OFFICE, _SENDERS)
)
_PUBLIC = frozenset(_SHARED.split())  # people of different firms have addresses there
_PARTS = re.compile(r"[._+-]+|\d+")


@dataclass(frozen=True, slots=True)
class Sides:
    """Address to speaker; `guessed` where nothing but the order of messages says so."""

    speakers: Mapping[str, Speaker]
    guessed: bool = False


def sides_of(
    authors: Sequence[Address], others: Sequence[Address], given: Mapping[str, Speaker]
) -> Sides | None:
    """Return who the people of a thread are, or None where nothing tells.

    What the user says counts first: an address, a name or a domain, which includes its subdomains;
    colleagues of a named agent are agents, everybody else is a customer. Otherwise an address
    such as ``support@`` names the centre, and its domain its agents. Otherwise who wrote first is
    the customer, if somebody else answered.

    Parameters
    ----------
    authors : sequence of Address
        Who wrote, in the order of the messages.
    others : sequence of Address
        Who only got messages.
    given : mapping of str to Speaker
        As in `autoqa.readers.read`.
    """
    people = {one.address: one for one in (*authors, *others)}
    found = {
        one.address: speaker
        for one in people.values()
        if (speaker := _given(one, given) or _program(one)) is not None
    }
    told = {
        side: [people[address] for address, speaker in found.items() if speaker is side]
        for side in (Speaker.AGENT, Speaker.CUSTOMER)
    }
    rest = [one for one in people.values() if one.address not in found]
    guessed = False
    if told[Speaker.AGENT] or told[Speaker.CUSTOMER]:
        side = Speaker.AGENT if told[Speaker.AGENT] else Speaker.CUSTOMER
        members = told[side]
    else:
        side, members = Speaker.AGENT, _centre(rest)
        if not members:
            writers = [one for one in authors if one in rest and not _is(one, _SENDER_WORDS)]
            if len({one.address for one in writers}) < 2:
                return None
            side, members, guessed = Speaker.CUSTOMER, writers[:1], True
    other = Speaker.CUSTOMER if side is Speaker.AGENT else Speaker.AGENT
    for one in rest:
        speaker = side if _is_one_of(one, members) else other
        if speaker is Speaker.AGENT and _is(one, _SENDER_WORDS):
            speaker = Speaker.BOT
        found[one.address] = speaker
    return Sides(found, guessed)


def is_shared(address: str) -> bool:
    """Whether an address belongs to a desk or office rather than to a person."""
    return _is(Address(address), _DESK_WORDS | _OFFICE_WORDS | _SENDER_WORDS)


def _given(one: Address, given: Mapping[str, Speaker]) -> Speaker | None:
    labels = [one.address, one.name]
    domain = one.domain
    while domain:
        labels += [domain, f"@{domain}"]
        domain = domain.partition(".")[2]
    return next((found for label in labels if (found := named(label, given)) is not None), None)


def _program(one: Address) -> Speaker | None:
    return Speaker.SYSTEM if one.address.partition("@")[0] in _PROGRAMS else None


def _centre(people: Sequence[Address]) -> list[Address]:
    """Return the addresses of the centre's own desk, if there is just one such firm."""
    for words in (_DESK_WORDS, _OFFICE_WORDS):
        desks = [one for one in people if _is(one, words)]
        if desks:
            firms = {one.address if one.domain in _PUBLIC else one.domain for one in desks}
            return desks if len(firms) == 1 else []
    return []


def _is(one: Address, words: frozenset[str]) -> bool:
    local = one.address.partition("@")[0]
    parts = [part for part in _PARTS.split(local) if part]
    # Where everybody can have an address, "hello.ana" is a person.
    inside = one.domain not in _PUBLIC and any(part in words for part in parts)
    return inside or "".join(parts) in words


def _is_one_of(one: Address, members: Sequence[Address]) -> bool:
    """Whether somebody is one of these people or a colleague of theirs."""
    return any(
        one.address == member.address or (one.domain == member.domain not in _PUBLIC)
        for member in members
    )
