import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.evaluation.claims import CLAIMS, Verdict, run_claims


@pytest.fixture(scope="module")
def centre(made):
    rng = np.random.default_rng(0)
    total = rng.uniform(40, 100, size=300)
    csat = np.clip(total / 100 + rng.normal(scale=0.05, size=300), 0, 1)
    return made(
        300,
        total=total,
        csat=csat,
        topic=np.tile(["<b>bill|s</b>", "fault"], 150),
        handle_s=rng.uniform(100, 300, size=300),
    )


@pytest.fixture(scope="module")
def report(centre):
    return run_claims(centre, n_resamples=50)


def test_every_claim_is_answered_once_and_the_same_seed_gives_the_same_report(centre, report):
    assert [result.claim for result in report.results] == [claim.id for claim in CLAIMS]
    again = run_claims(centre, n_resamples=50)
    assert again.to_markdown() == report.to_markdown()
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)


def test_claims_about_ratings_are_tested_on_each_side_the_others_once(centre):
    both = run_claims(
        {"automated": centre, "human": centre},
        only=["high_qa_high_csat", "longer_is_better"],
        n_resamples=20,
    )
    assert [(r.claim, r.ratings) for r in both.results] == [
        ("high_qa_high_csat", "automated"),
        ("high_qa_high_csat", "human"),
        ("longer_is_better", ""),
    ]
    assert both.n_tested == 3


def test_the_number_of_tests_is_said_and_corrected_for(report):
    assert report.n_tested == sum(bool(result.findings) for result in report.results)
    assert f"{report.n_tested} tests were made" in report.about_multiplicity
    for result in report.results:
        assert result.after_correction in (result.verdict, Verdict.NOT_ENOUGH_DATA)


def test_a_single_test_needs_no_correction(centre):
    alone = run_claims(centre, only=["high_qa_high_csat"], n_resamples=20)
    assert alone.results[0].after_correction is alone.results[0].verdict
    assert "nothing is corrected for" in alone.about_multiplicity


def test_markdown_has_one_row_per_claim_and_passes_no_markup_through(report):
    text = report.to_markdown()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len([r for r in rows if r.split(" | ")[0][2:] in {c.question for c in CLAIMS}]) == 13
    assert "<b>" not in text
    assert "&lt;b&gt;bill\\|s" in text
    assert "## Does high QA imply high CSAT?" in text
    assert "## " not in report.to_markdown(details=False)


def test_json_holds_rules_figures_and_tables_without_nan(report):
    held = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    first = held["results"][0]
    assert first["claim"] == "high_qa_high_csat"
    assert first["verdict"] == "supported"
    assert first["findings"][0]["claimed"] == {"low": 0.3, "high": None}
    assert first["findings"][0]["n"] == 300
    assert "needed" in first
    assert "half-width" in held["needed_rule"]
    assert held["results"][1]["verdict"] in {"not supported", "not enough data"}


def test_csv_has_one_row_per_figure(report):
    rows = list(csv.DictReader(io.StringIO(report.to_csv())))
    assert {row["claim"] for row in rows} == {claim.id for claim in CLAIMS}
    first = rows[0]
    assert (first["verdict"], first["claimed"], first["n"]) == ("supported", "above 0.3", "300")
    assert float(first["low"]) < float(first["value"]) < float(first["high"])


def test_no_rater_makes_a_formula_of_the_csv(report):
    named = replace(report.results[0], ratings="=HYPERLINK(1)")
    row = next(csv.DictReader(io.StringIO(replace(report, results=(named,)).to_csv())))
    assert row["ratings"] == "'=HYPERLINK(1)"
    assert row["value"].lstrip("-")[0].isdigit()  # numbers stay numbers


def test_a_notebook_shows_the_table_escaped(report):
    shown = report._repr_html_()
    assert "Does high QA imply high CSAT?" in shown
    assert "<b>" not in shown
    assert len(repr(report)) < 100


def test_an_unknown_claim_is_answered_with_the_nearest(centre):
    with pytest.raises(DataError, match=r"'top_box'. Did you mean 'top_box_differs'\?"):
        run_claims(centre, only=["top_box"])
    with pytest.raises(DataError, match="no data"):
        run_claims({})
