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
# # Follow satisfaction through a conversation
#
# Most customers never answer the survey. A model of those who do can say something about the rest,
# and, because it reads a conversation *as it stood after any turn*, show where one turned.
#
# Before such a curve is shown to anybody, three questions: does the prediction order customers
# rightly, do its probabilities mean what they say, and how early in the conversation?
#
# **The model learns from a simulated centre**, so its heights say nothing about real customers.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit

import autoqa
from autoqa import Quarantine
from autoqa.csat import CsatModel, survey_ratings
from autoqa.evaluation import bootstrap, spearman
from autoqa.evaluation.calibration import expected_calibration_error, reliability_table
from autoqa.evaluation.plots import plot_reliability
from autoqa.features.views import Item
from autoqa.simulate import simulate

# %matplotlib inline
pd.set_option("display.max_colwidth", 110, "display.precision", 2)

HERE = Path.cwd()
ROOT = next(folder for folder in (HERE, *HERE.parents) if (folder / "data" / "sample").is_dir())
encoders = autoqa.default_encoders()

# %% [markdown]
# ## Learn from those who answered
#
# Whole agents are held out: a model that knows an agent's way of talking would look better than it
# is. It learns from surveys alone, as it would have to in real life.

# %%
centre = simulate(conversations=1000, seed=7, languages=("en",), agents=40)
transcripts = [one.transcript for one in centre.conversations]
agents = [transcript.agent for transcript in transcripts]
split = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=7)
learning, held_out = next(split.split(transcripts, groups=agents))

surveyed = [centre.conversations[i] for i in learning if centre.conversations[i].surveys]
surveys = [survey for one in surveyed for survey in one.surveys]
model = CsatModel()
model.fit(
    autoqa.Batch([one.transcript for one in surveyed], encoders=encoders),
    survey_ratings(surveys, model.criterion.scale),
    groups=[one.transcript.agent for one in surveyed],
)
print(f"learned from {len(surveys)} surveys of {len(learning)} conversations (all simulated)")

# %% [markdown]
# ## Follow a few conversations
#
# Four of the written sample conversations, which the simulation knows nothing about. The curve is
# the expected CSAT after each customer turn.

# %%
with Quarantine() as quarantine:
    sample = {
        one.transcript.conversation_id: one
        for one in autoqa.read(
            ROOT / "data" / "sample" / "conversations.jsonl", quarantine=quarantine
        )
    }
chosen = {
    "brv-en-02": "solved, customer unhappy",
    "brv-en-05": "agent argues",
    "brv-en-09": "transferred",
    "brv-en-10": "not solved, customer happy",
}
few = autoqa.Batch([sample[name].transcript for name in chosen], encoders=encoders)
curve = model.curve(few)

figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
for name, story in chosen.items():
    points = [rating for rating in curve if rating.conversation_id == name]
    answer = "".join(f", survey {survey.score:.0f}" for survey in sample[name].surveys)
    axes.plot(
        [point.turn for point in points],
        [point.expected for point in points],
        "o-",
        markersize=3,
        label=f"{name}: {story}{answer}",
    )
axes.set(xlabel="turn", ylabel="expected CSAT", ylim=(1, 5))
axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.18), ncols=2)
plt.show()

# %% [markdown]
# ## What moved it?
#
# The steepest drop of each conversation, with what was said. Evidence is what the prediction rests
# on, in points of CSAT: negative pulls down.

# %%
said = {t.conversation_id: t.turns for t in few.transcripts}
drops = []
for name in chosen:
    points = [rating for rating in curve if rating.conversation_id == name]
    steps = np.diff([point.expected for point in points])
    worst = points[int(steps.argmin()) + 1]
    drops.append(
        {
            "conversation": name,
            "turn": worst.turn,
            "change": steps.min(),
            "customer said": said[name][worst.turn].text,
        }
    )
pd.DataFrame(drops)

# %%
last = next(r for r in reversed(curve) if r.conversation_id == "brv-en-02")
pd.DataFrame(
    {
        "contribution": span.contribution,
        "speaker": said[last.conversation_id][span.turn].speaker.value,
        "text": said[last.conversation_id][span.turn].text[span.start : span.end],
    }
    for span in last.evidence
)

# %% [markdown]
# If the words beside the steepest drop are not what you would have pointed at, believe your eyes.
#
# ## Does it order customers rightly?
#
# On the conversations of held-out agents. The simulation knows what *every* customer would have
# answered, so the model can be tested on those who never did. With real data only the first row
# exists.

# %%
test = autoqa.Batch([transcripts[i] for i in held_out], encoders=encoders)
predicted = model.rate(test)
expected = np.array([rating.expected for rating in predicted])
probabilities = np.array([rating.probabilities for rating in predicted])
truth = np.array([centre.truth.conversations[i].csat for i in held_out])
answered = np.array([centre.truth.conversations[i].surveyed for i in held_out])
by_agent = np.array([transcripts[i].agent for i in held_out])

pd.DataFrame(
    {
        who: {
            "n": int(mask.sum()),
            "Spearman": str(
                bootstrap(spearman, expected[mask], truth[mask], clusters=by_agent[mask])
            ),
            "mean error": np.abs(expected[mask] - truth[mask]).mean(),
            "mean error of always saying the mean": np.abs(
                np.mean([s.score for s in surveys]) - truth[mask]
            ).mean(),
        }
        for who, mask in {"answered": answered, "did not answer": ~answered}.items()
    }
).T

# %% [markdown]
# And the mean? Unhappy customers answer more often (here by design, in many centres by nature), so
# the mean of the surveyed is too low. A model that reads the conversations of those who did not
# answer can make good part of that. How large a part shows only where the truth is known:

# %%
pd.Series(
    {
        "surveyed, held-out agents": truth[answered].mean(),
        "predicted for everybody": expected.mean(),
        "truth for everybody": truth.mean(),
    },
    name="mean CSAT (simulated)",
).to_frame()

# %% [markdown]
# ## Do the probabilities mean what they say?
#
# Of the conversations said to have a 30 % risk of a dissatisfied customer (1 or 2), about 30 %
# should have one.

# %%
dissatisfied = probabilities[:, :2].sum(axis=1)
came_true = (truth <= 2).astype(int)
error = expected_calibration_error(dissatisfied, came_true, n_bins=5, bins="count")
plot_reliability(
    reliability_table(dissatisfied, came_true, n_bins=6, bins="count"),
    name=f"dissatisfied (simulated), calibration error {error:.2f}",
)

# %% [markdown]
# Points below the line overstate the risk. That, too, follows from who answers: among the surveyed
# the dissatisfied are over-represented, and the model takes their share for everybody's.
#
# ## How early?
#
# The same model, shown only the beginning of each conversation.

# %%
beginnings = np.array([0.1, 0.25, 0.5, 0.75, 1.0])
early = []
for share in beginnings:
    items = [
        Item(i, max(0, int(np.ceil(share * len(t.turns))) - 1))
        for i, t in enumerate(test.transcripts)
    ]
    so_far = np.array([rating.expected for rating in model.rate_items(test, items)])
    early.append(bootstrap(spearman, so_far, truth, clusters=by_agent))

figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.fill_between(beginnings, [e.low for e in early], [e.high for e in early], alpha=0.2)
axes.plot(beginnings, [e.value for e in early], "o-")
axes.axhline(0, color="grey", linewidth=0.8)
axes.set(
    xlabel="share of the conversation read",
    ylabel="Spearman with CSAT, 95 % interval",
    title=f"n={len(truth)} simulated conversations, held-out agents",
)
plt.show()

# %% [markdown]
# What this says to operations: if the curve is flat until the end, the model reads the goodbye, and
# alerts during a conversation would come too late to help. Look at this picture on your own data
# before you build them.
