"""The page of one conversation, as a browser without scripts sees it, and what HTMX asks for."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser

import pytest
from sqlalchemy import select, update

from autoqa.review.comments import comments_on
from autoqa.review.conversations import see
from autoqa.review.database import schema
from autoqa.review.leases import claim_conversation

HTMX = {"HX-Request": "true"}


class Elements(HTMLParser):
    """Tags with their attributes, and texts, in the order of the page."""

    def __init__(self, text):
        super().__init__()
        self.found, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def conversation(loaded):
    """The id of a conversation on which a model's answers rest on words and may be changed."""
    with loaded.reading() as connection:
        return (
            connection.execute(
                select(schema.conversations.c.id).order_by(schema.conversations.c.id)
            )
            .scalars()
            .first()
        )


@pytest.fixture
def held(loaded, people, conversation):
    """The same, claimed by the reviewer."""
    claim_conversation(loaded, people["reviewer"], conversation)
    return conversation


@pytest.fixture
def browser(client):
    return client("reviewer")


@pytest.fixture
def seen(loaded, people, conversation):
    return lambda who="reviewer": see(loaded, people[who], conversation)


@pytest.fixture
def send(browser, token, conversation):
    csrf = token(browser.get("/account"))

    def post(path, *, htmx=False, **form):
        return browser.post(
            path, data={"csrf": csrf, "id": conversation, **form}, headers=HTMX if htmx else {}
        )

    return post


def proposal(view):
    """A criterion that a model rated, and its level."""
    return next(
        (name, one.rating.level)
        for name, one in view.model.items()
        if one.rating.status == "rated" and one.rating.evidence
    )


def other_level(view, criterion, level):
    return next(one for one in view.card.criterion(criterion).levels if one != level)


def answer_all(send, view):
    for criterion in view.card.criteria:
        done = send(
            "/conversation/answer", criterion=criterion.id,
            answer=str(criterion.scale[-1]), reason="as heard", based_on=0,
        )  # fmt: skip
        assert done.status_code == 303, done.text


def open_page(browser, conversation, **query):
    answer = browser.get("/conversation", params={"id": conversation, **query})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_every_turn_is_there_with_speaker_and_time(browser, conversation, seen):
    text = open_page(browser, conversation)
    for number, turn in enumerate(seen().transcript.turns, start=1):
        assert f'<li id="turn-{number}" class="turn {turn.speaker}' in text
    assert text.count('<p class="said" dir="auto"') == len(seen().transcript.turns)
    assert '<span class="when">0:00</span>' in text


def test_evidence_of_the_selected_criterion_is_highlighted_with_its_contribution(
    browser, conversation, seen
):
    name, _ = proposal(seen())
    plain = open_page(browser, conversation)
    assert "evidence ev-" in plain
    assert re.search(r'<mark class="[^"]* lit', plain) is None
    text = open_page(browser, conversation, criterion=name)
    wanted = {one.turn + 1 for one in seen().model[name].rating.evidence}
    turns = re.findall(r'<li id="turn-(\d+)" class="turn [^"]*\blit\b', text)
    assert {int(number) for number in turns} == wanted
    assert f"ev-{name}" in re.search(r'<mark class="([^"]* lit)"', text)[1]
    assert re.search(r'<article id="criterion-[^"]*" class="criterion selected', text)


def test_without_scripts_a_criterion_leads_to_its_first_evidence(browser, conversation, seen):
    name, _ = proposal(seen())
    text = html.unescape(open_page(browser, conversation))
    link = re.search(rf'href="(/conversation\?[^"]*criterion={name}#turn-(\d+))"', text)
    weights = {one.turn: abs(one.contribution) for one in seen().model[name].rating.evidence}
    assert weights[int(link[2]) - 1] == max(weights.values())


def test_the_answer_of_a_model_is_shown_with_its_confidence(browser, conversation, seen):
    view = seen()
    name, chances = next(
        (name, one.rating.probabilities)
        for name, one in view.model.items()
        if one.rating.probabilities and one.rating.level is not None
    )
    text = open_page(browser, conversation)
    card = text.partition(f'id="criterion-{name}"')[2].partition("</article>")[0]
    assert f"confidence {100 * max(chances):.0f} %" in card


def test_who_only_reads_gets_no_form_to_answer(client, conversation, browser):
    assert 'action="/conversation/answer"' not in open_page(browser, conversation)
    assert "To answer, claim the conversation." in open_page(browser, conversation)
    text = open_page(client("analyst"), conversation)
    assert 'action="/conversation/' not in text
    assert "To answer" not in text


def test_nobody_sees_what_is_not_theirs(client, conversation):
    """The first conversation is of Maya Okafor; the other agent is somebody else."""
    other = client("other_agent").get("/conversation", params={"id": conversation})
    assert other.status_code == 404
    assert open_page(client("agent"), conversation)
    assert client("agent").get("/conversation", params={"id": "no such"}).status_code == 404


def test_accepting_takes_one_click_and_says_so(send, held, seen, browser):
    name, level = proposal(seen())
    done = send("/conversation/answer", criterion=name, answer=str(level), based_on=0)
    assert done.status_code == 303
    following = [one.id for one in seen().card.criteria]
    following = following[following.index(name) + 1]
    assert done.headers["location"].endswith(f"criterion={following}#criterion-{following}")
    answer = seen().answers[name]
    assert (answer.rating.level, answer.accepted, answer.version) == (level, True, 1)
    text = open_page(browser, held, criterion=name)
    assert "accepted" in text.partition(f'id="criterion-{name}"')[2].partition("</article>")[0]


def test_a_change_without_a_reason_is_asked_for_one_and_keeps_what_was_typed(send, held, seen):
    name, level = proposal(seen())
    other = other_level(seen(), name, level)
    done = send("/conversation/answer", criterion=name, answer=str(other), turns="1", based_on=0)
    assert done.status_code == 422
    assert "Say why you answer otherwise than the model, then save." in done.text
    card = done.text.partition(f'id="criterion-{name}"')[2].partition("</article>")[0]
    assert f'name="answer" value="{other}" class="quiet save"' in card
    assert 'value="1"' in card
    assert name not in seen().answers
    done = send(
        "/conversation/answer", criterion=name, answer=str(other), reason="She says it twice.",
        turns="1, 2", based_on=0,
    )  # fmt: skip
    assert done.status_code == 303
    rating = seen().answers[name].rating
    assert (rating.level, rating.reason) == (other, "She says it twice.")
    assert [one.turn for one in rating.evidence] == [0, 1]


def test_not_applicable_and_cannot_tell_are_answers(send, held, seen):
    name, _ = proposal(seen())
    form = {"criterion": name, "reason": "not in this call"}
    done = send("/conversation/answer", answer="abstained", based_on=0, **form)
    assert done.status_code == 303
    assert seen().answers[name].rating.status == "abstained"
    if seen().card.criterion(name).not_applicable:
        done = send("/conversation/answer", answer="not_applicable", based_on=1, **form)
        assert seen().answers[name].rating.status == "not_applicable"


@pytest.mark.parametrize(
    "wrong",
    [{"answer": "99"}, {"answer": "nonsense"}, {"answer": ""}, {"answer": "1", "turns": "9999"}],
)
def test_what_is_no_answer_is_refused_beside_the_form(send, held, seen, wrong):
    name, _ = proposal(seen())
    done = send("/conversation/answer", criterion=name, reason="kept words", **wrong)
    assert done.status_code == 422
    assert "kept words" in done.text
    assert 'class="problem"' in done.text
    assert name not in seen().answers


def test_with_htmx_the_card_and_the_totals_come_back_alone(send, held, seen):
    name, level = proposal(seen())
    done = send("/conversation/answer", htmx=True, criterion=name, answer=str(level), based_on=0)
    assert done.status_code == 200
    assert done.text.lstrip().startswith(f'<article id="criterion-{name}"')
    assert '<p id="totals" class="totals" hx-swap-oob="innerHTML"' in done.text
    assert "<html" not in done.text
    assert 'name="based_on" value="1"' in done.text
    total = seen().mine.total
    assert f'id="my-total">{total:.0f}</b>' in done.text
    assert f"1 of {len(seen().card.criteria)} criteria answered" in done.text


def test_a_stale_answer_shows_both_versions_and_keeps_what_was_typed(send, held, seen):
    name, level = proposal(seen())
    other = other_level(seen(), name, level)
    send("/conversation/answer", criterion=name, answer=str(level), reason="first", based_on=0)
    for htmx in (True, False):
        done = send(
            "/conversation/answer", htmx=htmx, criterion=name, answer=str(other),
            reason="second thoughts", turns="2", based_on=0,
        )  # fmt: skip
        assert done.status_code == 409
        card = done.text.partition(f'id="criterion-{name}"')[2].partition("</article>")[0]
        conflict = card.partition('class="notice bad conflict"')[2].partition("</div>")[0]
        assert f"{level} " in conflict
        assert "first" in conflict
        assert "second thoughts" in card
        assert 'value="2"' in card
        assert 'name="based_on" value="1"' in card
    done = send(
        "/conversation/answer", criterion=name, answer=str(other), reason="second thoughts",
        based_on=1,
    )  # fmt: skip
    assert done.status_code == 303
    assert seen().answers[name].version == 2


def test_what_was_typed_is_shown_where_the_conversation_went_to_somebody_else(
    send, held, seen, loaded, people
):
    name, level = proposal(seen())
    with loaded.writing("tests") as write:
        write.execute(update(schema.leases).values(user_id=people["other_reviewer"].id))
        write.audit("item.claim", held)
    done = send(
        "/conversation/answer", criterion=name, answer=str(level), reason="my words", based_on=0
    )
    assert done.status_code == 409
    assert "my words" in done.text


def test_submitting_needs_all_answers_and_names_what_is_missing(send, held, seen, browser):
    done = send("/conversation/submit")
    assert done.status_code == 422
    assert "These criteria have no answer yet:" in done.text
    assert done.text.count("data-pick=") >= len(seen().unanswered)
    answer_all(send, seen())
    assert send("/conversation/submit").status_code == 303
    assert seen().mine.submitted
    text = open_page(browser, held)
    assert "You have submitted this evaluation." in text
    assert 'action="/queue/next"' in text
    assert 'action="/conversation/answer"' not in text


def test_submitting_may_lead_to_the_next_conversation(send, held, seen):
    answer_all(send, seen())
    done = send("/conversation/submit", then="next")
    assert done.status_code == 303
    assert done.headers["location"].startswith("/conversation?id=")
    assert held not in done.headers["location"]


def test_a_submitted_evaluation_can_be_opened_again(send, held, seen):
    answer_all(send, seen())
    send("/conversation/submit")
    assert send("/conversation/reopen").status_code == 303
    assert not seen().mine.submitted
    assert len(seen().answers) == len(seen().card.criteria)


def test_comments_stand_beside_the_turn_and_the_criterion(send, held, seen, browser):
    name, _ = proposal(seen())
    done = send("/conversation/comment", text="Well said.", turn="2", criterion=name)
    assert done.status_code == 303
    (comment,) = seen().comments
    assert (comment.turn, comment.criterion, comment.text) == (1, name, "Well said.")
    assert done.headers["location"].endswith(f"#comment-{comment.id}")
    text = open_page(browser, held)
    turn = text.partition('<li id="turn-2"')[2].partition("</li>")[0]
    assert f'href="#comment-{comment.id}"' in turn
    assert f'<li id="comment-{comment.id}">' in text


def test_with_htmx_a_comment_also_marks_its_turn(send, held, loaded, people):
    done = send("/conversation/comment", htmx=True, text="Here.", turn="2")
    assert done.status_code == 200
    assert done.text.lstrip().startswith('<section id="comments"')
    (comment,) = comments_on(loaded, people["reviewer"], held)
    assert 'hx-swap-oob="beforebegin:#turn-2 .said"' in done.text
    assert f'href="#comment-{comment.id}"' in done.text


@pytest.mark.parametrize("wrong", [{"turn": "0"}, {"turn": "x"}, {"turn": "1e9"}, {"text": " "}])
def test_a_comment_that_cannot_be_saved_is_not_lost(send, held, seen, wrong):
    done = send("/conversation/comment", **{"text": "my words", "turn": "1", **wrong})
    assert done.status_code == 422
    assert wrong.get("text") or "my words" in done.text
    assert seen().comments == ()


def test_a_turn_can_be_chosen_to_comment_on_without_scripts(browser, held):
    text = open_page(browser, held, turn="3")
    assert re.search(r'<input id="comment-turn"[^>]* value="3"', text)


def test_blind_pages_hold_nothing_of_models_and_peers(client, loaded, people, conversation, token):
    claim_conversation(loaded, people["reviewer"], conversation)
    with loaded.writing("tests") as write:
        write.execute(update(schema.items).values(blind=True))
        write.audit("item.assign", "all", blind=True)
    told = see(loaded, people["analyst"], conversation)
    blind = client("reviewer")
    text = open_page(blind, conversation)
    page = Elements(text)
    assert "hidden until you submit" in text
    assert "Blind review" in text
    assert not any(tag in ("mark", "svg", "polyline") for tag, _ in page.found)
    assert not any("evidence" in (given.get("class") or "") for _, given in page.found)
    assert all(given["data-proposed"] == "" for _, given in page.found if "data-proposed" in given)
    assert 'class="proposed"' not in text
    assert "confidence" not in text
    assert f"{told.automated.total:.2f}" not in text
    # An answer is taken without a reason: asking for one would tell.
    name, level = proposal(told)
    done = blind.post(
        "/conversation/answer",
        data={
            "csrf": token(blind.get("/account")), "id": conversation, "criterion": name,
            "answer": other_level(told, name, level), "based_on": 0,
        },
        headers=HTMX,
    )  # fmt: skip
    assert done.status_code == 200
    assert "model</span>" not in done.text


def test_the_curve_is_drawn_with_the_turns_worth_a_look(browser, loaded, people):
    with loaded.reading() as connection:
        drawn = connection.execute(select(schema.curves.c.conversation_id)).scalars().first()
    text = open_page(browser, drawn)
    assert '<polyline class="line"' in text
    assert re.search(r'href="#turn-\d+" data-turn="\d+">(start|lowest) [\d.]+, turn \d+', text)
    assert "style=" not in text


HOSTILE = [
    "<script>window.hit=1</script>",
    '"><img src=x onerror=alert(1)>',
    "</mark></li><svg/onload=alert(1)>",
    "{{ 7 * 7 }} {% raw %}",
    "\u202eevil\u2066 \u05d0\u05d1 \u0627\u0628",
    "&lt;b&gt; &amp;",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_texts_are_only_ever_texts(browser, loaded, people, conversation, hostile, send):
    with loaded.writing("tests") as write:
        row = write.execute(
            select(schema.conversations).where(schema.conversations.c.id == conversation)
        ).one()
        document = json.loads(json.dumps(row.document))
        for turn in document["turns"]:
            turn["text"] = hostile + turn["text"]
        document |= {"agent": hostile, "team": hostile, "topic": hostile}
        write.execute(
            update(schema.conversations)
            .where(schema.conversations.c.id == conversation)
            .values(document=document)
        )
        write.execute(update(schema.users).values(display_name=hostile))
        write.audit("tests", "conversation", change=True)
    claim_conversation(loaded, people["reviewer"], conversation)
    send("/conversation/comment", text=hostile, turn="1")
    page = Elements(open_page(browser, conversation))
    assert {"script", "img"} & {tag for tag, _ in page.found} <= {"script"}
    for tag, given in page.found:
        assert tag != "script" or given.get("src", "").startswith("/static/")
        assert not any(name.startswith("on") or name == "style" for name in given)
    assert not any(sign in text for text in page.texts for sign in "\u202e\u2066")
    said = "".join(page.texts)
    assert re.sub("[\u202e\u2066]", "\ufffd", hostile) in said


def test_an_id_may_hold_anything(browser, loaded, conversation):
    strange = "a/b?c=1&d=<x>\"'#é 会"
    with loaded.writing("tests") as write:
        row = write.execute(
            select(schema.conversations).where(schema.conversations.c.id == conversation)
        ).one()
        values = row._asdict() | {"id": strange}
        values["document"] = {**values["document"], "conversation_id": strange}
        write.execute(schema.conversations.insert().values(values))
        write.audit("tests", "conversation", change=True)
    text = open_page(browser, strange)
    assert f"<bdi>{html.escape(strange, quote=False)}</bdi>" in text.replace("&#34;", '"').replace(
        "&#39;", "'"
    )


def test_a_lease_is_renewed_while_one_reads(send, loaded, people, held):
    with loaded.reading() as connection:
        lease = connection.execute(select(schema.leases)).one()
    assert send("/conversation/hold", item=lease.item_id).status_code == 204
    with loaded.reading() as connection:
        assert connection.execute(select(schema.leases)).one().expires_at > lease.expires_at


def test_keys_are_listed_as_the_user_has_them(client, loaded, conversation):
    with loaded.writing("tests") as write:
        write.execute(update(schema.users).values(settings={"shortcuts": {"accept": "y"}}))
        write.audit("tests", "users", change=True)
    text = open_page(client("reviewer"), conversation)
    assert re.search(r"<dt><kbd>y</kbd></dt><dd>Accept the model", text)


@pytest.mark.parametrize("language", ["es", "it", "zh"])
def test_the_page_speaks_the_users_language(client, loaded, held, language):
    with loaded.writing("tests") as write:
        write.execute(update(schema.users).values(language=language))
        write.audit("tests", "users", change=True)
    text = open_page(client("reviewer"), held)
    page = Elements(text)
    assert dict(page.found)["html"]["lang"] == language
    said = {text.strip() for text in page.texts}
    assert not {"Transcript", "Submit", "Comments", "agent", "customer", "Reason", "You"} & said
