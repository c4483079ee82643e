"""The simulated centre: deterministic, labelled as simulated, and true to what was planted."""

import gzip
import hashlib
import json
import math
import re
from itertools import islice
from statistics import fmean

import pytest

from autoqa.errors import DataError
from autoqa.readers import Quarantine, read
from autoqa.records import RaterKind, Status
from autoqa.scorecard import load_scorecard
from autoqa.simulate import (
    CRITERIA,
    SimulationSettings,
    iter_simulated,
    known_languages,
    simulate,
    write_simulation,
)
from autoqa.simulate.phrasing import load_wording


@pytest.fixture(scope="module")
def centre():
    return simulate(conversations=2000, seed=7, review_share=0.5)


@pytest.fixture(scope="module")
def pairs(centre):
    return list(zip(centre.conversations, centre.truth.conversations, strict=True))


def agent_text(labelled):
    return " ".join(t.text for t in labelled.transcript.turns if t.speaker == "agent")


def customer_text(labelled):
    return " ".join(t.text for t in labelled.transcript.turns if t.speaker == "customer")


RUDE = re.compile(
    r"not my problem|calm down|not shout at|you even listening|already told you|your own fault"
    r"|should have read|never read|not have time|wasting my time",
    re.IGNORECASE,
)


def without_fillers(text):
    return re.sub(r"\b(?:uh|um|you know|well|like),? ", "", text)


def correlation(xs, ys):
    mx, my = fmean(xs), fmean(ys)
    cov = math.fsum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True))
    return cov / math.sqrt(
        math.fsum((x - mx) ** 2 for x in xs) * math.fsum((y - my) ** 2 for y in ys)
    )


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- same seed, same bytes ---------------------------------------------------------------------


def test_the_same_settings_write_the_same_bytes(tmp_path):
    settings = SimulationSettings(conversations=120, seed=3)
    first = write_simulation(settings, tmp_path / "a")
    second = write_simulation(settings, tmp_path / "b")
    assert sha256(first.conversations) == sha256(second.conversations)
    assert sha256(first.truth) == sha256(second.truth)
    assert sha256(first.conversation_truth) == sha256(second.conversation_truth)


def test_another_seed_writes_other_conversations(tmp_path):
    first = write_simulation(SimulationSettings(conversations=20, seed=3), tmp_path / "a")
    second = write_simulation(SimulationSettings(conversations=20, seed=4), tmp_path / "b")
    assert sha256(first.conversations) != sha256(second.conversations)


def test_writing_a_centre_and_streaming_its_settings_give_the_same_files(tmp_path):
    settings = SimulationSettings(conversations=80, seed=5)
    batch = write_simulation(simulate(settings), tmp_path / "batch")
    streamed = write_simulation(settings, tmp_path / "stream")
    assert sha256(batch.conversations) == sha256(streamed.conversations)
    assert sha256(batch.conversation_truth) == sha256(streamed.conversation_truth)


def test_streaming_yields_what_the_batch_holds():
    batch = simulate(conversations=60, seed=2)
    streamed = list(iter_simulated(conversations=60, seed=2))
    assert [pair.labelled for pair in streamed] == batch.conversations
    assert tuple(pair.truth for pair in streamed) == batch.truth.conversations


def test_a_smaller_simulation_is_the_beginning_of_a_larger_one():
    small = simulate(conversations=40, seed=2).conversations
    large = [p.labelled for p in islice(iter_simulated(conversations=10_000, seed=2), 40)]
    assert small == large


def test_review_settings_leave_words_and_satisfaction_alone():
    few = simulate(conversations=60, seed=2, review_share=0.1)
    many = simulate(conversations=60, seed=2, review_share=0.9)
    assert [c.transcript for c in few.conversations] == [c.transcript for c in many.conversations]
    assert [t.csat for t in few.truth.conversations] == [t.csat for t in many.truth.conversations]


# --- labelled as simulated, complete -----------------------------------------------------------


def test_everything_is_marked_as_simulated(centre, tmp_path):
    for labelled in centre.conversations:
        assert labelled.transcript.source == "autoqa simulation"
        assert labelled.transcript.attributes["simulated"] is True
    files = write_simulation(SimulationSettings(conversations=5), tmp_path)
    with gzip.open(files.conversations, "rt", encoding="utf-8") as lines:
        assert all(json.loads(line)["simulated"] is True for line in lines)
    assert json.loads(files.truth.read_text(encoding="utf-8"))["simulated"] is True


def test_a_line_of_the_file_follows_the_uniform_schema(tmp_path):
    settings = SimulationSettings(conversations=60, review_share=1.0)
    files = write_simulation(settings, tmp_path)
    with gzip.open(files.conversations, "rt", encoding="utf-8") as stream:
        lines = [json.loads(line) for line in stream]
    assert len(lines) == 60
    for line in lines:
        assert {"agent", "team", "queue", "topic", "customer", "started_at"} <= set(line)
        assert all({"speaker", "text"} <= set(turn) for turn in line["turns"])
        for rating in line["ratings"]:
            if rating.get("status", "rated") == "rated":
                low, high = rating["scale"]
                assert low <= rating["score"] <= high
            else:
                assert rating["status"] == "not_applicable"
                assert rating.get("score") is None
        if "csat" in line:
            assert line["csat"]["scale"] == [1, 5]
            assert 1 <= line["csat"]["score"] <= 5


def test_the_readers_give_back_what_was_written(tmp_path):
    settings = SimulationSettings(conversations=60, review_share=0.5)
    files = write_simulation(settings, tmp_path)
    quarantine = Quarantine(tmp_path / "quarantine.jsonl")
    found = list(read([files.conversations], quarantine=quarantine))
    assert found == simulate(settings).conversations
    assert quarantine.records_quarantined == 0


def test_the_truth_table_has_one_row_per_conversation_with_levels_and_propensities(tmp_path):
    import pyarrow.parquet as pq

    settings = SimulationSettings(conversations=30)
    files = write_simulation(settings, tmp_path)
    table = pq.read_table(files.conversation_truth)
    planted = simulate(settings).truth.conversations
    assert table.num_rows == 30
    assert table["satisfaction"].to_pylist() == [row.satisfaction for row in planted]
    assert table["level_disclosure"].to_pylist() == [row.levels["disclosure"] for row in planted]
    assert table["raters"].to_pylist() == [list(row.raters) for row in planted]


def test_the_truth_of_the_centre_names_agents_topics_and_raters(centre):
    truth = centre.truth
    assert len(truth.agents) == 24
    assert len(truth.raters) == 4
    assert all(set(agent.skills) == set(CRITERIA) for agent in truth.agents)
    assert math.fsum(topic.share for topic in truth.topics) == pytest.approx(1)
    assert all(topic.satisfaction_effect < -0.5 for topic in truth.topics if topic.system)


def test_calls_have_times_that_never_run_backwards_and_chats_have_none(centre):
    for labelled in centre.conversations:
        turns = labelled.transcript.turns
        if labelled.transcript.channel == "chat":
            assert all(turn.start_s is None and turn.end_s is None for turn in turns)
        else:
            starts = [turn.start_s for turn in turns]
            assert starts == sorted(starts)


def test_all_languages_channels_and_csat_levels_occur(centre):
    transcripts = [c.transcript for c in centre.conversations]
    assert {t.language for t in transcripts} == {"en", "es", "it", "zh"}
    assert {t.channel.value for t in transcripts} == {"voice", "chat"}
    assert {t.csat for t in centre.truth.conversations} == {1, 2, 3, 4, 5}


def test_a_returning_customer_keeps_name_and_language(pairs):
    languages = {}
    for labelled, truth in pairs:
        customer, language = labelled.transcript.customer, labelled.transcript.language
        assert languages.setdefault(customer, language) == language
        assert truth.language == language
    assert len(languages) < len(pairs)


# --- the scorecard's scales ----------------------------------------------------------------------


def test_the_simulated_scales_are_those_of_the_scorecard(pairs):
    card = load_scorecard("support-core")
    assert {name: c.scale for name, c in CRITERIA.items()} == {c.id: c.scale for c in card.criteria}
    for labelled, truth in pairs:
        for name, level in truth.levels.items():
            assert level is None or level in card.criterion(name).scale
        for rating in labelled.ratings:
            scale = card.criterion(rating.criterion).scale
            assert rating.level is None or rating.level in scale
            if rating.status is Status.RATED:
                assert labelled.scales[rating.criterion] == (scale[0], scale[-1])


def test_every_level_of_every_scale_occurs(pairs):
    for name, criterion in CRITERIA.items():
        found = {truth.levels[name] for _, truth in pairs} - {None}
        assert found == set(criterion.scale), name


def test_every_criterion_has_a_share_for_each_level_of_its_scale():
    for criterion in CRITERIA.values():
        assert len(criterion.base_rates) == len(criterion.scale)
        assert math.fsum(criterion.base_rates) == pytest.approx(1)


# --- the words realise the levels --------------------------------------------------------------


def test_no_template_marks_or_slots_are_left_in_the_text(centre):
    for labelled in centre.conversations:
        for turn in labelled.transcript.turns:
            assert turn.text
            assert not re.search(r"[\[\]{}|]|  ", turn.text), turn.text


@pytest.mark.parametrize("language", ["en", "es", "it", "zh"])
def test_every_language_has_the_same_places_as_english(language):
    assert load_wording(language).places() == load_wording("en").places()


def spoken_card(wording):
    digits = "|".join(wording.digits)
    return re.compile(rf"(?:\d\W*){{16}}|(?:(?:{digits})\s*){{16}}")


def test_an_agent_says_a_card_number_exactly_where_it_was_planted(pairs):
    read_back = 0
    for labelled, truth in pairs:
        said = spoken_card(load_wording(truth.language)).search(agent_text(labelled)) is not None
        assert said == (truth.levels["no_card_read_back"] == 0)
        read_back += said
    assert read_back > 10


def test_the_customer_is_addressed_by_name_as_often_as_was_planted(pairs):
    titles = {"en": r"\bm[rs]s?\b", "es": r"señora?\b", "it": r"signora?\b", "zh": r"女士|先生"}
    for labelled, truth in pairs:
        said = re.findall(titles[truth.language], agent_text(labelled), re.IGNORECASE)
        # Level 1 is once, level 2 at two or more points; without a name there is none to use.
        assert min(len(said), 2) == (truth.levels["name_use"] or 0), agent_text(labelled)


def test_name_use_applies_only_where_the_customer_gives_a_name(pairs):
    applies = {True: 0, False: 0}
    for labelled, truth in pairs:
        wording = load_wording(truth.language)
        names = [*wording.content["given"]["f"], *wording.content["given"]["m"]]
        # Chinese is written without spaces: a given name stands inside a longer word.
        edge = r"\b" if wording.joiner else ""
        pattern = f"{edge}(?:{'|'.join(names)}){edge}"
        given = re.search(pattern, customer_text(labelled), re.IGNORECASE) is not None
        applies[truth.levels["name_use"] is not None] += given
    assert applies[True] > 500
    assert applies[False] == 0


def test_rude_remarks_are_made_as_often_as_was_planted(pairs):
    for labelled, truth in pairs:
        if truth.language != "en" or truth.channel != "voice":
            continue  # typing errors hide words
        said = len(RUDE.findall(without_fillers(agent_text(labelled))))
        assert min(said, 2) == 2 - truth.levels["no_rudeness"], agent_text(labelled)


def test_agents_without_courtesy_say_nothing_courteous(pairs):
    checked = 0
    for labelled, truth in pairs:
        said = load_wording(truth.language).marks["courtesy"].findall(agent_text(labelled))
        if truth.levels["courtesy"] == 0:
            assert not said, agent_text(labelled)
        elif truth.levels["courtesy"] == 1:
            assert len(said) <= 2, agent_text(labelled)
        else:
            assert len(said) >= 3, agent_text(labelled)
        checked += truth.levels["courtesy"] < 2
    assert checked > 100


def test_who_does_not_listen_asks_no_open_question(pairs):
    for labelled, truth in pairs:
        asked = any(
            load_wording(truth.language).marks["open_question"].search(turn.text)
            for turn in labelled.transcript.turns
            if turn.speaker == "agent"
        )
        assert not (asked and truth.levels["listening"] == 0), agent_text(labelled)


def test_where_nobody_takes_charge_nothing_is_announced(pairs):
    for _, truth in pairs:
        if truth.levels["answer"] == 0:
            assert truth.levels["next_steps"] == truth.levels["time_frame"] == 0
        for name in ("next_steps", "time_frame"):
            if truth.levels[name] is None:
                assert truth.levels["answer"] == 2
                assert name not in truth.turns


def test_acknowledgement_applies_where_a_problem_is_reported(pairs):
    for _, truth in pairs:
        without = truth.topic in ("address_change", "tariff_question")
        assert (truth.levels["acknowledgement"] is None) == without


def test_a_recording_is_disclosed_exactly_where_it_was_planted(pairs):
    words = {
        "en": "recorded",
        "es": "graba",
        "it": "registrat[ae]|vengono registrate",
        "zh": "录音",
    }
    for labelled, truth in pairs:
        early = " ".join(t.text for t in labelled.transcript.turns[:3] if t.speaker == "agent")
        if truth.language == "it":
            early = re.sub(r"carta è registrata", "", early)
        said = re.search(words[truth.language], early) is not None
        assert said == (truth.levels["disclosure"] == 1), early


def test_account_details_come_before_identification_exactly_where_it_was_planted(pairs):
    for _, truth in pairs:
        asked, told = truth.turns.get("identification"), truth.turns.get("identity_before_details")
        if truth.levels["identity_before_details"] == 1:
            assert asked is not None
            assert told is not None
            assert asked <= told
        elif truth.levels["identity_before_details"] == 0:
            assert told is not None
            assert asked is None or told <= asked
        else:
            assert told is None


@pytest.mark.parametrize("criterion", ["further_help", "closing", "time_frame", "disclosure"])
def test_words_of_a_binary_criterion_exist_exactly_where_it_was_met(pairs, criterion):
    for _, truth in pairs:
        assert (criterion in truth.turns) == (truth.levels[criterion] == 1)


def test_realised_turns_are_the_agents(pairs):
    for labelled, truth in pairs:
        for turn in truth.turns.values():
            assert labelled.transcript.turns[turn].speaker == "agent"


def test_no_two_conversations_are_alike_and_wording_varies(centre):
    wholes = [tuple(t.text for t in c.transcript.turns) for c in centre.conversations]
    assert len(set(wholes)) == len(wholes)
    turns = [text for whole in wholes for text in whole]
    assert len(set(turns)) > 0.5 * len(turns)


# --- what statistics should recover ------------------------------------------------------------


def residuals_by_rater(pairs):
    residuals = {}
    for labelled, truth in pairs:
        for rating in labelled.ratings:
            true_level = truth.levels[rating.criterion]
            if rating.status is Status.RATED and true_level is not None:
                top = CRITERIA[rating.criterion].scale[-1]
                residuals.setdefault(rating.rater, []).append((rating.level - true_level) / top)
    return {rater: fmean(values) for rater, values in residuals.items()}


def test_raters_mean_residuals_recover_the_planted_order_of_severity(centre, pairs):
    residuals = residuals_by_rater(pairs)
    planted = sorted(centre.truth.raters, key=lambda rater: rater.severity)
    found = sorted(residuals, key=residuals.get, reverse=True)  # the mildest rates highest
    assert found == [rater.rater for rater in planted]


def test_raters_disagree_but_not_wildly(pairs):
    same = total = 0
    for labelled, _ in pairs:
        by_criterion = {}
        for rating in labelled.ratings:
            by_criterion.setdefault(rating.criterion, []).append(rating)
        for ratings in by_criterion.values():
            if len(ratings) == 2 and all(r.status is Status.RATED for r in ratings):
                same += ratings[0].level == ratings[1].level
                total += 1
    assert total > 1000
    assert 0.6 < same / total < 0.95


def test_surveyed_satisfaction_is_biased_as_planted_and_weighting_removes_the_bias():
    truth = simulate(conversations=4000, seed=11, review_share=0.0).truth.conversations
    everyone = fmean(row.csat for row in truth)
    surveyed = [row for row in truth if row.surveyed]
    raw = fmean(row.csat for row in surveyed)
    # The expected bias is the covariance of answering with CSAT over the mean response.
    response = fmean(row.propensity for row in truth)
    planted_bias = (
        fmean(row.propensity * row.csat for row in truth) - response * everyone
    ) / response
    weighted = math.fsum(r.csat / r.propensity for r in surveyed) / math.fsum(
        1 / r.propensity for r in surveyed
    )
    spread = math.sqrt(fmean((row.csat - everyone) ** 2 for row in truth))
    # 1 / propensity weights cost precision: 3 standard errors of the weighted mean.
    effective_n = math.fsum(1 / r.propensity for r in surveyed) ** 2 / math.fsum(
        1 / r.propensity**2 for r in surveyed
    )
    assert abs(planted_bias) > 0.1
    assert (raw - everyone) * planted_bias > 0
    assert abs(raw - everyone) > 0.1
    assert abs(weighted - everyone) < 3 * spread / math.sqrt(effective_n)


def test_angry_and_delighted_customers_answer_more_than_those_between(centre):
    by_csat = {
        level: fmean(t.surveyed for t in centre.truth.conversations if t.csat == level)
        for level in (1, 3, 5)
    }
    assert by_csat[1] > by_csat[3]
    assert by_csat[5] > by_csat[3]


def test_agents_skills_show_in_their_levels(centre):
    rows = {agent.agent: [] for agent in centre.truth.agents}
    for truth in centre.truth.conversations:
        points = [
            level / CRITERIA[name].scale[-1]
            for name, level in truth.levels.items()
            if level is not None
        ]
        rows[truth.agent].append(fmean(points))
    skill = [fmean(agent.skills.values()) for agent in centre.truth.agents]
    assert correlation(skill, [fmean(rows[agent.agent]) for agent in centre.truth.agents]) > 0.7


def test_a_system_problem_lowers_satisfaction_whatever_the_agent_does():
    rows = simulate(conversations=2000, seed=1, review_share=0, languages=("en",)).truth
    system = {topic.topic for topic in rows.topics if topic.system}
    effect = fmean(t.satisfaction_effect for t in rows.topics if t.system)
    good = [t for t in rows.conversations if t.agent_part > 0.3]
    struck = fmean(t.satisfaction for t in good if t.topic in system)
    spared = fmean(t.satisfaction for t in good if t.topic not in system)
    assert struck - spared == pytest.approx(effect, abs=0.25)


def test_satisfaction_is_the_sum_of_its_parts(centre):
    for t in centre.truth.conversations:
        parts = t.agent_part + t.topic_part + t.situation_part + t.noise_part
        assert t.satisfaction == pytest.approx(3.8 + parts)
        assert t.csat == min(5, max(1, round(t.satisfaction)))


def test_good_compliance_alone_does_not_make_customers_happy(centre):
    # Identification, disclosure and card handling carry no satisfaction, answers carry most.
    truths = centre.truth.conversations
    compliant = [t for t in truths if t.levels["identification"] is not None]
    by_compliance = correlation(
        [t.levels["identification"] for t in compliant], [t.satisfaction for t in compliant]
    )
    by_answer = correlation([t.levels["answer"] for t in truths], [t.satisfaction for t in truths])
    assert by_answer > 0.3
    assert abs(by_compliance) < by_answer / 2


# --- labels ------------------------------------------------------------------------------------


def test_labels_exist_only_on_the_reviewed_and_surveyed(pairs):
    for labelled, truth in pairs:
        assert {r.rater for r in labelled.ratings} == set(truth.raters)
        assert len(labelled.ratings) == len(CRITERIA) * len(truth.raters)
        assert all(r.kind is RaterKind.HUMAN for r in labelled.ratings)
        assert bool(labelled.surveys) == truth.surveyed


def test_the_reviewed_share_is_the_one_asked_for():
    truths = simulate(conversations=2000, seed=9, review_share=0.2).truth.conversations
    reviewed = [t for t in truths if t.raters]
    assert len(reviewed) / 2000 == pytest.approx(0.2, abs=0.03)
    assert fmean(len(t.raters) == 2 for t in reviewed) == pytest.approx(0.3, abs=0.08)


def test_a_survey_gives_the_satisfaction_that_was_planted(pairs):
    for labelled, truth in pairs:
        for survey in labelled.surveys:
            assert survey.score == truth.csat
            assert survey.answered_at > labelled.transcript.started_at


# --- settings ----------------------------------------------------------------------------------


def test_an_unknown_language_is_refused_with_the_ones_there_are():
    with pytest.raises(DataError, match=r"language 'fr'.*en, es, it, zh"):
        simulate(conversations=1, languages=("fr",))
    assert known_languages() == ("en", "es", "it", "zh")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"review_share": 1.5}, "review_share is 1.5"),
        ({"agents": 2}, "agents is 2; at least 4"),
        ({"raters": 1}, "at least 2 raters"),
        ({"survey_response": (0.1, 0.1)}, "5 probabilities"),
        ({"languages": ()}, "languages"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes, message):
    with pytest.raises(DataError, match=message):
        SimulationSettings(**changes)


def test_settings_and_single_fields_together_are_refused():
    with pytest.raises(TypeError, match="not both"):
        simulate(SimulationSettings(conversations=1), seed=2)


def test_no_conversations_is_an_empty_centre(tmp_path):
    assert simulate(conversations=0).conversations == []
    files = write_simulation(SimulationSettings(conversations=0), tmp_path)
    assert gzip.decompress(files.conversations.read_bytes()) == b""
