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
# # Score conversations
#
# From a file of conversations to totals, the words that each score rests on, predicted
# satisfaction, and a short list for a person to look at.
#
# The conversations are the 64 in `data/sample`: written for this project, in four languages, about
# a company that does not exist. They show how things work. They cannot show how *well* anything
# works.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import autoqa
from autoqa import Evaluation, Flag, Quarantine, Rating
from autoqa.csat import CsatModel, survey_ratings
from autoqa.simulate import simulate

# %matplotlib inline
pd.set_option("display.max_colwidth", 110, "display.precision", 2)

HERE = Path.cwd()
ROOT = next(folder for folder in (HERE, *HERE.parents) if (folder / "data" / "sample").is_dir())

# %% [markdown]
# ## Read
#
# `read` takes JSONL, Parquet, CSV turn tables, plain text, or a folder of them. A record that
# cannot be used lands in the quarantine with a reason; it neither stops the run nor disappears.

# %%
with Quarantine() as quarantine:
    labelled = list(
        autoqa.read(ROOT / "data" / "sample" / "conversations.jsonl", quarantine=quarantine)
    )
quarantine.summary()

# %%
transcripts = [one.transcript for one in labelled]
pd.crosstab(
    pd.Series([t.language for t in transcripts], name="language"),
    pd.Series([t.channel.value for t in transcripts], name="channel"),
    margins=True,
)

# %% [markdown]
# ## Look at one
#
# Before any score: what was said? This call ends in a transfer.

# %%
call = next(t for t in transcripts if t.conversation_id == "brv-en-09")
pd.DataFrame(
    {
        "starts (s)": [turn.start_s for turn in call.turns],
        "speaker": [turn.speaker.value for turn in call.turns],
        "text": [turn.text for turn in call.turns],
    }
).head(12)

# %% [markdown]
# ## The scorecard
#
# One YAML file drives the form, the scorers, the models and the reports. `support-core` comes with
# the package in English, Spanish, Italian and Chinese; copy it and change what differs for you.

# %%
card = autoqa.load_scorecard("support-core")
card

# %% [markdown]
# ## Score with rules
#
# Without trained models, every criterion is answered by readable rules over phrase books, one per
# language. Texts are redacted first, so what follows shows `[CARD]` where a number was.

# %%
scored = autoqa.ScoringSetup(card).score(transcripts)
evaluations = autoqa.to_pandas(scored.evaluations, Evaluation)
ratings = autoqa.to_pandas(scored.ratings, Rating)
about = pd.DataFrame(
    {
        "conversation_id": [t.conversation_id for t in scored.transcripts],
        "language": [t.language for t in scored.transcripts],
        "channel": [t.channel.value for t in scored.transcripts],
        "agent": [t.agent for t in scored.transcripts],
    }
)
evaluations = evaluations.merge(about, on="conversation_id")
evaluations["critical failures"] = evaluations.critical_failed.str.join(", ")
evaluations["failed"] = evaluations.critical_failed.str.len() > 0
evaluations[["conversation_id", "agent", "total", "critical failures", "coverage"]].head(8)

# %% [markdown]
# Which conversations score low, and is it the conversation or the language? A language whose
# totals are far from the others' points at its phrase book as much as at its agents.

# %%
figure, axes = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
languages = sorted(evaluations.language.unique())
axes.hist(
    [evaluations.total[evaluations.language == language] for language in languages],
    bins=range(0, 101, 10),
    stacked=True,
    label=languages,
)
axes.set(xlabel="QA total (0: a critical criterion failed)", ylabel="conversations")
axes.legend(frameon=False, ncols=4)
plt.show()

# %%
evaluations.groupby("language").agg(
    n=("total", "size"), median_total=("total", "median"), failed_critical=("failed", "sum")
)

# %% [markdown]
# Where do the points go? The mean share of the scale that was reached, per criterion. A criterion
# that *nobody* meets is more often a rule that misses wording than a centre that never does it:
# read some of its conversations before you coach anybody.

# %%
top = ratings.criterion.map({c.id: c.scale[-1] for c in card.criteria})
ratings["reached"] = ratings.level / top
reached = ratings.groupby("criterion", sort=False).reached.agg(["mean", "count"])

figure, axes = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
axes.barh([f"{name} (n={row['count']:.0f})" for name, row in reached.iterrows()], reached["mean"])
axes.invert_yaxis()
axes.set(xlabel="mean share of the scale reached", xlim=(0, 1))
plt.show()

# %% [markdown]
# "Does not apply" is an answer of its own, apart from low and from unsure:

# %%
statuses = pd.crosstab(ratings.criterion, ratings.status)
statuses[statuses.rated < len(transcripts)]

# %% [markdown]
# ## Evidence in context
#
# A score that cannot be pointed at convinces nobody. Every rating carries the spans it rests on, as
# turn and characters of the *redacted* text. Where something was not said, the reason tells where
# it was looked for.

# %%
said = {t.conversation_id: t.turns for t in scored.transcripts}
for rating in scored.ratings:
    if rating.criterion == "no_card_read_back" and rating.level == 0:
        span = rating.evidence[0]
        text = said[rating.conversation_id][span.turn].text
        before, words, after = text[: span.start], text[span.start : span.end], text[span.end :]
        print(
            f"{rating.conversation_id}, turn index {span.turn}: {before[-60:]}»{words}«{after[:60]}"
        )

# %%
unverified = [
    rating
    for rating in scored.ratings
    if rating.criterion == "identity_before_details" and rating.level == 0
]
pd.DataFrame({"conversation": r.conversation_id, "reason": r.reason} for r in unverified)

# %% [markdown]
# Are these right? Two (fictional) reviewers rated the same conversations. Where both of them
# answered 1, the rule raised a false alarm: read that conversation, then mend the phrase book.

# %%
people = pd.DataFrame(
    {
        "conversation": rating.conversation_id,
        "rater": rating.rater,
        "answer": rating.status.value if rating.level is None else rating.level,
    }
    for one in labelled
    for rating in one.ratings
    if rating.criterion == "identity_before_details"
    and rating.conversation_id in {r.conversation_id for r in unverified}
)
people.pivot(index="conversation", columns="rater", values="answer")

# %% [markdown]
# Notebook 2 turns this glance into a measurement, with the agreement between people beside it.
#
# ## What would the customer say?
#
# About a third of these customers answered the survey. A model predicts the others. Here it learns
# from the surveys of a **simulated** contact centre, from words alone (`"embeddings": ()` needs no
# text encoder and takes a second). For real work train on your own surveys, with the encoder: leave
# the setting out.

# %%
centre = simulate(conversations=2000, seed=7)
surveyed = [one for one in centre.conversations if one.surveys]
surveys = [survey for one in surveyed for survey in one.surveys]

model = CsatModel(settings={"embeddings": ()})
model.fit(
    autoqa.Batch([one.transcript for one in surveyed]),
    survey_ratings(surveys, model.criterion.scale),
)
predicted = model.rate(autoqa.Batch(scored.transcripts))
print(f"learned from {len(surveys)} simulated surveys, predicted {len(predicted)} conversations")

# %%
answers = {s.conversation_id: s.score for one in labelled for s in one.surveys}
both = pd.DataFrame(
    {
        "conversation": rating.conversation_id,
        "predicted": rating.expected,
        "survey": answers.get(rating.conversation_id, np.nan),
        "total": evaluation.total,
    }
    for rating, evaluation in zip(predicted, scored.evaluations, strict=True)
)

figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
axes.plot(both.survey, both.predicted, "o", alpha=0.6)
axes.set(
    xlabel="survey answer",
    ylabel="predicted CSAT",
    xlim=(0.8, 5.2),
    ylim=(0.8, 5.2),
    title=f"n={both.survey.count()} surveyed sample conversations",
)
plt.show()

# %% [markdown]
# Does the order hold, and does the range? Predictions huddle around the middle, as they should when
# a model is unsure, and this one learned from simulated customers and is asked about others. Use
# such a model to *sort* conversations. Do not report its mean as your CSAT.
#
# ## What should a person look at?
#
# Flags put the two together: failed critical criteria, low totals, probably dissatisfied customers,
# and the contradiction worth most: a high total with a customer who is probably unhappy.

# %%
flags = [
    flag
    for evaluation, csat in zip(scored.evaluations, predicted, strict=True)
    for flag in autoqa.flag(evaluation, card, csat)
]
queue = autoqa.to_pandas(flags, Flag).sort_values("priority", ascending=False, kind="stable")
queue.reason.value_counts().to_frame("flags")

# %%
queue[["priority", "conversation_id", "message"]].head(12)

# %% [markdown]
# The same on the command line, for files of any size:
#
# ```
# autoqa score calls.jsonl.gz --scorecard support-core --models models/default --out scored
# ```
