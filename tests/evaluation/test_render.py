import numpy as np
import pytest

from autoqa.evaluation.comparison import compare
from autoqa.evaluation.comparison_tables import to_html_table, to_markdown
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.render import show, summary
from autoqa.records import RaterKind, Rating, Status, Survey


def rating(conversation, criterion, level, rater, status=Status.RATED):
    return Rating(
        conversation_id=conversation,
        criterion=criterion,
        rater=rater,
        kind=RaterKind.MODEL if rater == "model" else RaterKind.HUMAN,
        status=status,
        level=level,
    )


@pytest.fixture(scope="module")
def comparison():
    """On tone the model errs like people, on recap it guesses, on pace there is one person."""
    rng = np.random.default_rng(0)
    n = 300
    machine, people = [], []
    for criterion, error, raters in (
        ("tone", 0.1, ("ann", "bo", "cy")),
        ("recap", 0.95, ("ann", "bo")),
        ("pace<b>", 0.1, ("ann",)),
    ):
        truth = rng.integers(0, 3, n)
        for rater, wrong in (("model", error), *((name, 0.1) for name in raters)):
            levels = np.where(rng.random(n) < wrong, rng.integers(0, 3, n), truth)
            held = machine if rater == "model" else people
            held += [rating(f"c{i}", criterion, int(v), rater) for i, v in enumerate(levels)]
    people.append(rating("c0", "tone", None, "di", Status.NOT_APPLICABLE))
    surveys = [
        Survey(conversation_id=f"c{i}", score=int(rng.integers(1, 6)), scale=(1, 5))
        for i in range(100)
    ]
    agents = {f"c{i}": f"agent {i % 10}" for i in range(n)}
    plain = compare(machine, people, surveys=surveys, n_resamples=200)
    return plain, compare(machine, people, surveys=surveys, agents=agents, n_resamples=50)


def test_an_estimate_is_shown_with_as_much_as_is_known():
    nan = float("nan")
    assert show(Estimate(0.5, 0.4, 0.6, 9, 9)) == "0.50 [0.40, 0.60]"
    assert show(Estimate(0.5, nan, nan, 9, 1), with_n=True) == "0.50, n=9"
    assert show(Estimate(nan, nan, nan, 0, 0)) == show(None) == "–"


def test_the_summary_says_what_agrees_what_does_not_and_what_cannot_be_said(comparison):
    said = "\n".join(summary(comparison[0]))
    assert (
        "as well as they agree with each other (at most 0.10 below, in quadratic kappa): tone."
        in said
    )
    assert "less than they agree with each other: recap." in said
    assert "nobody rated these twice, so how far people agree is unknown: pace<b>." in said
    assert "QA totals of the two sides differ by" in said
    assert "Automated totals and CSAT: no association can be shown" in said


def test_the_report_starts_with_words_and_holds_every_table(comparison):
    text = to_markdown(comparison[0])
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings[:4] == [
        "# Automated against human ratings",
        "## In short",
        "## Caveats",
        "## Agreement by criterion",
    ]
    for heading in ("### Quadratic kappa", "### Gwet's AC2", "## Totals", "## CSAT"):
        assert heading in headings
    assert "### Applicability (N/A), apart from the levels" in headings
    assert "Intervals: 95 %, bootstrap over conversations; 200 resamples, seed 7." in text


def test_agents_have_their_own_table(comparison):
    text = to_markdown(comparison[1])
    assert "Between 10 agents" in text
    assert "| agent 3 |" in text


def test_every_row_of_a_table_has_as_many_cells_as_its_head(comparison):
    width = None
    for line in to_markdown(comparison[1]).splitlines():
        cells = line.count("|") if line.startswith("|") else None
        assert cells is None or width is None or cells == width
        width = cells


def test_ids_from_the_data_cannot_become_markup(comparison):
    assert "<b>" not in to_markdown(comparison[0])
    page = to_html_table(comparison[0])
    assert "<b>" not in page
    assert "pace&lt;b&gt;" in page
    assert comparison[0]._repr_html_() == page


def test_a_comparison_without_people_still_reads():
    machine = [rating(f"c{i}", "tone", i % 3, "model") for i in range(40)]
    surveys = [Survey(conversation_id=f"c{i}", score=1 + i % 3, scale=(1, 3)) for i in range(40)]
    text = to_markdown(compare(machine, [], surveys=surveys, n_resamples=50))
    assert "higher totals go with happier customers (Spearman 1.00" in text
    assert "Agreement by criterion" not in text
