"""From an encounter to its words: every true level is realised by what is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from autoqa.simulate.behaviour import Encounter
from autoqa.simulate.phrasing import Wording
from autoqa.simulate.streams import stream

AGENT, CUSTOMER = "agent", "customer"
_TRIES = 40  # draws of a wording until it is free of what the true levels rule out
_FIRST_CARD_DIGITS = "40000012"  # a range reserved for test cards


@dataclass(slots=True)
class Line:
    """One message before it is transcribed."""

    speaker: str
    text: str
    criteria: tuple[str, ...] = ()  # whose levels these words realise
    wait_s: float = 0.0  # silence before it, beyond the usual gap
    opening: bool = field(default=False)  # greeting and disclosure: nothing is put before them


def draw_slots(encounter: Encounter, wording: Wording, seed: int) -> dict[str, str]:
    """Draw names, amounts, dates and numbers for one conversation.

    Names, birth dates and addresses belong to the customer and stay the same when they return.
    """
    person = stream(seed, "person", encounter.customer.number)
    staff = stream(seed, "staff", encounter.agent.agent)
    rng = stream(seed, "slots", encounter.number)
    content, gender = wording.content, encounter.customer.gender
    family = person.choice(content["family"])
    day, month = person.randint(1, 28), person.choice(content["months"])
    slots = {
        "company": content["company"],
        "agent": staff.choice(content["given"][encounter.agent.gender]),
        "first": person.choice(content["given"][gender]),
        "family": family,
        "name": content["title"][gender].format(family=family),
        "dob": content["date"].format(day=day, month=month, year=person.randint(1950, 2004)),
        "postcode": str(person.randint(10000, 98999)),
        "street": person.choice(content["streets"]).format(number=person.randint(1, 99)),
        "year": str(person.randint(2009, 2023)),
        "city": rng.choice(content["cities"]),
        "weekday": rng.choice(content["weekdays"]),
        "order": f"{rng.choice('ABKNT')}{rng.randint(10000, 99999)}",
        "amount": f"{rng.randint(9, 140)}{content['decimal']}{rng.choice((20, 50, 75, 90, 99))}",
        "o": "a" if gender == "f" else "o",
        "ao": "a" if encounter.agent.gender == "f" else "o",
        "card": _draw_card(rng, wording, spoken=encounter.asr),
    }
    words = stream(seed, "topic words", encounter.number)
    topic = f"topics.{encounter.topic.topic}"
    slots["issue"] = wording.say(f"{topic}.issue", words, slots)
    slots["issue_cap"] = slots["issue"][:1].upper() + slots["issue"][1:]
    slots["paraphrase"] = wording.say(f"{topic}.paraphrase", words, slots)
    slots["outcome"] = wording.say(f"outcome.{encounter.levels['answer']}", words, slots)
    slots["when"] = wording.say("when", words, slots)
    return slots


def _draw_card(rng: Random, wording: Wording, *, spoken: bool) -> str:
    digits = _FIRST_CARD_DIGITS + "".join(str(rng.randrange(10)) for _ in range(7))
    doubled = [int(d) * (2 - i % 2) for i, d in enumerate(digits)]
    digits += str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)  # Luhn's check digit
    if spoken and rng.random() < 0.5:
        return wording.joiner.join(wording.digits[int(d)] for d in digits)
    return " ".join(digits[i : i + 4] for i in range(0, 16, 4))


class Dialogue:
    """Writes one conversation, part by part, in the order in which contacts usually go."""

    def __init__(self, encounter: Encounter, wording: Wording, seed: int) -> None:
        self.encounter = encounter
        self.wording = wording
        self.rng = stream(seed, "words", encounter.number)
        self.slots = draw_slots(encounter, wording, seed)
        self.lines: list[Line] = []
        avoided = {"courtesy": self.level("courtesy") < 2, "open_question": not self.hears()}
        self.avoided = tuple(wording.marks[name] for name, avoid in avoided.items() if avoid)

    def hears(self) -> bool:
        """Return whether the agent asks or repeats back at all."""
        return self.level("listening") > 0

    def level(self, criterion: str) -> int:
        """Return the true level, lowest where the criterion does not apply."""
        return self.encounter.levels[criterion] or 0

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.rng.random() < probability

    def words(self, place: str) -> str:
        """Return one wording of a place of the wording file."""
        return self.wording.say(place, self.rng, self.slots)

    def agent(self, place: str, *criteria: str, wait_s: float = 0.0, opening: bool = False) -> None:
        """Let the agent say something from `place`, which realises `criteria`."""
        self.say(f"agent.{place}", *criteria, wait_s=wait_s, opening=opening)

    def say(self, place: str, *criteria: str, wait_s: float = 0.0, opening: bool = False) -> None:
        """Let the agent say something that does not lift another criterion above its level."""
        text = self.words(place)
        for _ in range(_TRIES):
            if not any(mark.search(text) for mark in self.avoided):
                break
            text = self.words(place)
        self.lines.append(Line(AGENT, text, criteria, wait_s, opening))

    def graded(self, criterion: str, *, share_at_0: float = 1.0) -> None:
        """Realise a criterion's level, if it applies; at level 0 words may also be left out."""
        level = self.encounter.levels[criterion]
        if level is not None and (level or self.chance(share_at_0)):
            self.agent(f"{criterion}.{level}", criterion)

    def customer(self, place: str) -> None:
        """Let the customer say something from `place`."""
        self.lines.append(Line(CUSTOMER, self.words(f"customer.{place}")))

    def write(self) -> list[Line]:
        """Return the whole conversation as lines, neighbours of one speaker partly joined."""
        self.open()
        parts: list[Callable[[], None]] = [self.listen, self.acknowledge]
        if self.chance(0.4):
            parts.reverse()
        for part in parts:
            part()
        self.verify()
        self.diagnose()
        self.solve()
        if not self.encounter.abandoned:
            self.close()
        self.address_by_name()
        self.be_courteous()
        self.be_rude()
        return self.joined()

    def open(self) -> None:
        """Greeting, recording disclosure, and the problem in the customer's words."""
        seen = self.encounter
        greeting = f"greeting.{self.level('greeting')}"
        start: list[Callable[[], None]] = [lambda: self.agent(greeting, "greeting", opening=True)]
        if self.level("disclosure"):
            start.append(lambda: self.agent("disclosure", "disclosure", opening=True))
            if self.chance(0.15):
                start.reverse()
        customer_first = seen.channel == "chat" and self.chance(0.5)
        if not customer_first:
            for say in start:
                say()
        mood = 0 if seen.mood < -1.1 else 2 if seen.mood > 0.9 else 1
        if self.chance(0.85):
            self.customer(f"hello.{mood}")
        if seen.introduced:
            self.customer("introduce")
        self.lines.append(Line(CUSTOMER, self.words(f"topics.{seen.topic.topic}.problem")))
        if seen.repeat and self.chance(0.8):
            self.customer("repeat")
        if seen.mood < -0.8 and self.chance(0.7):
            self.customer("complaint")
        if customer_first:
            for say in start:
                say()

    def listen(self) -> None:
        """Paraphrase, ask or go on; the customer's reply tells which."""
        self.graded("listening")
        replies = ("okay", "tell_more", "confirm")
        self.customer(replies[self.level("listening")])

    def acknowledge(self) -> None:
        """Name the problem, apologise, or pass over it; without a problem, none of these."""
        if self.encounter.levels["acknowledgement"] is None:
            return
        self.graded("acknowledgement", share_at_0=0.6)
        if self.chance(0.25):
            self.customer("okay")

    def verify(self) -> None:
        """Identification and account details, in the order that the true level says."""
        steps: list[Callable[[], None]] = []
        if self.level("identification"):
            steps.append(self.identify)
        if self.encounter.details:
            criteria = ("identity_before_details",)
            steps.append(lambda: self.agent("details", *criteria))
        if self.encounter.levels["identity_before_details"] == 0:
            steps.reverse()
        for step in steps:
            step()
        self.graded("personalisation", share_at_0=0.5)
        if self.encounter.plan.card:
            self.agent("card_ask")
            self.customer("card")
            said = "card_safe" if self.level("no_card_read_back") else "card_back"
            self.agent(said, "no_card_read_back")
            if said == "card_back":
                self.customer("confirm")

    def identify(self) -> None:
        """Ask who the customer is, in the tone of the agent's courtesy."""
        courtesy = self.level("courtesy")
        self.agent(f"ask_identity.{courtesy}", "identification")
        self.customer("identity")
        if self.level("identification") == 2:
            self.agent(f"identity_done.{courtesy}", "identification")

    def diagnose(self) -> None:
        """Ask questions, hold and transfer; more rounds with hard topics and less skill."""
        seen, topic = self.encounter, self.encounter.topic.topic
        courtesy = self.level("courtesy")
        asked = self.rng.sample(
            range(self.wording.probes(topic)), min(seen.rounds, self.wording.probes(topic))
        )
        for probe in asked:
            place = f"topics.{topic}.probes.{probe}"
            self.say(f"{place}.ask")
            if not self.hears() and self.chance(0.3):
                self.customer("told_you")
            self.lines.append(Line(CUSTOMER, self.words(f"{place}.reply")))
        if self.chance(0.5):
            self.agent("filler", wait_s=self.rng.uniform(3, 25))
        if self.chance(0.25):
            self.customer("confuser")
        if seen.hold:
            self.agent(f"hold.{courtesy}")
            self.customer("wait")
            self.agent(f"hold_back.{courtesy}", wait_s=self.rng.uniform(30, 200))
        if seen.transfer:
            self.agent("transfer")
            self.customer("transferred" if self.chance(0.5) else "wait")
            self.agent("arrival", wait_s=self.rng.uniform(15, 120))
        if seen.tone <= 1 and self.chance(0.5):
            self.customer("complaint")

    def solve(self) -> None:
        """Answer, the customer's reaction, next steps and time frame."""
        seen = self.encounter
        topic = f"topics.{seen.topic.topic}"
        answer = self.level("answer")
        self.say(f"{topic}.answer.{answer}", "answer", wait_s=self.rng.uniform(0, 12))
        if self.chance(0.8):
            # Who got a full answer may be displeased, but does not say that it is still open.
            displeased = answer == 2 and seen.tone < 2
            self.customer(f"{'answered_late' if displeased else 'after_answer'}.{seen.tone}")
        before = len(self.lines)
        if self.level("next_steps"):
            self.say(f"{topic}.step", "next_steps")
        else:
            self.graded("next_steps", share_at_0=0.3)
        if self.level("time_frame"):
            self.agent("time_frame", "time_frame")
        elif seen.levels["time_frame"] == 0 and self.chance(0.35):
            self.agent("vague_time")
        if len(self.lines) > before and self.chance(0.5):
            self.customer("okay" if seen.tone < 4 else "after_answer.4")

    def close(self) -> None:
        """Recap, further help, goodbye: the last words follow satisfaction."""
        tone = self.encounter.tone
        if self.level("recap"):
            self.graded("recap")
            if self.chance(0.5):
                self.customer("okay")
        if self.level("further_help"):
            self.agent("further_help", "further_help")
            self.customer(f"nothing_else.{tone}")
        goodbyes: list[Callable[[], None]] = [lambda: self.customer(f"bye.{tone}")]
        if self.level("closing"):
            goodbyes.append(lambda: self.agent("closing", "closing"))
        elif self.chance(0.5):
            goodbyes.append(lambda: self.agent("no_closing"))
        if self.chance(0.5):
            goodbyes.reverse()
        for say in goodbyes:
            say()

    def _agent_lines(self) -> list[int]:
        return [
            i for i, line in enumerate(self.lines) if line.speaker == AGENT and not line.opening
        ]

    def address_by_name(self) -> None:
        """Say the customer's name once, or at two or three separate points."""
        times = (0, 1, self.rng.choice((2, 2, 3)))[self.level("name_use")]
        places = self._agent_lines()
        for i in self.rng.sample(places, min(len(places), times)):
            self._put_before(i, self.words("agent.name"), "name_use")

    def be_courteous(self) -> None:
        """Lead-ins set the tone: polite ones throughout, one or two of them, or curt ones."""
        level = self.level("courtesy")
        how_many = ((0, 1, 1), (1, 1, 2), (3, 4, 5))[level]
        places = self._agent_lines()
        for i in self.rng.sample(places, min(len(places), self.rng.choice(how_many))):
            self._put_before(i, self.words(f"agent.courtesy.{level}"), "courtesy")

    def be_rude(self) -> None:
        """Put one rude remark, or two or three, anywhere after the opening."""
        times = (self.rng.choice((2, 2, 3)), 1, 0)[self.level("no_rudeness")]
        places = self._agent_lines()
        chosen = self.rng.sample(places, min(len(places), times))
        for place in sorted(chosen, reverse=True):  # from the end, so that places stay valid
            self.lines.insert(place + 1, Line(AGENT, self.words("agent.rude"), ("no_rudeness",)))
            if self.chance(0.7):
                self.lines.insert(place + 2, Line(CUSTOMER, self.words("customer.react_rude")))

    def _put_before(self, place: int, text: str, criterion: str) -> None:
        line = self.lines[place]
        line.text = f"{text}{self.wording.joiner}{line.text}"
        line.criteria = (*line.criteria, criterion)

    def joined(self) -> list[Line]:
        """Join neighbouring lines of one speaker, in calls more often than in chats."""
        together = 0.8 if self.encounter.channel == "voice" else 0.5
        result: list[Line] = []
        for line in self.lines:
            last = result[-1] if result else None
            if (
                last is not None
                and last.speaker == line.speaker
                and not line.wait_s
                and self.chance(together)
            ):
                last.text = f"{last.text}{self.wording.joiner}{line.text}"
                last.criteria = (*last.criteria, *line.criteria)
            else:
                result.append(line)
        return result
