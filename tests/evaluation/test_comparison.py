import json
import math

import numpy as np
import pytest

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.agreement import krippendorff_alpha, quadratic_kappa
from autoqa.evaluation.comparison import compare
from autoqa.evaluation.figures import Verdict
from autoqa.records import CSAT, RaterKind, Rating, Status, Survey
from autoqa.scorecard.schema import Scorecard

CARD = Scorecard.model_validate(
    {
        "id": "desk",
        "version": 2,
        "sections": [
            {
                "id": "all",
                "criteria": [
                    {
                        "id": "empathy",
                        "question": "Was the problem acknowledged?",
                        "levels": {0: "no", 1: "somewhat", 2: "clearly"},
                        "weight": 30,
                    },
                    {
                        "id": "recap",
                        "question": "Was the agreement summed up?",
                        "levels": {0: "no", 1: "yes"},
                        "weight": 70,
                    },
                ],
            }
        ],
    }
)


def rating(conversation, criterion, level, rater="ann", *, status=None, turn=None, expected=None):
    given = Status(status or Status.RATED)
    return Rating(
        conversation_id=conversation,
        criterion=criterion,
        rater=rater,
        kind=RaterKind.MODEL if rater == "model" else RaterKind.HUMAN,
        status=given,
        level=level if given is Status.RATED else None,
        turn=turn,
        expected=expected,
        reason="" if given in (Status.RATED, Status.NOT_APPLICABLE) else "unsure",
    )


def noisy(levels, error, n_levels, rng):
    wrong = rng.random(levels.size) < error
    return np.where(wrong, rng.integers(0, n_levels, levels.size), levels)


def centre(n=120, *, model_error=0.2, human_error=0.2, raters=("ann", "bo"), seed=0):
    """Two criteria, rated by a model and by people who err as often as asked."""
    rng = np.random.default_rng(seed)
    machine, people, surveys = [], [], []
    quality = rng.random(n)
    for criterion, n_levels in (("empathy", 3), ("recap", 2)):
        truth = np.clip((quality + 0.3 * rng.normal(size=n)) * n_levels, 0, n_levels - 1e-9)
        truth = truth.astype(int)
        for i, level in enumerate(noisy(truth, model_error, n_levels, rng)):
            machine.append(rating(f"c{i:03}", criterion, int(level), "model"))
        for name in raters:
            for i, level in enumerate(noisy(truth, human_error, n_levels, rng)):
                people.append(rating(f"c{i:03}", criterion, int(level), name))
    for i in range(0, n, 2):
        score = int(np.clip(round(1 + 4 * quality[i] + rng.normal() * 0.5), 1, 5))
        surveys.append(Survey(conversation_id=f"c{i:03}", score=score, scale=(1, 5)))
    return machine, people, surveys


def of(comparison, criterion):
    return next(c for c in comparison.criteria if c.criterion == criterion)


def levels(ratings, criterion, rater):
    return [r.level for r in ratings if r.criterion == criterion and r.rater == rater]


def test_with_one_human_the_figures_are_the_plain_coefficients():
    machine, people, _ = centre(raters=("ann",))
    found = of(compare(machine, people, card=CARD, n_resamples=50), "empathy")
    a, b = levels(machine, "empathy", "model"), levels(people, "empathy", "ann")
    kappa, alpha = found.figures["quadratic_kappa"], found.figures["krippendorff_alpha"]
    assert kappa.automated.value == pytest.approx(quadratic_kappa(a, b, levels=(0, 1, 2)))
    assert alpha.automated.value == pytest.approx(krippendorff_alpha([a, b]))
    assert kappa.automated.low < kappa.automated.value < kappa.automated.high
    assert (kappa.automated.n, kappa.ceiling) == (120, None)
    assert kappa.verdict is Verdict.NO_CEILING


def test_with_two_humans_the_ceiling_is_their_own_agreement():
    machine, people, _ = centre()
    found = of(compare(machine, people, card=CARD, n_resamples=50), "empathy")
    ann, bo = levels(people, "empathy", "ann"), levels(people, "empathy", "bo")
    # Pairs are counted both ways, so that neither person's use of the scale comes first.
    both_ways = quadratic_kappa(ann + bo, bo + ann, levels=(0, 1, 2))
    assert found.figures["quadratic_kappa"].ceiling.value == pytest.approx(both_ways)
    alpha = found.figures["krippendorff_alpha"].ceiling.value
    assert alpha == pytest.approx(krippendorff_alpha([ann, bo]))
    assert (found.n_items, found.n_human_ratings) == (120, 240)


def test_alpha_of_people_is_krippendorffs_when_raters_per_item_differ():
    machine, people, _ = centre(n=60, raters=("ann", "bo", "cy"))
    people = [r for r in people if not (r.rater == "cy" and int(r.conversation_id[1:]) % 3)]
    people = [r for r in people if not (r.rater == "bo" and int(r.conversation_id[1:]) > 40)]
    found = of(compare(machine, people, card=CARD, n_resamples=20), "empathy")
    matrix = np.full((3, 60), np.nan)
    for r in people:
        if r.criterion == "empathy":
            matrix[["ann", "bo", "cy"].index(r.rater), int(r.conversation_id[1:])] = r.level
    alpha = found.figures["krippendorff_alpha"].ceiling
    assert alpha.value == pytest.approx(krippendorff_alpha(matrix))
    assert alpha.n == int(((~np.isnan(matrix)).sum(axis=0) >= 2).sum())


def test_every_item_counts_once_however_many_people_rated_it():
    machine = [rating("a", "empathy", 1, "model"), rating("b", "empathy", 1, "model")]
    people = [rating("a", "empathy", 1, name) for name in ("x", "y", "z")]
    people += [rating("b", "empathy", 0, "x")]
    found = of(compare(machine, people, card=CARD, n_resamples=20), "empathy")
    assert found.figures["exact"].automated.value == 0.5  # not 3 of 4 pairs
    assert found.human_levels == {0: 0.5, 1: 0.5, 2: 0.0}


def test_a_model_that_errs_like_people_agrees_as_well_as_they_do():
    machine, people, _ = centre(n=600)
    verdict = of(compare(machine, people, card=CARD), "empathy").figures["quadratic_kappa"].verdict
    assert verdict is Verdict.AS_PEOPLE


def test_a_model_that_guesses_agrees_less_than_people_do():
    machine, people, _ = centre(n=300, model_error=0.9)
    figure = of(compare(machine, people, card=CARD), "empathy").figures["quadratic_kappa"]
    assert figure.verdict is Verdict.BELOW_PEOPLE
    assert figure.gap.high < 0


def test_few_conversations_allow_no_verdict():
    machine, people, _ = centre(n=12)
    found = compare(machine, people, card=CARD, n_resamples=100)
    assert of(found, "empathy").figures["quadratic_kappa"].verdict is Verdict.UNCERTAIN
    assert "empathy: 12 conversations only; the figures are rough." in found.caveats


def test_against_the_consensus_machine_and_people_face_the_same_others():
    machine, people, _ = centre(n=200, raters=("ann", "bo", "cy", "di", "ed"))
    found = of(compare(machine, people, card=CARD, n_resamples=50), "empathy")
    figure = found.consensus["quadratic_kappa"]
    pairs = found.figures["quadratic_kappa"]
    assert figure.ceiling.value > pairs.ceiling.value  # others together are a steadier target
    assert figure.gap.value == pytest.approx(
        figure.automated_same_items.value - figure.ceiling.value
    )
    two = of(compare(*centre()[:2], card=CARD, n_resamples=20), "empathy")
    assert two.consensus["quadratic_kappa"].ceiling is None


def test_a_consensus_between_two_levels_counts_half_each():
    # ann and bo say 0 and 1 on a, so half of the model's 1 agrees; both say 2 on b, 0 and 2 on c
    said = {"a": (0, 1, 1), "b": (2, 2, 2), "c": (0, 2, 1)}
    machine = [rating(name, "empathy", level, "model") for name, (_, _, level) in said.items()]
    people = [rating(name, "empathy", ann) for name, (ann, _, _) in said.items()]
    people += [rating(name, "empathy", bo, "bo") for name, (_, bo, _) in said.items()]
    found = of(compare(machine, people, card=CARD, n_resamples=20), "empathy")
    assert found.consensus["exact"].automated.value == pytest.approx((0.5 + 1 + 1) / 3)


def test_turns_are_items_of_their_conversation():
    machine = [rating(f"c{i % 5}", "empathy", i % 2, "model", turn=i) for i in range(40)]
    people = [rating(f"c{i % 5}", "empathy", i % 3 % 2, turn=i) for i in range(40)]
    people += [rating("c0", "empathy", 1)]  # the whole conversation is another item
    found = of(compare(machine, people, card=CARD, n_resamples=20), "empathy")
    assert (found.n_items, found.n_conversations) == (40, 5)
    assert found.figures["exact"].automated.n_clusters == 5


def test_agents_are_resampled_where_they_are_known():
    machine, people, _ = centre(n=60)
    agents = {f"c{i:03}": f"agent{i % 6}" for i in range(59)}
    found = compare(machine, people, card=CARD, agents=agents, n_resamples=20)
    assert found.clustered_by == "agent"
    assert of(found, "recap").figures["exact"].automated.n_clusters == 7  # six and one alone
    assert any("Intervals resample 6 agents" in caveat for caveat in found.caveats)
    assert any("1 scored conversations have no agent" in caveat for caveat in found.caveats)


def test_not_applicable_is_compared_apart_and_abstention_is_coverage():
    machine, people = [], []
    for i in range(40):
        status = "not_applicable" if i < 10 else "abstained" if i < 20 else None
        machine.append(rating(f"c{i:02}", "recap", i % 2, "model", status=status))
        people.append(
            rating(f"c{i:02}", "recap", i % 2, status="not_applicable" if i < 5 else None)
        )
    people.append(rating("c99", "recap", 1))
    found = of(compare(machine, people, card=CARD, n_resamples=50), "recap")
    assert found.n_items == 20
    assert found.figures["exact"].automated.value == 1.0
    cover = found.coverage
    assert (cover.rated, cover.not_applicable, cover.abstained, cover.missing) == (20, 10, 10, 1)
    assert cover.answered.value == pytest.approx(30 / 41)
    # of the 30 items that both answered, 5 + 20 are seen alike
    assert found.applicability.figures["exact"].automated.value == pytest.approx(25 / 30)
    assert found.applicability.human_not_applicable.value == pytest.approx(5 / 30)
    caveats = compare(machine, people, card=CARD, n_resamples=20).caveats
    assert any("11 of 41 items have no automated answer" in caveat for caveat in caveats)


def test_applicability_is_left_out_where_nobody_said_not_applicable():
    machine, people, _ = centre(n=20)
    assert of(compare(machine, people, card=CARD, n_resamples=20), "recap").applicability is None


def test_severity_is_the_mean_difference_in_levels():
    machine = [rating(f"c{i}", "empathy", 2, "model") for i in range(10)]
    people = [rating(f"c{i}", "empathy", 1, name) for i in range(10) for name in ("x", "y")]
    found = of(compare(machine, people, card=CARD, n_resamples=20), "empathy")
    assert found.mean_difference.value == 1.0


def test_a_dominant_level_and_disagreeing_people_are_said():
    rng = np.random.default_rng(1)
    machine = [rating(f"c{i}", "recap", 1, "model") for i in range(50)]
    people = [rating(f"c{i}", "recap", int(i > 1), "ann") for i in range(50)]
    machine += [rating(f"c{i}", "empathy", int(rng.integers(3)), "model") for i in range(50)]
    people += [
        rating(f"c{i}", "empathy", int(rng.integers(3)), name)
        for i in range(50)
        for name in ("ann", "bo")
    ]
    caveats = "\n".join(compare(machine, people, card=CARD, n_resamples=20).caveats)
    assert "recap: 96% of the human ratings are level 1" in caveats
    assert "empathy: people hardly agree with each other" in caveats
    assert "recap: no item has two human ratings" in caveats


def test_totals_follow_the_scorecards_weights():
    # empathy 2 of 2 earns 30, recap 0 or 1 earns 0 or 70
    machine = [rating("a", "empathy", 2, "model"), rating("a", "recap", 0, "model")]
    machine += [rating("b", "empathy", 2, "model"), rating("b", "recap", 1, "model")]
    people = [rating("a", "empathy", 1), rating("a", "recap", 0)]
    people += [rating("b", "empathy", 2), rating("b", "recap", 1)]
    totals = compare(machine, people, card=CARD, n_resamples=20).totals
    assert totals.figures["mae"].automated.value == pytest.approx((abs(30 - 15) + 0) / 2)
    assert totals.mean_difference.value == pytest.approx(7.5)
    without = compare(machine, people, scales={"empathy": (0, 2)}, n_resamples=20).totals
    # mean shares of the scale: a (1 + 0) / 2 and (0.5 + 0) / 2
    assert without.figures["mae"].automated.value == pytest.approx(25 / 2)


def test_totals_rest_on_the_criteria_that_both_sides_rated():
    machine, people, _ = centre(n=30)
    only_empathy = [r for r in people if r.criterion == "empathy"]
    totals = compare(machine, only_empathy, card=CARD, n_resamples=20).totals
    assert totals.criteria == ("empathy",)
    same = [r for r in machine if r.criterion == "empathy"]
    again = compare(same, only_empathy, card=CARD, n_resamples=20).totals
    assert totals == again


def test_totals_stand_beside_those_of_two_people():
    machine, people, _ = centre(n=150)
    figures = compare(machine, people, card=CARD, n_resamples=100).totals.figures
    for figure in figures.values():
        assert figure.ceiling.known
        assert figure.gap.value == pytest.approx(
            figure.automated_same_items.value - figure.ceiling.value
        )
    assert figures["icc_2_1"].automated.value == pytest.approx(
        figures["icc_2_1"].ceiling.value, abs=0.15
    )
    assert not figures["mae"].higher_is_better


def test_several_scorers_may_fill_in_one_form():
    machine, people, _ = centre(n=20)
    split = [
        rating(r.conversation_id, r.criterion, r.level, "rules" if r.criterion == "recap" else "m")
        for r in machine
    ]
    together = compare(machine, people, card=CARD, n_resamples=20).totals
    assert compare(split, people, card=CARD, n_resamples=20).totals == together


def test_csat_is_related_to_both_totals_and_to_their_difference():
    machine, people, surveys = centre(n=400, model_error=0.9, human_error=0.05)
    found = compare(machine, people, card=CARD, surveys=surveys, n_resamples=200).csat
    assert found.human["spearman"].low > 0.2
    assert found.paired["difference"]["spearman"].high < 0
    assert found.n_surveyed == 200
    assert found.bands.excellent.n + found.bands.below.n == 200


def test_predicted_csat_is_compared_with_the_survey_and_kept_out_of_totals():
    machine, people, surveys = centre(n=100)
    with_csat = machine + [
        rating(s.conversation_id, CSAT, round(s.score), "model", expected=min(s.score + 0.5, 5))
        for s in surveys
    ]
    found = compare(with_csat, people, card=CARD, surveys=surveys, n_resamples=50)
    assert found.csat.predicted["spearman"].value > 0.95
    assert found.csat.predicted["mae"].value == pytest.approx(
        np.mean([min(s.score + 0.5, 5) - s.score for s in surveys])
    )
    assert found.totals == compare(machine, people, card=CARD, n_resamples=50).totals


def test_agents_are_compared_when_there_are_enough_of_them():
    machine, people, surveys = centre(n=200)
    agents = {f"c{i:03}": f"agent{i // 20}" for i in range(200)}
    found = compare(machine, people, card=CARD, surveys=surveys, agents=agents, n_resamples=50)
    assert found.csat.agents.n_agents == 10
    assert found.csat.agents.quadrants.agents[0].n_csat == 10
    without = compare(machine, people, card=CARD, surveys=surveys, n_resamples=50)
    assert without.csat.agents is None


def test_surveys_alone_can_be_compared_without_people():
    machine, _, surveys = centre(n=60)
    found = compare(machine, [], card=CARD, surveys=surveys, n_resamples=50)
    assert found.criteria == ()
    assert found.totals is None
    assert found.csat.human is None
    assert any("No human ratings" in caveat for caveat in found.caveats)


def test_answers_that_are_not_the_customers_are_said():
    machine, people, _ = centre(n=40)
    surveys = [
        Survey(conversation_id=f"c{i:03}", score=1 + i % 5, scale=(1, 5), given_by="annotator")
        for i in range(10)
    ]
    caveats = compare(machine, people, card=CARD, surveys=surveys, n_resamples=20).caveats
    assert any("10 of 10 satisfaction answers were not given by the customer" in c for c in caveats)
    assert any("CSAT rests on 10 surveyed conversations only" in c for c in caveats)
    assert any("25% of the scored conversations have a survey answer" in c for c in caveats)


def test_nothing_in_common_names_examples_of_both_sides():
    mine, theirs = [rating("a1", "recap", 1, "model")], [rating("b1", "recap", 1)]
    with pytest.raises(DataError, match=r"Automated: a1\. Human: b1\."):
        compare(mine, theirs)
    with pytest.raises(DataError, match=r"no criterion in common\. Automated: recap\. Human: tone"):
        compare(mine, [rating("a1", "tone", 1)])
    with pytest.raises(DataError, match=r"Scored: a1\. Surveyed: z\."):
        compare(mine, [], surveys=[Survey(conversation_id="z", score=1, scale=(1, 5))])
    with pytest.raises(DataError, match="neither human ratings nor surveys"):
        compare(mine, [])
    with pytest.raises(DataError, match="no automated ratings"):
        compare([], theirs)
    with pytest.raises(DataError, match=r"Human: a1 turn 4\."):  # people count from 1
        compare(mine, [rating("a1", "recap", 1, turn=3)])


def test_two_automated_raters_of_one_item_are_refused():
    twice = [rating("a", "recap", 1, "model"), rating("a", "recap", 0, "other")]
    with pytest.raises(DataError, match="a/recap: two automated ratings, by 'model' and 'other'"):
        compare(twice, [rating("a", "recap", 1)])
    after_a_turn = [rating("a", "recap", 1, rater, turn=0) for rater in ("model", "other")]
    with pytest.raises(DataError, match="a turn 1/recap: two automated ratings"):
        compare(after_a_turn, [rating("a", "recap", 1)])


def test_a_rating_given_again_replaces_the_first_and_is_counted():
    machine, people, _ = centre(n=30)
    changed = [*people, rating("c000", "recap", 1 - levels(people, "recap", "ann")[0])]
    found = compare(machine, changed, card=CARD, n_resamples=20)
    assert any("1 human ratings were given again" in caveat for caveat in found.caveats)
    assert of(found, "recap").n_human_ratings == 60


def test_a_level_off_the_scale_names_its_rating():
    with pytest.raises(ScaleError, match="a/recap: level 4 by 'ann' is not one of the levels 0, 1"):
        compare([rating("a", "recap", 1, "model")], [rating("a", "recap", 4)], card=CARD)


def test_without_a_scorecard_the_scale_comes_from_the_data_and_that_is_said():
    machine, people, _ = centre(n=30)
    found = compare(machine, people, n_resamples=20)
    assert of(found, "empathy").levels == (0, 1, 2)
    assert any("Levels of empathy, recap are taken from the data" in c for c in found.caveats)
    given = compare(machine, people, scales={"empathy": (0, 4), "recap": (0, 1)}, n_resamples=20)
    assert of(given, "empathy").levels == (0, 1, 2, 3, 4)
    assert not any("taken from the data" in c for c in given.caveats)


def test_two_levels_have_no_near_misses():
    machine, people, _ = centre(n=30)
    found = compare(machine, people, card=CARD, n_resamples=20)
    assert "within_one" not in of(found, "recap").figures
    assert "within_one" in of(found, "empathy").figures


def test_one_level_only_is_undefined_and_no_error():
    machine = [rating(f"c{i}", "tone", 3, "model") for i in range(5)]
    people = [rating(f"c{i}", "tone", 3, name) for i in range(5) for name in ("x", "y")]
    found = compare(machine, people, n_resamples=20)
    assert math.isnan(of(found, "tone").figures["quadratic_kappa"].automated.value)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))


def test_nothing_rated_on_both_sides_is_reported_not_raised():
    machine = [rating("a", "recap", None, "model", status="failed")]
    found = compare(machine, [rating("a", "recap", 1)], card=CARD, n_resamples=20)
    assert of(found, "recap").n_items == 0
    assert of(found, "recap").coverage.failed == 1
    assert found.totals is None
    assert any("no item that both sides rated" in caveat for caveat in found.caveats)
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_result_is_plain_json_with_an_n_at_every_figure_and_the_same_every_time():
    machine, people, surveys = centre(n=60)
    first, second = (
        compare(machine, people, card=CARD, surveys=surveys, n_resamples=50).to_dict()
        for _ in range(2)
    )
    stored = json.dumps(first, allow_nan=False)
    assert stored == json.dumps(second, allow_nan=False)
    assert first["schema_version"] == 1
    assert first["scorecard"] == "desk version 2"
    kappa = first["criteria"][0]["figures"]["quadratic_kappa"]
    assert kappa["automated"].keys() == {"value", "low", "high", "n", "n_clusters"}
    assert kappa["verdict"] in set(Verdict)


def test_order_of_ratings_does_not_matter():
    machine, people, surveys = centre(n=40)
    forward = compare(machine, people, card=CARD, surveys=surveys, n_resamples=30)
    backward = compare(
        machine[::-1], people[::-1], card=CARD, surveys=surveys[::-1], n_resamples=30
    )
    assert forward.to_dict() == backward.to_dict()
