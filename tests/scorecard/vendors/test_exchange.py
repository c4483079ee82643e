"""Forms of whatever vendor: files, wrong types, ids, the report, and the way there and back."""

from __future__ import annotations

import copy
import json
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.errors import ScorecardError
from autoqa.records import Speaker
from autoqa.scorecard import Scorecard, load_scorecard
from autoqa.scorecard.strict_yaml import parse_yaml
from autoqa.scorecard.vendors import (
    VENDORS,
    LossKind,
    as_yaml,
    export_form,
    form_ids,
    import_form,
    loss_report,
)


def connect_form(**asked):
    options = [{"RefId": "y", "Text": "Yes", "Score": 10}, {"RefId": "n", "Text": "No", "Score": 0}]
    question = {
        "RefId": "q1",
        "Title": "Was it solved?",
        "QuestionType": "SINGLESELECT",
        "QuestionTypeProperties": {"SingleSelect": {"Options": options}},
        "Weight": 100,
    }
    inner = [{"Question": question | asked}]
    return {
        "Title": "Calls",
        "Items": [{"Section": {"RefId": "s1", "Title": "All", "Items": inner}}],
        "ScoringStrategy": {"Mode": "QUESTION_ONLY", "Status": "ENABLED"},
    }


def google_form(**asked):
    choices = [
        {"key": "y", "strValue": "Yes", "score": 2},
        {"key": "n", "strValue": "No", "score": 0},
    ]
    question = {"name": "q1", "questionBody": "Was it solved?", "answerChoices": choices}
    return {"snapshot": {"displayName": "Calls"}, "qaQuestions": [question | asked]}


def genesys_form(**asked):
    options = [{"id": "y", "text": "Yes", "value": 1}, {"id": "n", "text": "No", "value": 0}]
    question = {"id": "q1", "text": "Was it solved?", "answerOptions": options}
    group = {"id": "g", "name": "All", "weight": 1, "questions": [question | asked]}
    return {"name": "Calls", "questionGroups": [group]}


FORMS = {"connect": connect_form, "google": google_form, "genesys": genesys_form}


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "form.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return write


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_vendor_is_found_by_the_keys_of_the_file(vendor, write):
    path = write(FORMS[vendor]())
    assert import_form(path) == import_form(path, vendor=vendor)
    assert import_form(path).card.criteria[0].ref == "q1"


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_imported_scorecard_loads_from_its_file(vendor, tmp_path):
    card = import_form(FORMS[vendor]()).card
    path = tmp_path / "calls.yaml"
    path.write_text(as_yaml(card), encoding="utf-8")
    assert load_scorecard(path) == card


def problems(form, **options):
    with pytest.raises(ScorecardError) as caught:
        import_form(form, **options)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (
            connect_form(Title=7),
            "Items.0.Section.Items.0.Question.Title: found 7 where text belongs; put it in quotes",
        ),
        (
            connect_form(Weight="much"),
            "Items.0.Section.Items.0.Question.Weight: found 'much' where a number belongs",
        ),
        (
            connect_form(Weight=-1),
            "Items.0.Section.Items.0.Question.Weight: found -1; it must be at least 0",
        ),
        (
            google_form(answerChoices=[{"score": "2"}]),
            "qaQuestions.0.answerChoices.0.score: found '2' where a number belongs",
        ),
        (
            google_form(questionBody=None),
            "qaQuestions.0.questionBody: missing; add 'questionBody: ...'",
        ),
        (
            genesys_form(isKill="yes"),
            "questionGroups.0.questions.0.isKill: found 'yes' where true or false belongs",
        ),
        (
            genesys_form(answerOptions={}),
            "questionGroups.0.questions.0.answerOptions: found keys with values where a list "
            "belongs",
        ),
    ],
)
def test_a_wrong_type_is_named_with_file_path_and_what_was_found(form, said, write):
    assert problems(write(form)) == [f"form.json: {said}"]


def test_every_wrong_type_is_named_at_once(write):
    assert len(problems(write(genesys_form(text=1, helpText=2, isKill=3)))) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "form.json:1: not JSON"),
        (b'{"Items": NaN}', "not usable JSON"),
        (b'{"Items": 1e999}', "not usable JSON"),
        (b"\xff{}", "byte 0 is not UTF-8"),
        (b"[" * 100_000, "not usable JSON"),
        (b"[]", "not an evaluation form that is known by its keys"),
        (b'"Items"', "not an evaluation form that is known by its keys"),
        (b'{"questions": []}', "connect: EvaluationForm or Items; google: qaQuestions or"),
        (b'{"qaQuestions": []}', "nothing to import"),
        (b'{"EvaluationForm": 3}', "EvaluationForm: found 3 where keys with values belongs"),
    ],
)
def test_a_file_that_is_no_form_is_refused_with_a_reason(content, said, write):
    assert said in "\n".join(problems(write(content)))


def test_a_file_that_is_not_there_and_a_vendor_that_is_not_known_are_named(tmp_path):
    assert "cannot be read" in problems(tmp_path / "no.json")[0]
    assert "Did you mean 'genesys'?" in problems(genesys_form(), vendor="genesis")[0]
    assert "no JSON object" in problems(_list_file(tmp_path), vendor="connect")[0]


def _list_file(folder):
    path = folder / "list.json"
    path.write_text("[]")
    return path


def test_a_form_nested_without_end_is_refused(write):
    form = connect_form()
    for _ in range(300):
        form["Items"] = [{"Section": {"RefId": "s", "Title": "T", "Items": form["Items"]}}]
    with pytest.raises(ScorecardError, match=r"nested too deeply"):
        import_form(form)


def test_unknown_and_empty_fields_are_ignored():
    bare = genesys_form()
    full = genesys_form(helpText=None, visibilityCondition=None, newField={"deep": [1]})
    assert import_form(full | {"selfUri": "/forms/1", "dialect": None}) == import_form(bare)


def test_the_language_can_be_named():
    assert import_form(google_form(), language="it").card.language == "it"


def titled(*titles):
    form = genesys_form()
    (group,) = form["questionGroups"]
    (question,) = group["questions"]
    group["questions"] = [
        question | {"text": title, "id": f"11111111-2222-3333-4444-{number:012}"}
        for number, title in enumerate(titles)
    ]
    return form


@pytest.mark.parametrize(
    ("titles", "ids"),
    [
        (("Was it solved?", "Was it solved?"), ["was_it_solved", "was_it_solved_2"]),
        (
            ("问候了客户吗？", "Grüßte der Agent?", "Приветствие?"),
            ["q1", "grusste_der_agent", "q3"],
        ),
        (("¿Saludó?", "24 h erreichbar?", "???"), ["saludo", "h_erreichbar", "q3"]),
        (("CSAT", ""), ["csat_2", "q2"]),
        (("x" * 80, "word " * 40), ["x" * 48, "_".join(["word"] * 9)]),
    ],
)
def test_ids_are_made_of_titles_in_latin_letters_and_numbered_otherwise(titles, ids):
    assert [c.id for c in import_form(titled(*titles)).card.criteria] == ids


@pytest.mark.parametrize(
    ("ref", "kept"),
    [
        ("greeting", True),
        ("q1", True),
        ("b2b_offer", True),
        ("s1a1b58d6", False),
        ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", False),
        ("Greeting", False),
    ],
)
def test_an_id_of_a_form_is_kept_where_people_can_read_it(ref, kept):
    card = import_form(genesys_form(id=ref)).card
    assert card.criteria[0].id == (ref if kept else "was_it_solved")
    assert card.criteria[0].ref == ref


def test_an_id_that_two_questions_share_is_kept_for_the_first():
    form = genesys_form()
    form["questionGroups"] *= 2
    found = import_form(form)
    assert [c.ref for c in found.card.criteria] == ["q1", ""]
    assert [loss.kind for loss in found.losses] == [LossKind.IDS]


def test_answers_worth_the_same_keep_the_direction_of_the_form():
    def listed(*pairs):
        options = [{"id": text, "text": text, "value": value} for text, value in pairs]
        levels = import_form(genesys_form(answerOptions=options)).card.criteria[0].levels
        return [level.label for level in levels.values()]

    assert listed(("best", 5), ("good", 5), ("bad", 0)) == ["bad", "good", "best"]
    assert listed(("bad", 0), ("good", 5), ("best", 5)) == ["bad", "good", "best"]


def test_last_lines_of_instructions_that_describe_answers_become_descriptions():
    text = "Look at the end.\nYes: The customer agrees.\nNo: It stays open."
    criterion = import_form(genesys_form(helpText=text)).card.criteria[0]
    assert criterion.guidance == "Look at the end."
    assert [level.description for level in criterion.levels.values()] == [
        "It stays open.",
        "The customer agrees.",
    ]


def test_a_report_says_the_same_loss_once_with_all_places():
    report = loss_report(export_form("support-core", "google").losses)
    assert report.count("answered by the scorer 'rules' here") == 1
    assert "    identity_before_details, no_card_read_back\n" in report
    heads = [line for line in report.splitlines() if line.endswith(":") and line[0].isupper()]
    assert heads == [
        "Critical questions:",
        "Conditions:",
        "Automatic answers:",
        "Texts:",
        "Languages:",
        "Ids and versions:",
    ]
    assert max(map(len, report.splitlines())) <= 100


@pytest.mark.parametrize(("vendor", "most"), [("connect", 100), ("genesys", 200)])
def test_a_form_holds_so_many_questions(vendor, most):
    def card(count):
        criteria = [
            {"id": f"c{i}", "question": "?", "levels": {0: "no", 1: "yes"}, "weight": 1}
            for i in range(count)
        ]
        sections = [{"id": "all", "criteria": criteria}]
        return Scorecard.model_validate({"id": "calls", "version": 1, "sections": sections})

    assert export_form(card(most), vendor).form
    with pytest.raises(ScorecardError, match=f"{most + 1} questions.*split"):
        export_form(card(most + 1), vendor)
    with pytest.raises(ScorecardError, match="no criteria"):
        export_form(card(0), vendor)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("name", ["support-core", "ai-agent-procedure", "support-core.zh"])
def test_the_library_goes_there_and_back_but_for_what_is_reported(vendor, name):
    card = load_scorecard(name)
    found = export_form(card, vendor)
    back = import_form(json.loads(json.dumps(found.form))).card
    reported = {(loss.place, loss.kind) for loss in found.losses}
    ids = form_ids(card, vendor)
    assert form_ids(back, vendor).questions == ids.questions
    for before, after in zip(card.criteria, back.criteria, strict=True):
        assert (after.id, after.question) == (before.id, before.question)
        assert after.ref == ids.questions[before.id]
        assert after.weight == pytest.approx(before.weight, abs=1e-6)
        assert after.scale == before.scale
        assert after.critical == before.critical or (before.id, LossKind.CRITICAL) in reported
        labels = [level.label for level in before.levels.values()]
        assert [level.label for level in after.levels.values()] == labels


words = st.text(string.ascii_lowercase, min_size=1, max_size=8)
names = st.lists(words, min_size=8, max_size=8, unique=True)


@st.composite
def common_cards(draw, vendor):
    """Cards of which a vendor's form can say everything."""
    taken = iter(draw(names.filter(lambda drawn: "csat" not in drawn)))
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=2))
    # Weights that sum to 100, zero apart from Genesys and Google, which weigh by points.
    cuts = sorted(draw(st.lists(st.integers(1, 99), min_size=5, max_size=5, unique=True)))
    steps = [b - a for a, b in zip([0, *cuts], [*cuts, 100], strict=True)]
    count = sum(sizes)
    weights = [*steps[: count - 1], sum(steps[count - 1 :])]
    criticals = {
        "connect": st.sampled_from([False, True, "section"]),
        "google": st.just(False),
        "genesys": st.booleans(),
    }[vendor]
    sections = []
    for size in sizes:
        criteria = []
        for _ in range(size):
            name, critical = next(taken), draw(criticals)
            top = draw(st.integers(1, 5))
            if critical is True and vendor == "genesys":
                top = 1
            shares = [0.0, *sorted(draw(st.integers(1, 10)) / 10 for _ in range(top - 1)), 1.0]
            criteria.append(
                {
                    "id": name,
                    "question": draw(words),
                    "guidance": draw(words),
                    "levels": {
                        n: {"label": draw(words), "points": share} for n, share in enumerate(shares)
                    },
                    "weight": weights.pop(),
                    "critical": critical,
                    "not_applicable": draw(st.booleans()),
                    "ref": draw(st.sampled_from(["", name])),
                }
            )
        section = next(taken)
        sections.append({"id": section, "title": section, "criteria": criteria})
    title = draw(words)
    return Scorecard.model_validate(
        {
            "id": title,
            "version": 1,
            "language": "en",
            "title": title,
            "sections": sections,
        }
    )


def said(card):
    """Everything a card says, apart from refs, and regions of its language."""
    return [
        (card.id, card.version, card.language[:2], card.title, card.description),
        *(
            (section.id, section.title, c.id, c.question, c.guidance, c.critical, c.not_applicable)
            for section in card.sections
            for c in section.criteria
        ),
        *((c.id, n, level.label) for c in card.criteria for n, level in c.levels.items()),
    ]


def worth(card):
    weights = [criterion.weight for criterion in card.criteria]
    return weights + [c.points(level) for c in card.criteria for level in c.scale]


@pytest.mark.parametrize("vendor", VENDORS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_there_and_back_a_card_is_the_same_where_no_loss_is_reported(vendor, data):
    card = data.draw(common_cards(vendor))
    found = export_form(card, vendor)
    assert found.losses == ()
    back = import_form(json.loads(json.dumps(found.form)))
    assert back.losses == ()
    assert said(back.card) == said(card)
    assert worth(back.card) == pytest.approx(worth(card), abs=1e-6)
    assert form_ids(back.card, vendor) == form_ids(card, vendor)


texts = st.text(st.sampled_from("aZ .:é客\n-_1"), max_size=12)
ids = st.text("az_.-19", max_size=6).map("a".__add__) | st.just("a" * 60)


@st.composite
def any_cards(draw):
    """Cards that say anything that a scorecard may say."""
    taken = iter(draw(st.lists(ids, min_size=6, max_size=6, unique=True)))

    def criterion():
        scale = draw(st.lists(st.integers(-3, 9), min_size=2, max_size=4, unique=True))
        shares = st.lists(st.floats(0, 1), min_size=len(scale), max_size=len(scale))
        earned = [*sorted(draw(shares))] if draw(st.booleans()) else [None] * len(scale)
        return {
            "id": next(taken),
            "question": draw(texts),
            "guidance": draw(texts),
            "levels": {
                number: {
                    "label": draw(texts),
                    "description": draw(texts),
                    "ref": draw(texts),
                    "points": share,
                }
                for number, share in zip(sorted(scale), earned, strict=True)
            },
            "weight": draw(st.floats(0, 100)),
            "critical": draw(st.sampled_from([False, True, "section"])),
            "not_applicable": draw(st.booleans()),
            "applies_when": draw(st.none() | st.just({"channel": "voice"})),
            "speaker": draw(st.sampled_from(list(Speaker))),
            "unit": draw(st.sampled_from(["conversation", "turn"])),
            "ref": draw(texts),
        }

    sizes = draw(st.lists(st.integers(0, 2), min_size=1, max_size=3).filter(any))
    return Scorecard.model_validate(
        {
            "id": draw(ids),
            "version": draw(st.integers(1, 2)),
            "language": draw(st.sampled_from(["en", "en-US", "de", "eo"])),
            "title": draw(texts),
            "description": draw(texts),
            "sections": [
                {
                    "id": f"s{number}",
                    "title": draw(texts),
                    "ref": draw(texts),
                    "criteria": [criterion() for _ in range(size)],
                }
                for number, size in enumerate(sizes)
            ],
        }
    )


@pytest.mark.parametrize("vendor", VENDORS)
@settings(max_examples=40, deadline=None)
@given(card=any_cards())
def test_any_card_is_written_and_read_again(vendor, card):
    found = export_form(card, vendor)
    back = import_form(json.loads(json.dumps(found.form))).card
    assert Scorecard.model_validate(parse_yaml(as_yaml(back), name="card")) == back
    reported = {(loss.place, loss.kind) for loss in found.losses}
    ids = form_ids(card, vendor)
    again = {criterion.ref: criterion for criterion in back.criteria}
    for before in card.criteria:
        after = again[ids.questions[before.id]]
        assert after.critical == before.critical or (before.id, LossKind.CRITICAL) in reported
        assert after.id == before.id or (before.id, LossKind.IDS) in reported
        assert after.scale == before.scale or (before.id, LossKind.IDS) in reported
        assert after.speaker == before.speaker or (before.id, LossKind.RATED) in reported
        conditional = (before.id, LossKind.CONDITIONS) in reported
        assert after.applies_when == before.applies_when or conditional


def rich_forms():
    """Small forms with everything in them that an import looks at."""
    said = {"Type": "STRING_VALUE", "StringValue": "VOICE"}
    source = {"Type": "CONTACT", "ContactField": "CHANNEL"}
    expression = {"Source": source, "Values": [said], "Comparator": "IN"}
    condition = {"Operands": [{"Expression": expression}, {"Condition": {"Operands": []}}]}
    connect = connect_form(
        Enablement={"Condition": condition, "Action": "ENABLE"},
        ScoringConfiguration={"PointsConfiguration": {"IsBonus": False}},
    )
    ranges = [
        {"MinValue": 0, "MaxValue": 3, "Score": 10},
        {
            "MinValue": 4,
            "MaxValue": 9,
            "AutomaticFail": True,
            "AutomaticFailConfiguration": {"TargetSection": "s2"},
        },
    ]
    number = {
        "RefId": "q2",
        "Title": "How often?",
        "QuestionType": "NUMERIC",
        "QuestionTypeProperties": {"Numeric": {"Options": ranges, "Automation": {}}},
    }
    inner = {"RefId": "s2", "Title": "Inside", "Weight": 5, "Items": [{"Question": number}]}
    connect["Items"][0]["Section"]["Items"].append({"Section": inner})
    google = google_form(tags=["A", "B"], order=1)
    google["qaQuestions"] *= 2
    genesys = genesys_form(
        isKill=True,
        visibilityCondition={"predicates": ["../question/0/answer/0"]},
        defaultAnswer={"id": "y"},
    )
    genesys["questionGroups"] *= 2
    return {"connect": connect, "google": google, "genesys": genesys}


JUNK = [None, True, -1, 0, 7.5, 10**400, "", "text", "\ud800", [], {}, [[]], [{}], {"a": {}}]


def mutated(form, seed):
    """A form with some of its values, keys and lists changed for others."""
    rng = random.Random(seed)
    form = copy.deepcopy(form)
    for _ in range(rng.randint(1, 4)):
        node, at = form, None
        while isinstance(node, dict | list) and node and (at is None or rng.random() < 0.8):
            holder = node
            at = rng.choice(list(node) if isinstance(node, dict) else range(len(node)))
            node = holder[at]
        if rng.random() < 0.2:
            del holder[at]
        elif rng.random() < 0.2 and isinstance(holder, list):
            holder.append(copy.deepcopy(node))
        else:
            holder[at] = rng.choice(JUNK)
        if not form:
            break
    return form


@pytest.mark.parametrize("vendor", VENDORS)
@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_damaged_form_gives_a_scorecard_or_an_error_that_says_why(vendor, seed):
    form = mutated(rich_forms()[vendor], seed)
    try:
        card = import_form(form, vendor=vendor).card
    except ScorecardError as error:
        said = str(error)
    else:
        said = "form: a scorecard"
        assert Scorecard.model_validate(parse_yaml(as_yaml(card), name="card")) == card
    assert all(line.startswith("form: ") for line in said.splitlines())


@pytest.mark.parametrize("vendor", VENDORS)
def test_totals_are_the_same_there_and_back(vendor, total):
    card = load_scorecard("support-core")
    back = import_form(export_form(card, vendor).form).card
    rng = random.Random(5)
    for _ in range(20):
        levels = {c.id: rng.choice([*c.scale, None]) for c in card.criteria}
        for critical in ("identity_before_details", "no_card_read_back"):
            levels[critical] = 1  # Google has no critical questions
        assert total(back, **levels) == pytest.approx(total(card, **levels), abs=0.01)
