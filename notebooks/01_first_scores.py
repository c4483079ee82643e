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
# # 1. First scores
#
# From a file of conversations to totals, the words that each score rests on, satisfaction turn by
# turn, and a short list for a person to look at.
#
# The conversations are the 64 in `data/sample`, **written for this project**, in four languages,
# about a company that does not exist. They show how things work, not how *well*.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

import autoqa
from autoqa import Evaluation, Flag, Quarantine, Rating
from autoqa.sample import sample_path

# %matplotlib inline
pd.set_option("display.precision", 2)
LEFT = {"text-align": "left"}

HERE = Path.cwd()
ROOT = next(folder for folder in (HERE, *HERE.parents) if (folder / "models").is_dir())
DATA = sample_path()  # or a file or folder of yours: JSONL, Parquet, CSV, plain text

# %% [markdown]
# ## Read
#
# A record that cannot be used lands in the quarantine with a reason; it neither stops the run nor
# disappears.

# %%
with Quarantine() as quarantine:
    labelled = list(autoqa.read(DATA, quarantine=quarantine))
transcripts = [one.transcript for one in labelled]
quarantine.summary()

# %%
about = pd.DataFrame(
    {
        "conversation_id": one.conversation_id,
        "language": one.language,
        "channel": one.channel.value,
        "agent": one.agent,
    }
    for one in transcripts
)
pd.crosstab(about.language, about.channel, margins=True)

# %% [markdown]
# Before any score: what was said? In this conversation the agent argues.

# %%
next(one for one in transcripts if one.conversation_id == "brv-en-05")

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
# Without any training, readable rules answer every criterion, from a phrase book per language.
# Texts are redacted first: where a card number was, there is `[CARD_1]`.

# %%
scored = autoqa.ScoringSetup(card).score(transcripts)
scored

# %%
evaluations = autoqa.to_pandas(scored.evaluations, Evaluation).merge(about, on="conversation_id")
evaluations["failed"] = evaluations.critical_failed.str.len() > 0
evaluations.groupby("language").agg(
    n=("total", "size"), median_total=("total", "median"), failed_critical=("failed", "sum")
)

# %% [markdown]
# A language whose totals are far from the others' points at its phrase book as much as at its
# agents. And where do the points go? A criterion that *nobody* meets is more often a rule that
# misses wording than a centre that never does it: read some of its conversations before you coach
# anybody.

# %%
ratings = autoqa.to_pandas(scored.ratings, Rating)
ratings["reached"] = ratings.level / ratings.criterion.map(
    {c.id: c.scale[-1] for c in card.criteria}
)
reached = ratings.groupby("criterion", sort=False).reached.agg(["mean", "count"])

figure, axes = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
axes.barh([f"{name} (n={row['count']:.0f})" for name, row in reached.iterrows()], reached["mean"])
axes.invert_yaxis()
axes.spines[["top", "right"]].set_visible(False)
axes.set(xlabel="mean share of the scale reached (fictional conversations)", xlim=(0, 1))
plt.show()

# %% [markdown]
# ## Evidence
#
# A score that cannot be pointed at convinces nobody. Every rating carries the spans it rests on, as
# turn (counted from 0) and characters of the *redacted* text. Where something was not said, the
# reason tells where it was looked for.

# %%
said = {one.conversation_id: one.turns for one in scored.transcripts}
low = [one for one in scored.ratings if one.level == 0]
pd.DataFrame(
    {
        "conversation": rating.conversation_id,
        "turn": span.turn,
        "evidence": said[rating.conversation_id][span.turn].text[span.start : span.end],
        "in": said[rating.conversation_id][span.turn].text,
    }
    for rating in low
    if rating.criterion == "no_card_read_back"
    for span in rating.evidence
).style.set_properties(**LEFT)

# %%
unverified = {
    one.conversation_id: one.reason for one in low if one.criterion == "identity_before_details"
}
reasons = pd.DataFrame({"conversation": unverified.keys(), "reason": unverified.values()})
reasons.style.set_properties(**LEFT)

# %% [markdown]
# Are these right? Two (fictional) reviewers rated the same conversations. Where both answered 1,
# the rule raised a false alarm: read that conversation, then mend the phrase book.

# %%
people = autoqa.to_pandas([rating for one in labelled for rating in one.ratings], Rating)
asked = people.conversation_id.isin(unverified) & (people.criterion == "identity_before_details")
people[asked].pivot(index="conversation_id", columns="rater", values="level")

# %% [markdown]
# ## Add models
#
# `models/default` was learned from public conversations. On this scorecard it takes over
# `courtesy`; rules still answer the rest. It also predicts satisfaction (0 to 2) after every turn
# of the customer. Here for the 16 English conversations. Some of it was learned from research-only
# data; `licence="permissive"` goes without that.

# %%
setup = autoqa.ScoringSetup(card, ROOT / "models" / "default", curve=True)
english = setup.score([one for one in transcripts if one.language == "en"])
pd.Series(setup.panel.answered_by).value_counts().to_frame("criteria")

# %% [markdown]
# Satisfaction by turn, for four stories. The dashed lines are what customers said in the survey,
# carried to the same scale.

# %%
stories = {
    "brv-en-02": "solved, customer unhappy",
    "brv-en-05": "agent argues",
    "brv-en-09": "transferred",
    "brv-en-10": "not solved, customer happy",
}
answers = {survey.conversation_id: 2 * survey.share for one in labelled for survey in one.surveys}
curve = autoqa.to_pandas([one for one in english.csat if one.turn is not None], Rating)

figure, panels = plt.subplots(1, 4, figsize=(10, 2.8), sharey=True, layout="constrained")
for axes, (name, story) in zip(panels, stories.items(), strict=True):
    points = curve[curve.conversation_id == name]
    axes.plot(points.turn, points.expected, "o-", markersize=3)
    axes.axhline(answers[name], color="grey", linestyle="--", linewidth=1)
    axes.set_title(f"{name}\n{story}", fontsize=9)
    axes.set(xlabel="turn", ylim=(-0.1, 2.1))
    axes.spines[["top", "right"]].set_visible(False)
panels[0].set_ylabel("expected satisfaction, 0 to 2")
plt.show()

# %% [markdown]
# What was said at the steepest fall of each? If the words are not what you would have pointed at,
# believe your eyes.

# %%
curve["change"] = curve.groupby("conversation_id").expected.diff()
steepest = curve.loc[curve.groupby("conversation_id").change.idxmin()]
steepest = steepest[steepest.conversation_id.isin(stories)]
steepest[["conversation_id", "turn", "change"]].assign(
    customer_said=[
        said[name][turn].text
        for name, turn in zip(steepest.conversation_id, steepest.turn, strict=True)
    ]
).style.set_properties(**LEFT).format(precision=2)

# %% [markdown]
# The curves stay near the middle: this model learned from other people's chats, and is not sure
# here. Use it to *sort* conversations. Do not report its mean as your CSAT; notebook 3 learns from
# surveys instead.
#
# ## What should a person look at?
#
# Flags: failed critical criteria, low totals, customers who are probably dissatisfied, and the
# contradiction worth most, a high total with an unhappy customer.

# %%
with_models = {one.conversation_id for one in english.transcripts}
others = [one for one in scored.flags if one.conversation_id not in with_models]
queue = autoqa.to_pandas([*english.flags, *others], Flag)
queue = queue.sort_values("priority", ascending=False, kind="stable")
queue[["priority", "conversation_id", "reason", "message"]].head(12).style.set_properties(
    **LEFT
).format(precision=2)

# %% [markdown]
# ## Next
#
# * The same for files of any size, on the command line: `autoqa score calls.jsonl.gz --scorecard
#   support-core --models models/default --curve --out scored`.
# * Point `DATA` at conversations of yours and read ten flagged ones before you trust a total.
# * Have two people evaluate 50 of them. Notebook 2 learns from that; notebook 3 measures it.
