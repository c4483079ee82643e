# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 4. What drives CSAT
#
# A scorecard has seventeen questions. Which of them do customers feel? Which do nothing for them,
# which go the wrong way, and should the weights change?
#
# **The centre here is simulated** (`autoqa.simulate`): each criterion's effect on satisfaction was
# planted, so every answer can be held against the truth. With your own data only the left half of
# each comparison exists.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

import autoqa
from autoqa import RaterKind, Rating, Status
from autoqa.evaluation.claims import claim_data, run_claims
from autoqa.evaluation.drivers import (
    conversation_covariates,
    csat_drivers,
    driver_table,
    realign,
)
from autoqa.evaluation.plots import plot_dominance, plot_drivers, plot_weights
from autoqa.evaluation.render import show
from autoqa.simulate import CRITERIA, simulate
from autoqa.simulate.settings import SOFT_CRITERIA, UNRESOLVED_SOFT_SHARE

# %matplotlib inline
pd.set_option("display.max_colwidth", 120, "display.precision", 2)

card = autoqa.load_scorecard("support-core")

# %% [markdown]
# ## The data
#
# 2000 simulated conversations of 60 agents, all evaluated, of which two in five customers answered,
# at random (who answers is a question of notebook 3). Few centres have that many evaluations; many
# have that many *automated* ones, which go in the same place. Ratings with errors make effects look
# smaller than they are.

# %%
centre = simulate(
    conversations=2000,
    languages=("en",),
    agents=60,
    review_share=1.0,
    double_review_share=0.0,
    survey_response=(0.4, 0.4, 0.4, 0.4, 0.4),
)
transcripts = [one.transcript for one in centre.conversations]
ratings = [rating for one in centre.conversations for rating in one.ratings]
surveys = [survey for one in centre.conversations for survey in one.surveys]
agents = {one.conversation_id: one.agent for one in transcripts}
covariates = conversation_covariates(transcripts, attributes=["transferred", "held"])
table = driver_table(ratings, surveys, card=card, agents=agents, covariates=covariates)
print(f"{len(transcripts)} conversations, {len(surveys)} surveys (simulated)")

# %% [markdown]
# Topic, channel, handle time, transfers and holds are held constant. Whether the problem was
# *resolved* is not: good answers bring that about, and holding it constant would take their effect
# away.
#
# ## Which criteria move CSAT?
#
# One ordinal regression with all criteria at once. A criterion is a driver only where its effect
# stands out after correcting for seventeen tests, and has *no effect* only where the interval lies
# inside the band. Everything else is "not enough data", which is no evidence of no effect.

# %%
drivers = csat_drivers(table, n_resamples=200)
plot_drivers(drivers)

# %% [markdown]
# The right panel asks at which end a criterion works: does meeting it *prevent* dissatisfied
# customers, or *lift* content ones to the top box? A word at the margin means that the difference
# stands out; where there is none, the data cannot tell.

# %%
Markdown("\n".join(f"* {line}" for line in drivers.summary()))

# %% [markdown]
# How much of the variation is each worth? Shapley shares, which add up to what all criteria explain
# together. The rest is mood, luck, and what the company did before the call.

# %%
plot_dominance(drivers)

# %% [markdown]
# ## The planted truth
#
# Per level met, the simulation adds a fixed number of points to satisfaction; where the customer
# got no answer at all, soft criteria still spoil as much, and lift about a third as much. Reviewers
# err. So a second look, at the levels that the simulation really planted, as if reviewers never
# did:

# %%
faultless = [
    Rating(
        conversation_id=one.conversation_id,
        criterion=criterion,
        rater="truth",
        kind=RaterKind.HUMAN,
        status=Status.NOT_APPLICABLE if level is None else Status.RATED,
        level=level,
    )
    for one in centre.truth.conversations
    for criterion, level in one.levels.items()
]
known = driver_table(faultless, surveys, card=card, agents=agents, covariates=covariates)
without_errors = csat_drivers(known, n_resamples=50)

unanswered = np.mean([one.levels["answer"] == 0 for one in centre.truth.conversations])
lift = dict.fromkeys(SOFT_CRITERIA, 1 - unanswered * (1 - UNRESOLVED_SOFT_SHARE))
average = {name: np.dot(one.scale, one.base_rates) for name, one in CRITERIA.items()}
effects = pd.DataFrame(
    {
        "criterion": name,
        "planted": one.satisfaction
        * (average[name] - one.scale[0] + lift.get(name, 1) * (one.scale[-1] - average[name])),
        "found": 4 * drivers[name].effect.value,
        "low": 4 * drivers[name].effect.low,
        "high": 4 * drivers[name].effect.high,
        "without errors": 4 * without_errors[name].effect.value,
        "verdict": str(drivers[name].verdict),
    }
    for name, one in CRITERIA.items()
).sort_values("planted", ignore_index=True)

figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
axes.hlines(effects.index, effects.low, effects.high, color="#0072B2")
axes.plot(effects.found, effects.index, "o", color="#0072B2", label="found, 95 % interval")
axes.plot(
    effects["without errors"], effects.index, "x", color="#222222", label="had reviewers not erred"
)
axes.plot(
    effects.planted, effects.index, "D", color="#D55E00", mfc="none", label="planted, on average"
)
axes.axvline(0, color="grey", linewidth=0.8)
axes.set_yticks(effects.index, effects.criterion)
axes.set(xlabel="CSAT points (1 to 5) from not meeting to meeting, simulated")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False, loc="lower right")
plt.show()

# %% [markdown]
# Errors of rating do two things. They shrink the effect of what was rated badly, and part of it
# turns up at criteria that go along with it: an agent who knows the answer also names next steps
# and a time frame. Agreement between reviewers (notebook 3) tells how much to expect of either.
#
# ## Dead and reversed
#
# Five criteria were planted without any effect (identification, disclosure and their like). They
# may still be the law: "customers do not feel it" is a reason to weigh, not to drop.

# %%
effects.groupby("verdict").agg(
    n=("criterion", "size"), planted_mean=("planted", "mean"), criteria=("criterion", ", ".join)
).style.set_properties(**{"text-align": "left"}).format(precision=2)

# %% [markdown]
# Nothing reversed was planted. To see what one looks like, turn a criterion around, as a form does
# whose levels were entered in the wrong order:

# %%
top = card.criterion("answer").scale[-1]
wrong_form = [
    replace(one, level=top - one.level)
    if one.criterion == "answer" and one.level is not None
    else one
    for one in ratings
]
turned = driver_table(wrong_form, surveys, card=card, agents=agents, covariates=covariates)
found = csat_drivers(turned, n_resamples=50)["answer"]
print(f"answer: {found.verdict}, effect {show(found.effect, with_n=True)}")

# %% [markdown]
# ## Should the weights change?
#
# `realign` looks for weights whose totals go with CSAT more closely. Critical criteria keep their
# floor, weights stay at 0 or more and add up to 100, and the gain is measured on agents that the
# weights were not fitted to.

# %%
advice = realign(table, card, n_resamples=300)
plot_weights(advice)

# %%
Markdown("\n".join(f"* {line}" for line in advice.summary()))

# %% [markdown]
# It is advice: nothing was changed. Agents whose rank would move most are the people to talk to
# before anybody decides:

# %%
moves = pd.DataFrame(
    {
        "agent": one.agent,
        "n": one.n,
        "total now": one.total_before,
        "after": one.total_after,
        "ranks gained": one.rank_before - one.rank_after,
    }
    for one in advice.simulation.agents
)
moves.iloc[np.argsort(-moves["ranks gained"].abs().to_numpy(), kind="stable")].head(6)

# %% [markdown]
# ## What practitioners claim
#
# Much is said about quality and satisfaction. Each claim is a declared test here: supported, not
# supported, or not enough data with the number of conversations that would be.

# %%
claims = run_claims(
    claim_data(
        ratings,
        surveys,
        centre.conversations,
        card=card,
        failure_topics=["outage", "late_delivery", "double_charge"],
    ),
    n_resamples=300,
)
claims

# %% [markdown]
# Of a simulated centre these verdicts say what was planted in it, nothing about the world. Is it
# the agents, or what people call about? Three topics were planted as a fault of the company:

# %%
by_topic = pd.DataFrame(
    {"topic": one.transcript.topic, "dissatisfied": survey.score <= 2}
    for one in centre.conversations
    for survey in one.surveys
)
planted = pd.DataFrame(
    {"topic": one.topic, "system problem": one.system, "planted effect": one.satisfaction_effect}
    for one in centre.truth.topics
).set_index("topic")
by_topic.groupby("topic").dissatisfied.agg(["mean", "size"]).join(planted.round(2)).sort_values(
    "mean", ascending=False
)

# %% [markdown]
# ## Next
#
# * These are associations. Before you train a team on a driver, train half of it and compare.
# * Read conversations of a reversed criterion first: the form, the question or the raters are
#   wrong more often than the customers.
# * Not enough data? `needed` in the table of claims says how many conversations, and notebook 5
#   how to choose reviews.
# * On the command line: `autoqa claims run`, and `autoqa report` for all of it.
