import json
from datetime import UTC, datetime

import pytest

from autoqa.errors import ReadError, StoreError
from autoqa.readers import Quarantine, read_survey_answers, read_surveys
from autoqa.readers.survey_scores import detect_scale, scale_in_text, score_from, settled_words
from autoqa.records import Rating, Survey
from autoqa.store import write_records

SURVEYS = """conversation_id,score,scale_lo,scale_hi,comment,answered_at
c1,4,1,5,fine,2024-05-17T09:30:00Z
c2,1,1,5,,
"""


@pytest.fixture
def put(tmp_path):
    def write(name, content):
        (tmp_path / name).write_text(content)
        return tmp_path / name

    return write


@pytest.fixture
def answers(put):
    """Surveys and report of a CSV with these scores, or of JSON."""

    def run(given, *, name="csat", **options):
        if isinstance(given, list):
            rows = "".join(f"c{number},{score}\n" for number, score in enumerate(given))
            path = put("s.csv", f"conversation_id,{name}\n{rows}")
        else:
            path = put("s.json", json.dumps(given))
        quarantine = Quarantine()
        found = read_survey_answers(path, quarantine=quarantine, **options)
        report = found.report
        assert report.read == quarantine.records_read
        dropped = report.unanswered + report.repeated + report.off_scale + report.unusable
        assert report.read == report.kept + dropped
        assert report.off_scale + report.unusable == quarantine.records_quarantined
        return found.surveys, report

    return run


def test_a_surveys_csv_is_read(put):
    first, second = read_surveys(put("surveys.csv", SURVEYS))
    assert (first.score, first.scale, first.comment) == (4.0, (1.0, 5.0), "fine")
    assert first.answered_at.year == 2024
    assert (second.comment, second.answered_at) == (None, None)


def test_stored_surveys_and_those_inside_conversations_are_read(tmp_path, put, line):
    survey = Survey(conversation_id="c1", score=4.0, scale=(1.0, 5.0))
    write_records(tmp_path / "surveys.parquet", [survey], Survey)
    assert read_surveys(tmp_path) == [survey]
    path = put("c.jsonl", line(csat={"score": 4, "scale": [1, 5]}))
    assert read_surveys(path) == [survey]
    assert read_survey_answers(path).report is None


def test_a_stored_table_of_something_else_is_named(tmp_path):
    rating = Rating(conversation_id="c1", criterion="tone", rater="ana", kind="human",
                    status="rated", level=2)  # fmt: skip
    write_records(tmp_path / "ratings.parquet", [rating], Rating)
    with pytest.raises(StoreError, match="holds rating records, not survey records"):
        read_surveys(tmp_path / "ratings.parquet")


@pytest.mark.parametrize(
    ("scores", "scale"),
    [
        ([0, 1, 1], (0, 1)),
        ([1, 2, 5], (1, 5)),
        ([1, 2, 5, 7], (1, 10)),
        ([0, 2, 5, 7], (0, 10)),
        ([0, 3], (0, 10)),
        (["4,5", "3.5"], (1, 5)),
        (["👍", "👎🏽"], (0, 1)),
        (["good", "Bad"], (0, 1)),
        (["满意", "不满意"], (0, 1)),
        (["satisfied", "very satisfied"], (1, 5)),
        (["muy satisfecho", "insatisfecho"], (1, 5)),
        (["5 - Very satisfied", "1: awful", "Poor (2)"], (1, 5)),
        (["4/5", "5 out of 5"], (1, 5)),
        (["8/10", "10/10"], (1, 10)),
        (["8/10", "0/10"], (0, 10)),
        (["80%", "95 %"], (0, 100)),
        (["★★★★☆", "⭐⭐"], (1, 5)),
        (["😃", "😠"], (1, 5)),
    ],
)
def test_the_scale_is_detected(answers, scores, scale):
    surveys, report = answers([f'"{score}"' for score in scores])
    assert len(surveys) == len(scores)
    assert {survey.scale for survey in surveys} == {scale}
    assert report.scale.scale == scale


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("5 - Very satisfied", 5),
        ("Very satisfied (5)", 5),
        ("4/5", 4),
        ("3 stars", 3),
        ("★★★★☆", 4),
        ("4,5", 4.5),
        ("80 %", 80),
        ("very dissatisfied", 1),
        ("good_with_comment", 4),  # its step among five; settled by the file's other words
        (3, 3),
        (True, 1),
    ],
)
def test_answers_come_in_many_dresses(given, value):
    score = score_from(given)
    assert score.value == value or settled_words([score])[0].value == value


@pytest.mark.parametrize("given", ["later", "2024-05-17", "1.2.3", [], {}, "x" * 10_000])
def test_what_is_no_answer_is_none(given):
    assert score_from(given) is None


def test_what_thumbs_and_words_are_worth_depends_on_the_file():
    two = settled_words([score_from(word) for word in ("good", "bad")])
    assert [score.value for score in two] == [1, 0]
    five = settled_words([score_from(word) for word in ("good", "bad", "excellent")])
    assert [score.value for score in five] == [4, 2, 5]


@pytest.mark.parametrize(
    ("name", "scale"),
    [("nps", (0, 10)), ("NPS score", (0, 10)), ("csat 1-10", (1, 10)), ("rating_0_10", (0, 10)),
     ("stars", (1, 5)), ("ces", (1, 7))],
)  # fmt: skip
def test_the_name_of_a_column_tells_the_scale(name, scale):
    found = detect_scale([score_from(value) for value in (3, 4, 5)], name)
    assert (found.scale, found.others) == (scale, ())


def test_a_column_called_nps_is_read_on_0_to_10(answers):
    surveys, report = answers([3, 4, 5], name="nps")
    assert {survey.scale for survey in surveys} == {(0, 10)}
    assert "told by the name of the column" in str(report)


@pytest.mark.parametrize("name", ["CSAT (1-10)", "csat 1-10", "csat_1_10", "CSAT [1 to 10]"])
def test_a_column_may_have_its_scale_in_its_name(answers, name):
    surveys, _ = answers([3, 4], name=name)
    assert {survey.scale for survey in surveys} == {(1, 10)}


def test_a_highest_score_that_is_stated_is_used(answers):
    rows = [{"ticket_id": n, "score": n, "max_score": 10} for n in (3, 4)]
    surveys, _ = answers({"data": rows})
    assert {survey.scale for survey in surveys} == {(1, 10)}


def test_an_ambiguous_scale_is_said_to_be_one(answers):
    _, report = answers([1, 2, 5])
    assert report.scale.others == ((1, 10), (0, 10))
    assert "1-10 or 0-10 would fit as well: --survey-scale settles it" in str(report)
    _, report = answers([1, 2, 5] * 10)  # 30 answers, best and worst step taken
    assert report.scale.others == ()


def test_a_scale_can_be_given(answers, put):
    surveys, report = answers([3, 5], scale=(0, 10))
    assert {survey.scale for survey in surveys} == {(0, 10)}
    assert report.scale.reason == "as given"
    path = put("surveys.csv", "conversation_id,csat\nc1,4\n")
    assert read_surveys(path, scale=(1, 5))[0].share == 0.75  # 3 of 4 steps


def test_words_keep_their_worth_on_a_given_scale(answers):
    surveys, _ = answers(["good", "bad"], scale=(1, 5))
    assert [survey.share for survey in surveys] == [1, 0]


def test_answers_off_the_scale_are_refused_with_their_place(answers, put):
    surveys, report = answers([*[1, 2, 3, 4, 5] * 20, 55])
    assert (len(surveys), report.off_scale, report.scale.scale) == (100, 1, (1, 5))
    path = put("s.csv", "conversation_id,csat\nc1,4\nc2,9\n")
    with pytest.raises(ReadError, match=r"s\.csv:3: the answer is off its scale, 1-5"):
        read_surveys(path, scale=(1, 5))
    rows = {"data": [{"ticket_id": 1, "score": 3}, {"ticket_id": 2, "score": 9}]}
    path = put("s.json", json.dumps(rows))
    with pytest.raises(ReadError, match=r"s\.json:1: item 2: the answer is off"):
        read_surveys(path, scale=(1, 5))


def test_a_code_for_no_answer_does_not_spoil_the_scale(answers):
    surveys, report = answers([*[1, 2, 3, 4, 5] * 3, -1])
    assert (len(surveys), report.off_scale, report.scale.scale) == (15, 1, (1, 5))


def test_a_scale_that_nothing_tells_has_to_be_given(answers):
    surveys, report = answers([12, 87])
    assert not surveys
    assert report.unusable == 2
    surveys, _ = answers([12, 87], scale=(0, 100))
    assert len(surveys) == 2


def test_who_did_not_answer_is_counted(answers):
    surveys, report = answers(["offered", "unoffered", "", "good", "N/A"])
    assert (len(surveys), report.unanswered) == (1, 4)
    assert "4 not answered" in str(report)


def test_of_two_answers_the_latest_counts(put):
    head = "conversation_id,score,answered_at\n"
    early, late = "c1,2,2025-03-01T10:00:00\n", "c1,5,2025-03-02T10:00:00Z\n"
    for rows in (early + late, late + early):
        found = read_survey_answers(put("s.csv", f"{head}{rows}c2,1,\n"))
        assert [(s.conversation_id, s.score) for s in found.surveys] == [("c1", 5), ("c2", 1)]
        assert found.report.repeated == 1
    found = read_survey_answers(put("s.csv", f"{head}c1,2,\nc1,4,\n"))
    assert [survey.score for survey in found.surveys] == [4]


def test_two_people_s_answers_are_not_one(put):
    path = put("s.csv", "conversation_id,score,given_by\nc1,2,customer\nc1,4,listener\n")
    assert len(read_surveys(path)) == 2


def test_late_answers_are_kept_and_noted(put):
    path = put(
        "s.csv",
        "conversation_id,score,answered_at\nc1,2,2025-03-20\nc2,4,2025-03-05\nc3,1,2025-03-20\n",
    )
    began = datetime(2025, 3, 1, tzinfo=UTC)
    quarantine = Quarantine()
    found = read_survey_answers(path, started_at={"c1": began, "c2": began}, quarantine=quarantine)
    assert (len(found.surveys), found.report.late) == (3, 1)
    assert quarantine.notes == {"late_answer": 1}
    assert "1 late, by more than 7 days, and kept" in str(found.report)


@pytest.mark.parametrize("name", ["ticket_id", "contact_id", "Interaction ID", "conversationId"])
def test_conversations_are_named_in_many_ways(put, name):
    (found,) = read_surveys(put("s.csv", f"{name};CSAT Score;Comment\nx7;3;fine\n"))
    assert (found.conversation_id, found.score, found.comment) == ("x7", 3, "fine")


def test_answers_of_maestroqa_are_read(answers):
    row = {"submitted_at": "2025-03-02T10:00:00Z", "ticket_id": 77, "agent_id": "a", "score": 4,
           "min_score": 1, "max_score": 5, "comment": "fine"}  # fmt: skip
    ((survey,), report) = answers({"data": [row]})
    assert (survey.conversation_id, survey.score, survey.scale) == ("77", 4, (1, 5))
    assert (survey.comment, survey.answered_at.day) == ("fine", 2)
    assert report.scale is None


def test_satisfaction_ratings_of_zendesk_are_read(answers):
    rows = [
        {"id": n, "ticket_id": 70 + n, "assignee_id": 2, "requester_id": 1, "score": score,
         "comment": None, "created_at": "2025-03-02T10:00:00Z"}
        for n, score in enumerate(("good", "bad", "offered"))
    ]  # fmt: skip
    surveys, report = answers({"satisfaction_ratings": rows, "count": 3})
    assert [(s.conversation_id, s.share) for s in surveys] == [("70", 1), ("71", 0)]
    assert report.unanswered == 1


def test_lines_of_json_are_read(put):
    path = put("s.jsonl", '{"conversation_id": "c1", "rating": 5}\n{"conversation_id": "c2"}\n')
    found = read_survey_answers(path)
    assert (len(found.surveys), found.report.unanswered) == (1, 1)


def test_times_come_as_text_and_as_seconds(put):
    rows = ["2025-03-02T10:00:00Z", "2025-03-02 10:00:00 UTC", "1740909600", "1740909600000"]
    lines = "".join(f"c{n},3,{at}\n" for n, at in enumerate(rows))
    found = read_surveys(put("s.csv", f"conversation_id,score,date\n{lines}"))
    assert {survey.answered_at.timestamp() for survey in found} == {1740909600}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",3", "missing_field"),
        ("c1,perhaps", "bad_csat"),
        ("c1", "bad_row"),
    ],
)
def test_rows_without_sense_are_quarantined(put, row, reason):
    path = put("s.csv", f"conversation_id,score\nc0,4\n{row}\n")
    quarantine = Quarantine()
    found = read_survey_answers(path, quarantine=quarantine)
    assert (len(found.surveys), found.report.unusable) == (1, 1)
    assert quarantine.counts == {reason: 1}
    with pytest.raises(ReadError, match=r"s\.csv:3"):
        read_surveys(path)


def test_a_turn_table_is_not_a_table_of_answers(put):
    path = put("t.csv", "conversation_id,speaker,text,score\nc1,agent,hi,3\n")
    assert read_surveys(path) == []


@pytest.mark.parametrize(
    ("text", "scale"),
    [("1-5", (1, 5)), ("0 - 10", (0, 10)), ("[1, 5]", (1, 5)), ("-1:1", (-1, 1)), ("5-1", None),
     ("x", None), ("", None)],
)  # fmt: skip
def test_a_scale_is_named_by_its_ends(text, scale):
    assert scale_in_text(text) == scale
