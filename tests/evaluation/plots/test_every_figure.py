"""What holds of every figure: words can be translated, nothing is left behind, empty parts draw."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest
from matplotlib.text import Text

from autoqa.evaluation import plots
from autoqa.evaluation.wording import english

NAMES = {
    "agreement",
    "agreement_history",
    "control_chart",
    "dominance",
    "drivers",
    "gaps",
    "policies",
    "quadrants",
    "rater_severity",
    "reliability",
    "replacement",
    "review_yield",
    "risk_coverage",
    "satisfaction",
    "survey_truth",
    "team_means",
    "weights",
}
# What the data are called is shown as it is, in any language.
FROM_DATA = {"call-17", "empathy", "language", "QA total", "support version 3", "tone"}
NUMBER = re.compile(r"[−+\-\d.,\s]*")


def bracketed(text, /, **values):
    return f"⟦{english(text, **values)}⟧"


def shown(figure):
    texts = (text for text in figure.findobj(Text) if text.get_visible())
    return [text.get_text() for text in texts if text.get_text().strip()]


def test_every_figure_has_an_example(parts):
    assert set(parts) == NAMES
    assert {f"plot_{name}" for name in NAMES} | {"plot_totals_and_csat"} == set(plots.__all__)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_word_goes_through_say(name, parts):
    figure = getattr(plots, f"plot_{name}")(parts[name], say=bracketed)
    for text in shown(figure):
        known = NUMBER.fullmatch(text) or text in FROM_DATA or text.startswith("agent ")
        assert known or "⟦" in text, text


@pytest.mark.parametrize("name", sorted(NAMES))
def test_figures_are_of_one_width_and_legible(name, parts, tmp_path):
    figure = getattr(plots, f"plot_{name}")(parts[name])
    assert figure.get_figwidth() == 7.2
    assert figure.get_figheight() < 16
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 8.5
    figure.savefig(tmp_path / "figure.svg")


def test_dollars_and_line_breaks_in_names_are_shown_as_they_are(parts):
    drivers = parts["drivers"]
    named = replace(
        drivers, criteria=(replace(drivers.criteria[0], criterion="pay $x^2$\nnow\x00"),)
    )
    figure = plots.plot_drivers(named)
    (label,) = figure.axes[0].get_yticklabels()
    assert label.get_text() == "pay $x^2$ now (n=400)"
    assert not label.get_parse_math()


def test_nothing_of_pyplot_is_loaded_or_left():
    program = (
        "import sys, matplotlib; before = matplotlib.rcParams.copy()\n"
        "from autoqa.evaluation.plots import plot_risk_coverage, plot_totals_and_csat\n"
        "plot_risk_coverage({}); plot_totals_and_csat([70, 80], [0, 1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert matplotlib.rcParams.copy() == before"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_parts_without_content_say_so(parts):
    empty = {
        "agreement": replace(parts["agreement"], criteria=()),
        "agreement_history": replace(parts["agreement_history"], windows=()),
        "control_chart": replace(parts["control_chart"], points=()),
        "dominance": replace(parts["drivers"], criteria=()),
        "drivers": replace(parts["drivers"], criteria=()),
        "gaps": replace(parts["gaps"], gaps=()),
        "policies": (),
        "quadrants": replace(parts["quadrants"], agents=(), not_placed=()),
        "rater_severity": replace(parts["rater_severity"], raters=()),
        "reliability": {},
        "replacement": {},
        "review_yield": replace(parts["review_yield"], n_bad=0),
        "risk_coverage": {},
        "satisfaction": replace(parts["satisfaction"], steps=()),
        "survey_truth": replace(parts["survey_truth"], figures={}),
        "team_means": (),
        "weights": replace(parts["weights"], changes=()),
    }
    assert set(empty) == NAMES
    for name, part in empty.items():
        words = " ".join(shown(getattr(plots, f"plot_{name}")(part)))
        assert re.search("No |None |Nobody ", words), name
