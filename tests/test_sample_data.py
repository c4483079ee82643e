"""The embedded sample keeps what its README promises."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from autoqa.readers.quarantine import Problem
from autoqa.readers.uniform import labelled_from

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "sample" / "conversations.jsonl"
CARD = ROOT / "src" / "autoqa" / "scorecard" / "library" / "support-core.yaml"
RATERS = {"qa_ana", "qa_ben"}


@pytest.fixture(scope="module")
def conversations():
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def scales():
    card = yaml.safe_load(CARD.read_text(encoding="utf-8"))
    return {
        criterion["id"]: sorted(criterion["levels"])
        for section in card["sections"]
        for criterion in section["criteria"]
    }


def test_every_conversation_has_its_own_id_and_says_it_is_fictional(conversations):
    ids = [c["conversation_id"] for c in conversations]
    assert len(ids) == len(set(ids)) == 64
    assert all(c["fictional"] is True and "fictional" in c["source"] for c in conversations)


def test_four_languages_have_at_least_fifteen_conversations_each(conversations):
    counts = Counter(c["language"] for c in conversations)
    assert set(counts) == {"en", "es", "it", "zh"}
    assert min(counts.values()) >= 15


def test_every_language_has_all_channels_a_bot_a_long_and_a_short_conversation(
    conversations,
):
    for language in ("en", "es", "it", "zh"):
        mine = [c for c in conversations if c["language"] == language]
        assert {c["channel"] for c in mine} == {"voice", "chat", "email"}
        assert max(len(c["turns"]) for c in mine) >= 40
        assert min(len(c["turns"]) for c in mine) <= 4
        assert any(t["speaker"] == "bot" for c in mine for t in c["turns"])


def test_speakers_are_known_and_no_turn_is_empty(conversations):
    for c in conversations:
        assert {t["speaker"] for t in c["turns"]} <= {"agent", "customer", "bot", "system"}
        assert {"agent", "customer"} <= {t["speaker"] for t in c["turns"]}
        assert all(t["text"].strip() for t in c["turns"])


def test_voice_turns_have_times_that_never_run_backwards_and_other_channels_have_none(
    conversations,
):
    for c in conversations:
        timed = [t for t in c["turns"] if "start_s" in t]
        if c["channel"] != "voice":
            assert not timed
            continue
        assert len(timed) == len(c["turns"])
        starts = [t["start_s"] for t in timed]
        assert starts == sorted(starts)
        assert all(0 <= t["start_s"] < t["end_s"] for t in timed)


def test_both_raters_answer_every_criterion_of_support_core_on_its_scale(conversations, scales):
    for c in conversations:
        answered = Counter((r["rater"], r["criterion"]) for r in c["ratings"])
        expected = {(rater, criterion) for rater in RATERS for criterion in scales}
        assert set(answered) == expected
        assert set(answered.values()) == {1}
        for rating in c["ratings"]:
            levels = scales[rating["criterion"]]
            assert rating["scale"] == [levels[0], levels[-1]]
            assert rating["turn"] is None
            if rating.get("status") == "not_applicable":
                assert "score" not in rating
            else:
                assert rating["score"] in levels


def test_recording_notice_is_not_applicable_outside_voice(conversations):
    for c in conversations:
        for rating in c["ratings"]:
            if rating["criterion"] == "disclosure":
                rated = rating.get("status") != "not_applicable"
                assert rated == (c["channel"] == "voice")


def test_raters_disagree_in_some_ratings_but_agree_in_most(conversations):
    pairs = []
    for c in conversations:
        scores = {(r["rater"], r["criterion"]): r.get("score") for r in c["ratings"]}
        for criterion in {r["criterion"] for r in c["ratings"]}:
            ana, ben = scores["qa_ana", criterion], scores["qa_ben", criterion]
            if ana is not None and ben is not None:
                pairs.append(ana == ben)
    assert 0.7 < sum(pairs) / len(pairs) < 0.9


def test_every_critical_failure_occurs_and_both_raters_saw_it_at_least_once(conversations):
    for criterion in ("no_card_read_back", "identity_before_details"):
        both = [
            c
            for c in conversations
            if [r["score"] for r in c["ratings"] if r["criterion"] == criterion and "score" in r]
            == [0, 0]
        ]
        assert both, criterion


def test_surveys_cover_a_quarter_to_two_fifths_and_use_both_ends_of_their_scale(conversations):
    surveys = [c["csat"] for c in conversations if "csat" in c]
    assert 0.25 <= len(surveys) / len(conversations) <= 0.40
    assert all(s["scale"] == [1, 5] and 1 <= s["score"] <= 5 for s in surveys)
    assert {1, 5} <= {s["score"] for s in surveys}


def test_agents_appear_several_times_in_one_team_and_some_customers_come_back(conversations):
    per_agent = Counter(c["agent"] for c in conversations)
    assert len({(c["agent"], c["team"]) for c in conversations}) == len(per_agent)
    assert len({c["team"] for c in conversations}) == 3
    assert min(per_agent.values()) >= 4
    assert max(Counter(c["customer"] for c in conversations).values()) >= 2


def test_start_times_are_iso_8601_in_utc(conversations):
    for c in conversations:
        started = datetime.fromisoformat(c["started_at"])
        assert started.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("conversation_id", "first_agent", "second_agent"),
    [
        ("brv-en-09", "Owen", "Wen Jing"),
        ("brv-it-16", "tess", "gregorio"),
        ("brv-zh-11", "郝磊", "文静"),
    ],
)
def test_a_transfer_lets_two_agents_introduce_themselves_in_turn(
    conversations, conversation_id, first_agent, second_agent
):
    (c,) = (c for c in conversations if c["conversation_id"] == conversation_id)
    spoken = [t["text"] for t in c["turns"] if t["speaker"] == "agent"]
    first = next(i for i, text in enumerate(spoken) if first_agent in text)
    second = next(i for i, text in enumerate(spoken) if second_agent in text)
    assert first < second


def test_the_reader_takes_every_line_without_a_note(conversations):
    for c in conversations:
        notes: list[Problem] = []
        read = labelled_from(c, notes)
        assert notes == []
        assert len(read.transcript.turns) == len(c["turns"])
        assert len(read.ratings) == len(c["ratings"])
        assert len(read.surveys) == ("csat" in c)
        assert read.transcript.attributes["fictional"] is True
