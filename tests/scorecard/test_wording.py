"""Questions that ask two things, and questions about feelings."""

from __future__ import annotations

import pytest

from autoqa.scorecard.wording import inferred_feeling, two_things

TWO = [
    ("en", "Did the agent greet the customer and introduce themselves?"),
    ("en", "Did the agent apologise and/or offer a refund?"),
    ("en", "Was the agent polite and professional?"),
    ("en", "Did the agent ask for the order number and verify it?"),
    ("en", "Did the agent listen and show that they understood?"),
    ("en", "Was the answer correct and was it given in time?"),
    ("en", "Was there a greeting? Was there a goodbye?"),
    ("es", "¿Saludó el agente y se presentó?"),
    ("es", "¿El agente pidió disculpas y ofreció una solución?"),
    ("es", "¿Fue el agente cortés y profesional?"),
    ("es", "¿Pidió y/o confirmó el agente los datos?"),
    ("it", "L'operatore ha salutato e si è presentato?"),
    ("it", "L'operatore ha chiesto i dati e confermato l'indirizzo?"),
    ("it", "L'operatore ha chiesto e/o confermato i dati?"),
    ("it", "La risposta è stata chiara e completa?"),
    ("zh", "客服是否问候并自我介绍，并且核实身份？"),
    ("zh", "客服是否道歉以及提供解决办法？"),
    ("zh", "客服的回答是否准确和完整？"),
    ("zh", "客服是否说明和/或确认了费用？"),
    ("de", "Hat der Agent gegrüßt and/or gefragt?"),
]

ONE = [
    ("en", "Did the agent state the terms and conditions?"),
    ("en", "Did the agent ask for the customer's name and address?"),
    ("en", "Did the agent confirm the date and time of the visit?"),
    ("en", "Did the agent read the question and answer section aloud?"),
    ("en", "Did the agent explain the difference between credit and debit?"),
    ("en", "Did the agent mention the privacy and security notice?"),
    ("en", "Did the agent understand the request?"),
    ("es", "¿Explicó el agente los términos y condiciones?"),
    ("es", "¿Pidió el agente nombre y apellidos?"),
    ("es", "¿Confirmó el agente la fecha y la hora?"),
    ("it", "L'operatore ha letto termini e condizioni?"),
    ("it", "L'operatore ha chiesto nome e cognome?"),
    ("it", "L'operatore ha detto prezzo e costo totale?"),
    ("zh", "客服是否说明了条款和条件？"),
    ("zh", "客服是否核对了姓名和地址？"),
    ("zh", "客服是否说明了问题和解决方案？"),
    ("de", "Hat der Agent Name und Adresse genannt?"),
]

FEELING = [
    ("en", "Did the agent sound sincere?"),
    ("en", "Did the agent care about the customer?"),
    ("en", "Did the agent empathise genuinely?"),
    ("en", "Did the agent make the customer feel valued?"),
    ("en", "Did the agent show a positive attitude?"),
    ("es", "¿Mostró el agente empatía sincera?"),
    ("es", "¿Se preocupó por el cliente?"),
    ("es", "¿Hizo que el cliente se sintiera valorado?"),
    ("it", "L'operatore si è sentito coinvolto?"),
    ("it", "L'operatore era sincero?"),
    ("zh", "客服是否真诚地道歉？"),
    ("zh", "客服的态度是否热情？"),
]

OBSERVABLE = [
    ("en", "Did the agent acknowledge how the problem affects the customer?"),
    ("en", "Did the agent acknowledge what the customer said they felt?"),
    ("en", "Did the agent transfer the customer to the care team?"),
    ("en", "Did the agent say that the issue was really resolved?"),
    ("es", "¿Dijo el agente «lo siento»?"),
    ("it", "L'operatore ha detto che ha risentito il tecnico?"),
    ("zh", "客服是否用言语回应了客户遇到的问题？"),
]


@pytest.mark.parametrize(("language", "question"), TWO)
def test_two_questions_in_one_are_found(language, question):
    assert two_things(question, language)


@pytest.mark.parametrize(("language", "question"), ONE)
def test_pairs_of_nouns_are_one_thing(language, question):
    assert two_things(question, language) is None


@pytest.mark.parametrize(("language", "text"), FEELING)
def test_questions_about_feelings_are_found(language, text):
    assert inferred_feeling(text, language)


@pytest.mark.parametrize(("language", "text"), OBSERVABLE)
def test_wording_that_can_be_pointed_at_is_fine(language, text):
    assert inferred_feeling(text, language) is None
