import json
from pathlib import Path

import pytest

from autoqa.readers.cues import language_of, lead

SAMPLE = Path(__file__).parents[2] / "data" / "sample" / "conversations.jsonl"
CONVERSATIONS = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]

PAIRS = {
    "en": (
        "thanks for calling how can i help may i have your name",
        "hi i ordered a lamp my order",
    ),
    "es": ("Gracias por llamar. ¿Me confirma su número?", "Me han cobrado dos veces, mi factura."),
    "it": ("Come posso aiutarla? Mi conferma il codice?", "Non ho ricevuto il mio ordine."),
    "zh": ("感谢您的来电，请问有什么可以帮您？请您提供号码。", "我的订单还没收到，怎么回事？"),
}


@pytest.mark.parametrize("language", PAIRS)
def test_an_agent_leads_a_customer_and_the_other_way_round(language):
    agent, customer = ([text] for text in PAIRS[language])
    assert lead(agent, customer) >= 3
    assert lead(customer, agent) == -lead(agent, customer)


def test_accents_case_and_punctuation_do_not_matter():
    written, heard = ["¿En qué puedo ayudarle?"], ["en que puedo ayudarle"]
    assert lead(written, ["sí"]) == lead(heard, ["si"]) > 0


def test_a_phrase_counts_once():
    assert lead(["one moment please"] * 9, []) == lead(["one moment please"], [])


def test_the_sample_is_never_read_the_wrong_way_round():
    decided = 0
    for conversation in CONVERSATIONS:
        said = {"agent": [], "customer": [], "bot": []}
        for turn in conversation["turns"]:
            said[turn["speaker"]].append(turn["text"])
        ahead = lead(said["agent"], said["customer"])
        assert ahead > -3
        decided += ahead >= 3
    assert decided >= len(CONVERSATIONS) / 2


def test_the_language_of_the_sample_is_found_or_left_open():
    found = [
        (one["language"], language_of(turn["text"] for turn in one["turns"]))
        for one in CONVERSATIONS
    ]
    assert all(told in (language, None) for language, told in found)
    assert sum(told is None for _, told in found) <= 2


def test_a_few_words_show_no_language():
    assert language_of(["OK", "1234"]) is None
    assert language_of([]) is None
