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
# # 2. Train on your evaluations
#
# Your reviewers have evaluated a few hundred conversations. Can models learn the scorecard from
# that, do they do better than rules, and when should they keep silent?
#
# **The centre here is simulated** (`autoqa.simulate`): its truth is known, and its language is far
# easier than real talk. Read the steps, not the heights of the figures.

# %%
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, cross_val_predict

import autoqa
from autoqa import Quarantine, Rating, SimulationSettings, TextModel
from autoqa.evaluation import abstention_threshold, risk_coverage
from autoqa.evaluation.plots import plot_agreement, plot_risk_coverage
from autoqa.evaluation.render import show
from autoqa.scorers.answers import rated
from autoqa.scorers.linear import gather_labels, level_shares

# %matplotlib inline
pd.set_option("display.max_colwidth", 120, "display.precision", 2)

OUT = Path(mkdtemp())  # or a folder of yours
card = autoqa.load_scorecard("support-core")

# %% [markdown]
# ## The evaluations
#
# 360 conversations of 40 agents, half of them evaluated by two people: the least that lets you say
# how far people agree. For yours, point `DATA` at conversations with ratings.

# %%
settings = SimulationSettings(
    conversations=360,
    languages=("en",),
    agents=40,
    review_share=1.0,
    double_review_share=0.5,
)
DATA = autoqa.write_simulation(settings, OUT / "simulated").conversations

with Quarantine() as quarantine:
    labelled = list(autoqa.read(DATA, quarantine=quarantine))
human = [rating for one in labelled for rating in one.ratings]
batch = autoqa.Batch([one.transcript for one in labelled])
agents = {one.conversation_id: one.agent for one in batch.transcripts}
print(f"{len(batch)} conversations, {len(human)} ratings (simulated)")

# %% [markdown]
# Reviewers have habits. Before you learn from them, look at who is strict, and who says "does not
# apply" where others give a low level:

# %%
ratings = autoqa.to_pandas(human, Rating)
ratings["reached"] = ratings.level / ratings.criterion.map(
    {c.id: c.scale[-1] for c in card.criteria}
)
ratings["not_applicable"] = ratings.status == "not_applicable"
ratings.groupby("rater").agg(
    ratings=("status", "size"),
    mean_share_of_scale=("reached", "mean"),
    not_applicable=("not_applicable", "mean"),
)

# %% [markdown]
# ## Rules first
#
# They cost nothing, so they are what learning has to beat. `compare` puts every figure beside its
# human ceiling: how well one person agrees with another on the same items. Agents repeat, so
# intervals resample agents.

# %%
rules = autoqa.Panel(card).rate(batch)
by_rules = autoqa.compare(rules, human, card=card, agents=agents, n_resamples=200)
plot_agreement(by_rules)

# %% [markdown]
# Where the automated mark reaches people's, a second reviewer would do no better. Where it stays
# behind, there is something to learn. (The simulation speaks in phrases that the phrase book knows,
# which flatters rules.)
#
# ## Learn
#
# `TextModel` is a scikit-learn classifier whose `X` is a list of transcripts, so `clone`,
# `cross_val_predict` and pipelines work. An agent's conversations sound alike: folds split agents,
# never conversations. This one reads the agent's words alone (`embeddings=()` needs no encoder).
# Six criteria, to save time.

# %%
template = TextModel(
    speaker="agent", embeddings=(), ngrams=("agent_mean",), statistics=False, penalty=0.1
)
labels = gather_labels(batch, human)
learned, answers = [], []
for name in ("courtesy", "listening", "personalisation", "recap", "answer", "next_steps"):
    criterion = card.criterion(name)
    items, levels, _ = labels[criterion.id]
    asked = [batch.transcripts[item.transcript] for item in items]
    shares = level_shares(levels, criterion.scale)  # of raters, at each level
    groups = np.array([one.agent for one in asked])
    probabilities = cross_val_predict(
        clone(template).set_params(levels=criterion.scale),
        asked,
        shares.argmax(axis=1),
        groups=groups,
        cv=GroupKFold(4),
        method="predict_proba",
        params={"groups": groups},
    )
    best = probabilities.argmax(axis=1)
    learned += [
        rated(one, criterion, criterion.scale[level], row, rater="learned")
        for one, level, row in zip(asked, best, probabilities, strict=True)
    ]
    answers.append(
        pd.DataFrame(
            {
                "criterion": criterion.id,
                "confidence": probabilities.max(axis=1),
                "disagreement": 1 - shares[np.arange(len(best)), best],
            }
        )
    )
answers = pd.concat(answers)
by_models = autoqa.compare(learned, human, card=card, agents=agents, n_resamples=200)
plot_agreement(by_models)

# %%
kappa = pd.DataFrame(
    {
        side: {one.criterion: one.figures["quadratic_kappa"].automated for one in found.criteria}
        for side, found in {"rules": by_rules, "learned": by_models}.items()
    }
)
kappa["people"] = {
    one.criterion: one.figures["quadratic_kappa"].ceiling for one in by_models.criteria
}
kappa.dropna().map(show)

# %% [markdown]
# Quadratic kappa with people, on agents that the model had not seen. Keep the rules where learning
# is not clearly better: they can be read, and need no evaluations. Learning pays where nobody can
# list the wording.
#
# ## When to keep silent
#
# A learned model says how sure it is. Answer the sure ones first: how much disagreement with people
# is left at each coverage?

# %%
by_criterion = dict(list(answers.groupby("criterion")))
curves = {
    name: risk_coverage(of_one.confidence, of_one.disagreement, n_resamples=200)
    for name, of_one in by_criterion.items()
}
plot_risk_coverage(curves, risk=0.3, name="Disagreement with people (simulated)")

# %% [markdown]
# State the disagreement that you can live with, and let the data choose the threshold: the limit
# below holds with 90 % confidence for further conversations like these. No threshold is an answer
# too: on that criterion, people go on.

# %%
limits = {
    name: str(abstention_threshold(of_one.confidence, of_one.disagreement, risk=0.3))
    for name, of_one in by_criterion.items()
}
pd.Series(limits, name="limit").to_frame().style.set_properties(**{"text-align": "left"})

# %% [markdown]
# ## Keep it
#
# `autoqa.train` does all of this: it holds out agents, compares with the rules, keeps whichever
# agrees better with people, learns from *shares* of raters where they disagree, and writes a model
# folder.

# %%
report = autoqa.train(
    [DATA],
    card,
    OUT / "models",
    criteria=["answer", "recap"],
    settings={"embeddings": ()},
)
report

# %% [markdown]
# The folder scores conversations that it has never seen, here those of another simulated centre.
# Every answer of a learned criterion points at the turns that moved it, in levels of the scale.

# %%
fresh = autoqa.simulate.simulate(conversations=20, seed=8, languages=("en",))
setup = autoqa.ScoringSetup(card, OUT / "models")
scored = setup.score([one.transcript for one in fresh.conversations])
said = {one.conversation_id: one.turns for one in scored.transcripts}
kept = {name for name, one in report.criteria.items() if one.use == "linear"}
pd.DataFrame(
    {
        "conversation": rating.conversation_id,
        "criterion": rating.criterion,
        "level": rating.level,
        "moved by": rating.evidence[0].contribution,
        "turn": said[rating.conversation_id][rating.evidence[0].turn].text,
    }
    for rating in scored.ratings
    if rating.criterion in kept and rating.evidence
).head(8).style.set_properties(**{"text-align": "left"}).format(precision=2)

# %% [markdown]
# ## Next
#
# * On the command line: `autoqa train --data rated.jsonl --scorecard yours.yaml --out
#   models/mine`. Leave `settings` out to read through the text encoder as well; on real talk that
#   matters more.
# * Too few evaluations for a criterion? Notebook 5 says how many, and which conversations.
# * Notebook 3 asks what these scores are worth beside people and customers.
