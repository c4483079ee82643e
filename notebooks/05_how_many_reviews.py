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
# # 5. How many reviews do I need?
#
# Listening is the expensive part. Automated scores can say *where* to listen, and make every review
# count for more. Three questions: what do targeted reviews find, what do they spoil, and how many
# reviews does a mean need?
#
# **The centre here is simulated** (`autoqa.simulate`), and every conversation of it was reviewed,
# so that each shortcut can be held against the whole.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import rankdata

import autoqa
from autoqa.evaluation import (
    compare_policies,
    plan_reviews,
    prediction_powered_means,
    review_yield,
    reviews_needed,
)
from autoqa.evaluation.plots import plot_policies, plot_review_yield, plot_team_means
from autoqa.evaluation.render import show
from autoqa.simulate import simulate

# %matplotlib inline
pd.set_option("display.max_colwidth", 120, "display.precision", 1)

card = autoqa.load_scorecard("support-core")

# %% [markdown]
# ## The data
#
# 800 simulated conversations in two languages, scored by rules, and each reviewed by a person.

# %%
centre = simulate(
    conversations=800,
    languages=("en", "es"),
    agents=24,
    review_share=1.0,
    double_review_share=0.0,
)
scored = autoqa.ScoringSetup(card).score([one.transcript for one in centre.conversations])
totals = pd.DataFrame(
    {
        "team": one.transcript.team,
        "people": autoqa.evaluate(one.ratings, card).total,
        "automated": evaluation.total,
    }
    for one, evaluation in zip(centre.conversations, scored.evaluations, strict=True)
)
people, automated = totals.people.to_numpy(), totals.automated.to_numpy()

figure, axes = plt.subplots(figsize=(4.6, 4), layout="constrained")
axes.plot(automated, people, "o", alpha=0.25, markersize=4, markeredgewidth=0)
axes.set(
    xlabel="automated total",
    ylabel="total by a person",
    title=f"n={len(totals)} simulated, correlation {np.corrcoef(people, automated)[0, 1]:.2f}",
)
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# A total of 0 is a failed critical criterion.
#
# ## What do targeted reviews find?
#
# Call a conversation bad where a person's total is below 40. Reviewing the lowest automated totals
# first, how many of them are found, and how many by random listening?

# %%
bad = people < 40
found = review_yield(-automated, bad, n_resamples=300)
plot_review_yield(found)

# %%
pd.DataFrame(
    {
        "reviews": one.reviews,
        "found": show(one.found, digits=0),
        "at random": one.random,
        "times as many": show(one.enrichment, digits=1),
    }
    for one in found.at
)

# %% [markdown]
# On real data the order is never this good. Draw the same curve on yours, from a *random* sample of
# reviews: flagged ones alone cannot say what random listening finds.
#
# ## What do they spoil?
#
# Reviews of flagged conversations say nothing about the others. The mean of 80 flagged reviews is
# the mean of the worst. An honest share of audits, drawn at random with known probabilities, mends
# that:

# %%
worst = np.argsort(automated, kind="stable")[:80]
plan = plan_reviews(-automated, budget=80, audit_share=0.5)
audited = prediction_powered_means(
    np.where(plan.chosen, people, np.nan), automated, probabilities=plan.probabilities
)[0]
pd.Series(
    {
        "mean of flagged reviews": f"{people[worst].mean():.1f}",
        "half audits, weighted": show(audited.human_only, digits=1),
        "half audits, weighted, and all scores": show(audited.estimate, digits=1),
        "truth (all reviewed)": f"{people.mean():.1f}",
        "bad ones found, flagged only": f"{bad[worst].sum()}",
        "bad ones found, half audits": f"{bad[plan.chosen].sum()}",
        "bad ones found, at random": f"{80 * bad.mean():.0f}",
    },
    name="80 reviews (simulated)",
).to_frame()

# %% [markdown]
# Was that luck? Each way of choosing, drawn again and again:

# %%
likely_bad = (rankdata(-automated) - 0.5) / len(automated)
policies = compare_policies(likely_bad, bad, budget=80, values=people, audit_share=0.5)
plot_policies(policies)

# %% [markdown]
# Flagging alone finds most and is always off. Keep a part of the reviews random, and write down
# each conversation's probability of being drawn: without it, no estimate can be saved later.
#
# ## Team means from few reviews
#
# Review 60 random conversations of each team, score everything. The estimate is what people would
# have said about *all* conversations; however wrong the automated scores are, it is right on
# average, and where they are good it is sharper.

# %%
drawn = totals.index.isin(totals.groupby("team").sample(60, random_state=7).index)
means = prediction_powered_means(
    np.where(drawn, people, np.nan), automated, probabilities="equal", groups=totals.team
)
plot_team_means(means)

# %%
truth = totals.groupby("team").people.mean()
pd.DataFrame(
    {
        "team": one.group,
        "reviews": one.estimate.n,
        "reviews alone": show(one.human_only, digits=1),
        "with all scores": show(one.estimate, digits=1),
        "scores alone": one.automated_mean,
        "truth": truth[one.group],
        "reviews saved": one.saved_reviews,
    }
    for one in means
).set_index("team")

# %% [markdown]
# One interval in twenty may miss the truth. Is it one in twenty? Two hundred draws, with 30 and
# with 60 reviews per team:

# %%
kept = []
for n_reviews in (30, 60):
    for seed in range(200):
        drawn = totals.index.isin(totals.groupby("team").sample(n_reviews, random_state=seed).index)
        kept += [
            {
                "reviews per team": n_reviews,
                "with all scores": one.estimate.low <= truth[one.group] <= one.estimate.high,
                "reviews alone": one.human_only.low <= truth[one.group] <= one.human_only.high,
            }
            for one in prediction_powered_means(
                np.where(drawn, people, np.nan),
                automated,
                probabilities="equal",
                groups=totals.team,
            )
        ]
(100 * pd.DataFrame(kept).groupby("reviews per team").mean()).round(0).add_suffix(", % kept")

# %% [markdown]
# About one conversation in twenty fails a critical criterion for a person and passes by the rules,
# or the other way round: rare errors of 70 points. Thirty reviews may hold none, and then look
# sharper than they are. Where errors are rare and large, take 50 reviews of a team or more.
#
# ## So, how many?
#
# What a mean needs follows from how much totals scatter and how well the scores go with people's. A
# pilot of 50 random reviews gives you both. Half-widths in points of 100:

# %%
pilot = np.random.default_rng(8).choice(len(totals), 50, replace=False)
spread = people[pilot].std(ddof=1)
correlation = np.corrcoef(people[pilot], automated[pilot])[0, 1]
per_team = len(totals) // totals.team.nunique()
needed = {
    half_width: reviews_needed(
        half_width, spread=spread, correlation=correlation, n_scored=per_team
    )
    for half_width in (2, 3, 5, 8)
}
print(f"spread {spread:.0f} points, correlation {correlation:.2f}, {per_team} scored per team")
pd.DataFrame(
    {
        "interval of ±": half_width,
        "reviews by people alone": one.human_only,
        "with automated scores": one.with_scores,
    }
    for half_width, one in needed.items()
).set_index("interval of ±")

# %% [markdown]
# And if the scores were worse? The saving shrinks with the square of the correlation; below 0.5 it
# is less than a quarter.

# %%
worse = np.linspace(0, 0.95, 20)
reviews = [
    reviews_needed(3, spread=spread, correlation=one, n_scored=2000).with_scores for one in worse
]
figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.plot(worse, reviews, "o-", markersize=3)
axes.set(
    xlabel="correlation of automated with human totals",
    ylabel="reviews for ± 3 points",
    ylim=(0, None),
    title="one team with 2000 scored conversations",
)
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# ## Next
#
# * Review 50 random conversations of yours; put their spread and correlation into the cell above.
# * Split the month's reviews: most by flag (`autoqa score` writes them), a fifth at random, and
#   keep the probabilities of `plan_reviews` with the reviews.
# * The reviews teach, too: notebook 2 learns from them, and a second reviewer on some of them
#   gives the human ceiling of notebook 3.
