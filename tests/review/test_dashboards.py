"""Dashboards: figures by hand, automated and human apart, nothing below the least n."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import DateTime, cast, insert, literal, select

from autoqa.evaluation.figures import to_plain
from autoqa.review.access import InvalidError, NotAllowedError
from autoqa.review.blinding import NEUTRAL_REASONS
from autoqa.review.dashboards import (
    MIN_N,
    Scope,
    heat_map,
    model_agreement,
    over_time,
    quadrants,
    review_yield,
    reviewer_workload,
)
from autoqa.review.dashboards import kept as keeping
from autoqa.review.dashboards.kept import kept
from autoqa.review.dashboards.periods import day_from, start_of
from autoqa.review.dashboards.summing import Entry, means
from autoqa.review.dashboards.yields import _BY_MODELS
from autoqa.review.database import schema
from autoqa.scorecard import load_scorecard

ALL_GOOD = {"greeting": 1, "tone": 2, "identity": 1}  # 100 points
NO_GREETING = {"greeting": 0, "tone": 2, "identity": 1}  # 60
NOT_IDENTIFIED = {"greeting": 1, "tone": 2, "identity": 0}  # critical: 0
SCOPE = Scope(scorecard="small", version=1)


@pytest.fixture
def people(databases, add_people):
    return add_people(databases)


@pytest.fixture
def centre(databases, centres):
    return centres.Centre(databases)


def calls(n, prefix="call", **row):
    return [{"name": f"{prefix}-{i}", **row} for i in range(n)]


# Over time.


def test_totals_of_models_and_people_are_two_figures_each_with_its_n(databases, centre, people):
    centre.conversations(
        [
            {"name": f"c-{i}", "agent": agent, "levels": ALL_GOOD if i % 2 else NO_GREETING}
            for i, agent in enumerate(["Ana"] * 10 + ["Ben"] * 10)
        ]
    )
    for i in range(10):
        centre.review(f"c-{i}", people["reviewer"], NO_GREETING)
    (line,) = over_time(databases, people["analyst"], SCOPE).lines
    overall = line.overall
    assert (line.name, overall.automated.n, overall.human.n) == ("north", 20, 10)
    assert overall.automated.estimate.value == pytest.approx(80)
    assert overall.human.estimate.value == pytest.approx(60)
    assert overall.automated_of_reviewed.estimate.value == pytest.approx(80)
    assert overall.automated_of_reviewed.n == 10
    assert overall.automated.estimate.n_clusters == 2  # agents


def test_below_the_least_n_there_is_a_number_and_no_mean(databases, centre, people):
    centre.conversations(calls(MIN_N - 1))
    (line,) = over_time(databases, people["analyst"], SCOPE).lines
    assert line.overall.automated.n == MIN_N - 1
    assert line.overall.automated.estimate is None
    assert all(point.means.automated.estimate is None for point in line.points)


def test_a_conversation_that_two_people_reviewed_counts_once(databases, centre, people):
    centre.conversations(calls(10))
    for i in range(10):
        centre.review(f"call-{i}", people["reviewer"], ALL_GOOD)
    centre.review("call-0", people["other_reviewer"], NOT_IDENTIFIED)
    (line,) = over_time(databases, people["analyst"], SCOPE, by="agent").lines
    assert line.overall.human.n == 10
    assert line.overall.human.estimate.value == pytest.approx((9 * 100 + 50) / 10)


def test_drafts_and_calibrations_are_no_reviews(databases, centre, people):
    centre.conversations(calls(10))
    for i in range(10):
        centre.review(f"call-{i}", people["reviewer"], ALL_GOOD, purpose="calibration")
    (line,) = over_time(databases, people["analyst"], SCOPE).lines
    assert line.overall.human.n == 0


def test_lines_are_by_team_or_agent_and_by_week_or_month(databases, centre, people):
    centre.conversations(
        calls(12, "a", agent="Ana", team="north", days_ago=1)
        + calls(11, "b", agent="Ben", team="south", days_ago=9)
        + calls(3, "c", agent=None, team=None)
        + calls(2, "d", agent="Ben", team="south", days_ago=None)
    )
    who = people["analyst"]
    by_team = over_time(databases, who, SCOPE)
    assert [line.name for line in by_team.lines] == ["north", "south"]
    ben = over_time(databases, who, SCOPE, by="agent", period="month").lines[1]
    assert (ben.name, ben.overall.automated.n) == ("Ben", 13)
    when = (datetime.now(UTC) - timedelta(days=9)).date()
    assert [(p.start, p.means.automated.n) for p in ben.points] == [(when.replace(day=1), 11)]
    (north, _) = by_team.lines
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    assert north.points[0].start == yesterday - timedelta(days=yesterday.weekday())


@given(day=st.dates(date(1990, 1, 1), date(2090, 1, 1)), hour=st.integers(0, 23))
@settings(deadline=None, max_examples=40)
def test_weeks_begin_on_monday_and_months_on_the_first(day, hour, tmp_path_factory):
    from sqlalchemy import create_engine

    when = datetime(day.year, day.month, day.day, hour, 59, 59)
    with create_engine("sqlite://").connect() as connection:
        week, month = connection.execute(
            select(*(start_of(of, literal(when, DateTime())) for of in ("week", "month")))
        ).one()
    assert day_from(week) == day - timedelta(days=day.weekday())
    assert day_from(month) == day.replace(day=1)


def test_weeks_and_months_begin_alike_in_every_database(databases):
    moments = [datetime(2026, 3, 1, 23, 59), datetime(2026, 3, 2), datetime(2024, 12, 31, 12)]
    with databases.reading() as connection:
        found = [
            tuple(
                connection.execute(
                    select(
                        *(
                            start_of(of, cast(literal(moment, DateTime()), DateTime()))
                            if not databases.is_sqlite
                            else start_of(of, literal(moment, DateTime()))
                            for of in ("week", "month")
                        )
                    )
                ).one()
            )
            for moment in moments
        ]
    assert found == [
        ("2026-02-23", "2026-03-01"),
        ("2026-03-02", "2026-03-01"),
        ("2024-12-30", "2024-12-01"),
    ]


# What users see, and what is asked for.


def test_a_lead_of_a_team_sees_that_team_alone(databases, centre, people):
    centre.conversations(
        calls(12, "a", team="harbour", agent="Ana") + calls(12, "b", team="meridian", agent="Ben")
    )
    lead = people["team_lead"]
    assert [line.name for line in over_time(databases, lead, SCOPE).lines] == ["harbour"]
    assert heat_map(databases, lead, SCOPE, by="agent").names == ("Ana",)
    assert len(over_time(databases, people["lead"], SCOPE).lines) == 2


@pytest.mark.parametrize("figure", [over_time, heat_map, quadrants, model_agreement, review_yield])
def test_agents_have_no_dashboards(databases, centre, people, figure):
    with pytest.raises(NotAllowedError):
        figure(databases, people["agent"], SCOPE)


def test_days_teams_and_agents_narrow_what_is_shown(databases, centre, people):
    centre.conversations(
        calls(12, "a", team="north", agent="Ana", days_ago=2)
        + calls(11, "b", team="south", agent="Ben", days_ago=20)
    )
    who = people["analyst"]
    recent = Scope(scorecard="small", version=1, since=date.today() - timedelta(days=5))
    assert [line.name for line in over_time(databases, who, recent).lines] == ["north"]
    old = Scope(scorecard="small", version=1, until=date.today() - timedelta(days=5))
    assert [line.name for line in over_time(databases, who, old).lines] == ["south"]
    ben = Scope(scorecard="small", version=1, agent="Ben")
    assert [line.name for line in over_time(databases, who, ben).lines] == ["south"]
    assert over_time(databases, who, Scope(scorecard="small", version=2)).lines == ()


def test_a_scope_goes_into_an_address_and_back():
    cards = [load_scorecard("support-core")]
    query = {"from": "2026-01-05", "to": "2026-02-01", "team": "north", "more": "x"}
    scope = Scope.from_query(query, cards)
    assert scope.since == date(2026, 1, 5)
    assert Scope.from_query(scope.to_query(), cards) == scope
    assert Scope.from_query({}, []) is None
    with pytest.raises(InvalidError, match="choose one of support-core@"):
        Scope.from_query({"card": "other@1"}, cards)
    with pytest.raises(InvalidError, match="is no date"):
        Scope.from_query({"from": "yesterday"}, cards)


# The heat map.


def test_the_heat_map_shows_shares_of_points_of_models_and_people_apart(databases, centre, people):
    levels = [{"greeting": int(i < 3), "tone": 1, "identity": None} for i in range(12)]
    centre.conversations([{"name": f"c-{i}", "levels": levels[i]} for i in range(12)])
    for i in range(10):
        of = centre.review(f"c-{i}", people["reviewer"], {"greeting": 0, "tone": 2})
        centre.answer_again(of, "greeting", 1)  # the newest version counts
    centre.review("c-0", people["other_reviewer"], {"greeting": 0, "tone": 2})
    found = heat_map(databases, people["analyst"], SCOPE)
    assert list(found.criteria) == ["greeting", "tone"]  # nobody rated the third
    greeting = found.automated["greeting", "north"]
    assert greeting.estimate.value == pytest.approx(3 / 12)
    assert found.automated["tone", "north"].estimate.value == pytest.approx(0.5)
    human = found.human["greeting", "north"]
    assert (human.n, human.estimate.value) == (10, pytest.approx(9.5 / 10))
    assert found.human["tone", "north"].estimate.value == 1.0


def test_means_of_a_team_rest_on_its_agents_and_of_an_agent_on_conversations():
    rows = [Entry("t", agent, 50, 50 * share, 50 * share) for agent, share in (("a", 0), ("b", 1))]
    team = means(rows, by="team", most=1.0)["t"].estimate
    assert (team.n, team.n_clusters) == (100, 2)
    one = means(rows[:1], by="team", most=1.0)["t"].estimate
    assert one.n_clusters == 50  # of one agent nothing else is known
    agents = means([Entry("a", "a", 50, 25, 25)], by="agent", most=1.0)["a"].estimate
    assert agents.n_clusters == 50
    assert team.high - team.low > agents.high - agents.low


# Quadrants.


def test_agents_are_placed_by_automated_or_human_totals_and_surveys(databases, centre, people):
    rows = []
    for number, agent in enumerate(("Ana", "Ben", "Cem", "Dora", "Eve")):
        for i in range(6):
            levels = ALL_GOOD if (number < 2) != (i == 0) else NO_GREETING
            survey = 1.0 if (number % 2 == 0) != (i == 1) else 0.0
            rows.append(
                {"name": f"{agent}-{i}", "agent": agent, "levels": levels, "survey": survey}
            )
    centre.conversations([*rows, {"name": "few", "agent": "Flo", "survey": 1.0}])
    who = people["analyst"]
    found = quadrants(databases, who, SCOPE)
    places = {one.agent: one.quadrant for one in found.agents}
    assert places == {
        "Ana": "strong",
        "Ben": "correct",
        "Cem": "liked",
        "Dora": "struggling",
        "Eve": "liked",
    }
    assert [one.agent for one in found.not_placed] == ["Flo"]
    assert all(one.n_qa == 6 for one in found.agents)
    assert quadrants(databases, who, SCOPE, totals="human").agents == ()
    predicted = quadrants(databases, who, SCOPE, satisfaction="predicted")
    assert predicted.csat_line > 1  # a level, not a share


# Agreement and coverage.


def test_agreement_with_blind_answers_is_apart_from_that_with_answers_that_saw_the_model(
    databases, centre, people
):
    levels = [{"greeting": i % 2, "tone": i % 3} for i in range(12)]
    centre.conversations([{"name": f"c-{i}", "levels": levels[i]} for i in range(12)])
    wrong = {0: 1, 1: 0}
    for i in range(12):
        centre.review(f"c-{i}", people["reviewer"], levels[i])
        blind = {"greeting": wrong[levels[i]["greeting"]] if i < 3 else levels[i]["greeting"]}
        centre.review(f"c-{i}", people["other_reviewer"], blind, blind=True)
    found = model_agreement(databases, people["analyst"], SCOPE)
    greeting = next(one for one in found.criteria if one.criterion == "greeting")
    assert greeting.seen.figures["exact"].automated.value == 1.0
    assert greeting.blind.figures["exact"].automated.value == pytest.approx(9 / 12)
    assert greeting.blind.figures["quadratic_kappa"].ceiling is None
    assert (greeting.blind.n, greeting.blind.n_twice) == (12, 0)
    assert found.n_conversations == 12
    tone = next(one for one in found.criteria if one.criterion == "tone")
    assert (tone.blind.n, dict(tone.blind.figures)) == (0, {})


def test_what_two_people_rated_gives_the_ceiling(databases, centre, people):
    centre.conversations([{"name": f"c-{i}", "levels": {"greeting": i % 2}} for i in range(12)])
    for i in range(12):
        centre.review(f"c-{i}", people["reviewer"], {"greeting": i % 2}, blind=True)
        if i < 6:
            other = {"greeting": 1 if i == 0 else i % 2}
            centre.review(f"c-{i}", people["other_reviewer"], other, blind=True)
    found = model_agreement(databases, people["analyst"], SCOPE).criteria[0].blind
    assert found.n_twice == 6
    assert found.figures["exact"].ceiling.value == pytest.approx(5 / 6)
    assert found.figures["exact"].ceiling.n == 6


def test_below_the_least_n_there_is_no_agreement(databases, centre, people):
    centre.conversations(calls(MIN_N - 1))
    for i in range(MIN_N - 1):
        centre.review(f"call-{i}", people["reviewer"], ALL_GOOD, blind=True)
    first = model_agreement(databases, people["analyst"], SCOPE).criteria[0]
    assert (first.blind.n, dict(first.blind.figures)) == (MIN_N - 1, {})


def test_coverage_is_the_share_of_scored_conversations_with_an_answer(databases, centre, people):
    centre.conversations(
        calls(15, levels={"greeting": None, "tone": 2}) + calls(5, "other", levels=ALL_GOOD)
    )
    with databases.writing("tests") as write:
        some = select(schema.conversations.c.evaluation_id).where(
            schema.conversations.c.id.in_([f"call-{i}" for i in range(4)])
        )
        write.execute(
            schema.ratings.update()
            .where(schema.ratings.c.evaluation_id.in_(some), schema.ratings.c.criterion == "tone")
            .values(status="abstained", level=None, points=None)
        )
        write.audit("run.load", "run:1")
    coverage = {
        one.criterion: one.coverage
        for one in model_agreement(databases, people["analyst"], SCOPE).criteria
    }
    assert coverage["greeting"].estimate.value == 1.0  # "does not apply" is an answer
    assert coverage["tone"].estimate.value == pytest.approx(16 / 20)
    assert coverage["identity"].n == 5


def test_an_unfinished_calibration_session_is_not_counted(databases, centre, people):
    centre.conversations(calls(12))
    with databases.writing("tests") as write:
        session = write.execute(
            insert(schema.calibrations)
            .values(
                name="first",
                scorecard="small",
                scorecard_version=1,
                state="rating",
                created_by=people["lead"].id,
                created_at=datetime.now(UTC),
            )
            .returning(schema.calibrations.c.id)
        ).scalar_one()
        write.execute(
            insert(schema.calibration_conversations),
            [
                {"calibration_id": session, "conversation_id": f"call-{i}", "position": i}
                for i in range(12)
            ],
        )
        write.execute(
            insert(schema.calibration_raters),
            [
                {"calibration_id": session, "user_id": people[name].id}
                for name in ("reviewer", "other_reviewer")
            ],
        )
        write.audit("calibration.begin", f"calibration:{session}")
    for i in range(12):
        of = centre.review(
            f"call-{i}", people["reviewer"], ALL_GOOD, blind=True, purpose="calibration"
        )
        with databases.writing("tests") as write:
            write.execute(
                schema.evaluations.update()
                .where(schema.evaluations.c.id == of)
                .values(calibration_id=session)
            )
            write.audit("evaluation.submit", "x")
    who = people["analyst"]
    assert model_agreement(databases, who, SCOPE).n_conversations == 0
    with databases.writing("tests") as write:
        write.execute(schema.calibrations.update().values(state="discussing"))
        write.audit("calibration.open", f"calibration:{session}")
    assert model_agreement(databases, who, SCOPE).n_conversations == 12


# Yield.


def test_yield_counts_findings_by_reason_and_in_the_random_audit(databases, centre, people):
    centre.conversations(
        calls(30, "low", flags=["low_total", "not_sure"], agent="Ana")
        + calls(40, "drawn", flags=["random_audit"], agent="Ben")
        + calls(5, "both", flags=["random_audit", "low_total"], agent="Cem")
        + calls(5, "free")
    )
    for i in range(20):
        # Low: 15 of 20 have a finding; drawn: 2 of 20. Models gave 100 to all.
        centre.review(f"low-{i}", people["reviewer"], NOT_IDENTIFIED if i < 15 else ALL_GOOD)
        found = {"greeting": 0, "tone": 0, "identity": 1} if i < 2 else ALL_GOOD
        centre.review(f"drawn-{i}", people["reviewer"], found)
    centre.review("both-0", people["reviewer"], NO_GREETING)  # 60 is no finding
    result = review_yield(databases, people["analyst"], SCOPE)
    whole, random = result.flagged, result.random
    assert (whole.flagged, whole.reviewed, whole.n_findings) == (35, 21, 15)
    assert (random.flagged, random.reviewed, random.n_findings) == (45, 21, 2)
    assert whole.findings.value == pytest.approx(15 / 21)
    assert whole.n_corrections == 16
    assert random.n_corrections == 3
    assert result.gain.value == pytest.approx(15 / 21 - 2 / 21)
    by_reason = {one.reason: one for one in result.reasons}
    assert by_reason.keys() == {"low_total", "not_sure"}
    assert (by_reason["low_total"].flagged, by_reason["not_sure"].flagged) == (35, 30)
    assert by_reason["not_sure"].n_findings == 15
    assert by_reason["not_sure"].findings.low < 0.75 < by_reason["not_sure"].findings.high


def test_a_yield_of_few_reviews_is_a_count_without_a_share(databases, centre, people):
    centre.conversations(calls(20, flags=["low_total"]))
    for i in range(MIN_N - 1):
        centre.review(f"call-{i}", people["reviewer"], NOT_IDENTIFIED)
    result = review_yield(databases, people["analyst"], SCOPE)
    assert (result.flagged.n_findings, result.flagged.findings) == (MIN_N - 1, None)
    assert (result.random.reviewed, result.gain) == (0, None)


def test_the_random_audit_is_no_flag_of_models():
    assert "random_audit" not in _BY_MODELS
    assert {"random_audit", "new_agent"} <= NEUTRAL_REASONS - _BY_MODELS


# Workload.


def test_workload_counts_reviews_by_week_and_shows_reviewers_themselves_alone(
    databases, centre, people
):
    centre.conversations(calls(14))
    for i in range(12):
        centre.review(f"call-{i}", people["reviewer"], ALL_GOOD, minutes=4 + i, days_ago=7)
    centre.review("call-12", people["other_reviewer"], ALL_GOOD, days_ago=100)
    found = reviewer_workload(databases, people["lead"])
    by_name = {one.now.name: one for one in found.reviewers}
    mine = by_name["reviewer"]
    assert mine.by_week[-2] == mine.submitted == 12
    assert mine.median_minutes == pytest.approx(9.5)
    other = by_name["other_reviewer"]
    assert (other.submitted, other.median_minutes) == (0, None)
    assert found.weeks[-1].weekday() == 0
    (alone,) = reviewer_workload(databases, people["reviewer"]).reviewers
    assert alone.now.name == "reviewer"


# What is kept.


def test_figures_change_when_something_is_submitted_and_not_before(databases, centre, people):
    centre.conversations(calls(12))
    who = people["analyst"]
    before = over_time(databases, who, SCOPE)
    assert over_time(databases, who, SCOPE) is before
    assert over_time(databases, people["reviewer"], SCOPE) is before  # sees the same
    centre.review("call-0", people["reviewer"], ALL_GOOD)
    after = over_time(databases, who, SCOPE)
    assert after.lines[0].overall.human.n == 1
    centre.conversation("new")
    assert over_time(databases, who, SCOPE).lines[0].overall.automated.n == 13


def test_what_models_said_is_not_worked_out_anew_when_people_answer(databases, people):
    times = []

    def ask(until):
        kept(databases, people["analyst"], until, lambda _: times.append(until), until=until)

    ask(keeping.LOADED)
    with databases.writing("tests") as write:
        write.audit("evaluation.submit", "x")
    ask(keeping.LOADED)
    assert times == [keeping.LOADED]


def test_only_the_figures_used_last_are_kept(databases, people, monkeypatch):
    monkeypatch.setattr(keeping, "MOST_FIGURES", 2)
    found = []
    for key in ("a", "b", "a", "c", "a", "b"):
        kept(databases, people["analyst"], key, lambda _, key=key: found.append(key) or key)
    assert found == ["a", "b", "c", "b"]


def test_every_figure_can_be_written_as_json(databases, centre, people):
    centre.conversations(calls(12, survey=1.0, flags=["low_total"]))
    for i in range(11):
        centre.review(f"call-{i}", people["reviewer"], NO_GREETING, blind=i % 2 == 0)
    who = people["lead"]
    for figure in (over_time, quadrants, model_agreement, review_yield):
        json.dumps(to_plain(figure(databases, who, SCOPE)), allow_nan=False)
    json.dumps(to_plain(reviewer_workload(databases, who)), allow_nan=False)
