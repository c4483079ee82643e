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
# # 3. Automated QA, human QA and CSAT
#
# Three judges of the same conversations: a model, reviewers, customers. One `Study` puts them
# beside each other, answers five questions, says what it cannot answer, and becomes a report that
# can be mailed.
#
# **The centre here is simulated** (`autoqa.simulate`), so that the answers can be held against a
# planted truth. Its language is far easier than real talk, which flatters every automated figure.

# %%
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd

import autoqa
from autoqa import CsatModel, Quarantine, SimulationSettings
from autoqa.csat import survey_ratings
from autoqa.evaluation.study import conduct_study
from autoqa.evaluation.wording import english
from autoqa.reports import write_report
from autoqa.reports.answers import five_answers
from autoqa.simulate import simulate

# %matplotlib inline
pd.set_option("display.max_colwidth", None, "display.precision", 2)

OUT = Path(mkdtemp())  # or a folder of yours
card = autoqa.load_scorecard("support-core")

# %% [markdown]
# ## The data
#
# 500 simulated conversations of 40 agents. Three in four were reviewed, half of those by two
# people; some customers answered a survey. For yours, point `DATA` at conversations that carry
# ratings and surveys, and set `simulated=False` below.

# %%
settings = SimulationSettings(
    conversations=500,
    languages=("en",),
    agents=40,
    review_share=0.75,
    double_review_share=0.5,
    survey_response=(0.85, 0.6, 0.4, 0.45, 0.65),
)
files = autoqa.write_simulation(settings, OUT / "simulated")
DATA = files.conversations

with Quarantine() as quarantine:
    labelled = list(autoqa.read(DATA, quarantine=quarantine))
transcripts = [one.transcript for one in labelled]
human = [rating for one in labelled for rating in one.ratings]
surveys = [survey for one in labelled for survey in one.surveys]
print(f"{len(transcripts)} conversations, {len(human)} ratings, {len(surveys)} surveys (simulated)")

# %% [markdown]
# The automated side: rules for the scorecard, and a CSAT model that learned from surveys of another
# simulated centre, never from these. It predicts after every turn of the customer (`curve`).

# %%
scored = autoqa.ScoringSetup(card).score(transcripts)

elsewhere = simulate(conversations=700, seed=8, languages=("en",), agents=40).conversations
answered = [one for one in elsewhere if one.surveys]
model = CsatModel(settings={"embeddings": ()})  # words alone: fast; leave the setting out for work
model.fit(
    autoqa.Batch([one.transcript for one in answered]),
    survey_ratings([one.surveys[0] for one in answered], model.criterion.scale),
)
batch = autoqa.Batch(scored.transcripts)
csat, curve = model.rate(batch), model.curve(batch)

# %% [markdown]
# ## One study

# %%
study = conduct_study(
    [*scored.ratings, *csat],
    human,
    surveys=surveys,
    conversations=labelled,
    curves=curve,
    card=card,
    n_resamples=200,
)
pd.DataFrame(
    {
        "question": answer.question,
        "answer": f"{answer.tone.symbol} {answer.verdict}",
        "because": " ".join(sentence.text for sentence in answer.sentences),
    }
    for answer in five_answers(study, english)
).style.hide(axis="index").set_properties(**{"text-align": "left", "vertical-align": "top"})

# %% [markdown]
# Every figure comes with n and a 95 % interval; where agents repeat, agents are resampled.
#
# ### 1. May automated scores stand in for a person's?
#
# A model need not be perfect. It need be no worse than a second reviewer. The human ceiling is
# drawn beside each criterion:

# %%
study.plot_agreement()

# %% [markdown]
# The stricter test leaves one reviewer out at a time: does the model agree with the others at least
# as well as that person does?

# %%
study.plot_replacement()

# %% [markdown]
# ### 2. Does a high QA score mean a satisfied customer?
#
# Agents by QA and CSAT. Means of few conversations scatter, so they are pulled towards the
# centre's, and each agent carries the probability that the quadrant shown is the right one.

# %%
study.plot_quadrants()

# %% [markdown]
# ### 3. What moves satisfaction?
#
# Each criterion with the others, handle time, topic and agent held constant. No criterion was
# planted to go the wrong way; with this few surveys, chance and errors of rating can still make one
# look so. Notebook 4 takes this apart.

# %%
study.plot_drivers()

# %% [markdown]
# ### 4. Do reviewers rate alike?
#
# The simulation planted a severity for each reviewer, in levels of a 0 to 2 scale; positive is
# stricter. The study does not know it.

# %%
study.plot_rater_severity("acknowledgement")

# %%
planted = simulate(settings).truth
pd.Series({one.rater: one.severity for one in planted.raters}, name="planted severity").to_frame()

# %% [markdown]
# ### 5. Where does listening pay?
#
# Bad conversations found by reviewing the lowest automated totals first, against random listening.

# %%
study.plot_review_yield()

# %% [markdown]
# ## Those who did not answer
#
# Few customers answer a survey, and the unhappy ones more often. Weighting by who answers corrects
# for what can be seen in the conversation. Here the truth for everybody is known:

# %%
study.plot_survey_truth()

# %%
truth = pd.Series([one.csat for one in planted.conversations])
surveyed = pd.Series([one.surveyed for one in planted.conversations])
weighted = study.survey_truth.figures["mean"].after.value
pd.Series(
    {
        "surveyed": truth[surveyed].mean(),
        "weighted by who answers": 1 + 4 * weighted,
        "truth for everybody": truth.mean(),
    },
    name="mean CSAT, 1 to 5 (simulated)",
).to_frame()

# %% [markdown]
# Weighting repairs the part that the conversation shows. Who answers *because* of how satisfied
# they are, beyond that, no weight can see; the study's bounds say how far that could go.
#
# ## Satisfaction turn by turn
#
# The study picks conversations in which the prediction moved or missed most. One whose customer
# answered:

# %%
shown = next(path for path in study.satisfaction if path.surveyed is not None)
print(shown.why_shown)
study.plot_satisfaction(shown.conversation_id)

# %% [markdown]
# If the words are not what you would have pointed at, believe your eyes: a model of a few hundred
# surveys takes hold of whatever went with low answers.
#
# ## What the study cannot answer

# %%
missing = pd.Series(study.missing, name="what to bring").to_frame()
missing.style.set_properties(**{"text-align": "left"})

# %% [markdown]
# ## The report
#
# One HTML file: the five answers first, then every figure and table with the sentence that says
# what it means. It needs no network, so it can be mailed; `language` is `en`, `es`, `it` or `zh`.

# %%
report = write_report(study, OUT / "report.html", simulated=True)
print(report, f"{report.stat().st_size / 1e6:.1f} MB")

# %% [markdown]
# ## Next
#
# * The same on the command line: `autoqa report --ratings scored --human rated.jsonl --surveys
#   rated.jsonl --out qa.html`.
# * Criteria that may not stand in: more evaluations (notebook 5), or a clearer question.
# * Reviewers who need a session: sit together over the conversations on which they differ most.
# * What to do about question 3 is notebook 4.
