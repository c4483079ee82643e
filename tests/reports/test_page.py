from __future__ import annotations

import base64
import hashlib
import math
import re
from dataclasses import fields, replace
from html.parser import HTMLParser

import pytest

from autoqa.errors import DataError
from autoqa.evaluation.study import Part, Study
from autoqa.reports import LANGUAGES, report_html, write_report

VOID = {"meta", "br", "link", "img", "hr", "input"}
SECTIONS = [
    "answers",
    "agreement",
    "stand-in",
    "qa-and-csat",
    "drivers",
    "realignment",
    "claims",
    "reviews",
    "means",
    "confidence",
    "raters",
    "surveys",
    "fairness",
    "over-time",
    "satisfaction",
    "caveats",
    "method",
]


class Tree(HTMLParser):
    """Elements with attributes in their order, and whether all were closed as they were opened."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.open, self.text = [], [], []
        self.inside = {"script": [], "style": [], "h1": [], "mark": []}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] in self.inside:
            self.inside[self.open[-1]].append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="session")
def tree(page):
    return Tree(page)


def test_every_section_of_a_full_study_is_there_in_order(tree, full_study):
    assert full_study.missing == {}
    assert [one["id"] for one in tree.of("section")] == SECTIONS
    assert tree.open == []


def test_links_of_the_answers_and_the_contents_lead_somewhere(tree):
    ids = [attributes["id"] for _, attributes in tree.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {one["href"] for one in tree.of("a")}
    assert all(target.startswith("#") and target[1:] in ids for target in targets)


def test_the_page_needs_nothing_from_elsewhere(tree, page):
    assert not re.search(r"\b(?:https?:)?//[a-z]", page.replace("// ", ""))
    assert not any(one.get("src") for _, one in tree.elements)
    assert {tag for tag, _ in tree.elements} & {"link", "iframe", "object", "img", "base"} == set()


def test_the_policy_allows_the_one_script_and_style_by_hash_and_nothing_else(tree):
    (policy,) = (one["content"] for one in tree.of("meta") if "http-equiv" in one)
    for tag in ("script", "style"):
        (content,) = tree.inside[tag]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    attributes = {name for _, held in tree.elements for name in held}
    assert "style" not in attributes
    assert not any(name.startswith("on") for name in attributes)


def test_hostile_texts_stay_texts(tree, page, hostile):
    assert len(tree.of("script")) == 1
    assert tree.of("b") == []
    shown = "".join(tree.text)
    assert "agent 00 <script>alert(1)</script>\"'&amp; $x_1$ {n}" in shown
    assert not set("\x07\u202e") & set(page)
    # The marked words are characters 3 to 9 of the turn.
    assert "<b>ord" in tree.inside["mark"]


def test_verdicts_are_said_in_words_beside_a_sign(page):
    badges = re.findall(
        r'<span class="badge (\w+)"><span class="sign"[^>]*>(.)</span> ([^<]+)', page
    )
    assert len(badges) > 20
    signs = {"good": "✓", "partly": "◐", "bad": "✗", "unknown": "?"}
    assert all(signs[tone] == sign and words.strip() for tone, sign, words in badges)


def test_figures_are_named_images_with_a_caption_and_n(tree, page):
    drawings = tree.of("svg")
    assert len(drawings) >= 15
    assert all(one["role"] == "img" and one["aria-label"] for one in drawings)
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    assert len(captions) == len(drawings)
    assert all(re.search(r"n=\d", caption) for caption in captions)


def test_number_cells_are_sorted_by_value(tree):
    values = [float(one["data-sort"]) for one in tree.of("td") if "data-sort" in one]
    assert len(values) > 100
    assert all(map(math.isfinite, values))


def test_simulated_data_is_called_simulated(page, agreement_only):
    assert page.count("Simulated data: nothing here is about real people.") == 2
    assert "Simulated data" not in report_html(agreement_only)


def test_hashes_and_versions_are_told(page):
    assert "calls.jsonl (SHA-256)" in page
    assert "ab" * 32 in page
    assert "autoqa-transcripts" in page


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_agreement_alone_makes_a_report_in_every_language(language, agreement_only):
    page = report_html(agreement_only, language=language)
    tree = Tree(page)
    assert tree.of("html") == [{"lang": language}]
    assert [one["id"] for one in tree.of("section")] == [
        "answers",
        "agreement",
        "missing",
        "caveats",
        "method",
    ]
    assert len(tree.of("script")) == 1
    assert page.count('class="answer unknown"') >= 4
    # Reasons and caveats exist in English only, and say so where the page is in another language.
    marked = [tag for tag, one in tree.elements if tag != "html" and one.get("lang") == "en"]
    assert bool(marked) == (language != "en")


@pytest.mark.slow
def test_a_full_report_in_chinese_marks_what_is_english(full_study):
    page = report_html(full_study, language="zh")
    assert "自动评分能否替代人工评分？" in page
    assert '<span lang="en">' in page
    assert "Meeting" not in page


def test_the_same_study_gives_the_same_bytes(agreement_only):
    assert report_html(agreement_only) == report_html(agreement_only)
    assert report_html(agreement_only, made_at="2026-11-23") != report_html(agreement_only)


def test_a_title_is_shown_as_it_is(agreement_only):
    assert Tree(report_html(agreement_only, title="A <b> & C")).inside["h1"] == ["A <b> & C"]


def test_a_report_is_written_whole_or_not_at_all(agreement_only, tmp_path):
    out = tmp_path / "new" / "report.html"
    assert write_report(agreement_only, out) == out
    assert out.read_text(encoding="utf-8") == report_html(agreement_only)
    with pytest.raises(DataError, match="no labels in 'xx'"):
        write_report(agreement_only, tmp_path / "other.html", language="xx")
    assert [one.name for one in tmp_path.iterdir()] == ["new"]


def test_every_part_that_is_missing_says_what_to_bring(agreement_only):
    assert set(agreement_only.missing) == set(Part)
    page = report_html(agreement_only)
    rows = page.split('id="missing-table-1"')[1].split("</table>")[0].count("<tr>")
    assert rows == 1 + len(Part) + 1  # head, parts, and CSAT


def test_shares_of_predicted_csat_stand_beside_the_answers_in_the_section_on_surveys(
    page, full_study
):
    found = full_study.matched_csat
    surveys = page.split('<section id="surveys"')[1].split("</section>")[0]
    assert f"n={found.n_answers} answers, {found.n_predicted} predictions" in surveys
    table = surveys.split("Shares of CSAT levels")[1].split("</table>")[0]
    assert table.count("<tr>") == 1 + len(found.levels)
    assert "answers, weighted" in table
    assert 'id="matched-csat"' not in page


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.1, 0.3, "Matching brings predicted CSAT nearer"),
        (-0.3, -0.1, "Matching takes predicted CSAT away"),
        (-0.1, 0.3, "cannot be said: "),
    ],
)
def test_without_silent_customers_matching_is_a_section_of_its_own(low, high, said, full_study):
    gain = replace(full_study.matched_csat.gain, value=(low + high) / 2, low=low, high=high)
    found = replace(full_study.matched_csat, weighted=False, gain=gain)
    alone = Study(comparison=full_study.comparison, matched_csat=found)
    own = report_html(alone).split('<section id="matched-csat"')[1].split("</section>")[0]
    assert said in own
    assert "answers, weighted" not in own


def test_a_comparison_without_any_study_around_it_is_enough(agreement_only):
    bare = Study(comparison=agreement_only.comparison)
    assert all(not getattr(bare, f.name) for f in fields(bare) if f.name != "comparison")
    assert 'id="agreement"' in report_html(bare)
