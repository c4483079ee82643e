from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.errors import ScorerError
from autoqa.features.tokens import tokenise
from autoqa.scorers.phrase_syntax import parse_phrase
from autoqa.scorers.phrasebook import (
    LANGUAGES,
    PhraseBook,
    has_phrase_book,
    load_book_file,
    phrase_book,
)

REQUIRED = [
    "greeting",
    "introduce_self",
    "offer_help",
    "address_by_name",
    "acknowledgement",
    "apology",
    "thanks",
    "courtesy",
    "rude",
    "blame_customer",
    "check_understanding",
    "open_question",
    "personalisation",
    "verify_identity",
    "identity_confirmed",
    "identity_given",
    "account_details",
    "recording_disclosure",
    "terms_disclosure",
    "card_number",
    "recap",
    "further_help",
    "closing",
    "answer_given",
    "next_steps",
    "time_frame",
    "transfer",
    "hold",
    "cannot_help",
    "complaint",
    "anger",
    "repeat_contact",
    "ask_supervisor",
    "thanks_customer_satisfied",
    "unresolved",
    "confirm_request",
    "action_done",
    "price_or_fee",
    "off_topic_advice",
    "policy_limit",
]

SAID = {
    "greeting": ["good morning", "hola buenos días", "buongiorno", "您好"],
    "introduce_self": [
        "my name is linda",
        "le atiende marta",
        "mi chiamo giulia",
        "我是您的专属客服",
    ],
    "offer_help": [
        "how can i help you today",
        "en qué puedo ayudarle",
        "come posso aiutarla",
        "请问有什么可以帮您",
    ],
    "address_by_name": ["of course mr smith", "claro señora pérez", "certo signor rossi", "王先生"],
    "acknowledgement": [
        "i understand how frustrating that is",
        "entiendo su molestia",
        "capisco perfettamente",
        "我理解您的心情",
    ],
    "apology": ["i apologise", "le pido disculpas", "mi dispiace", "非常抱歉"],
    "thanks": ["thank you very much", "muchas gracias", "grazie mille", "谢谢您"],
    "courtesy": ["please", "por favor", "per favore", "麻烦您"],
    "rude": ["calm down", "cálmese", "si calmi", "你自己看着办"],
    "blame_customer": [
        "that is your own fault",
        "es culpa suya es su culpa",
        "è colpa sua",
        "这是您自己的问题",
    ],
    "check_understanding": [
        "let me make sure i understand",
        "si he entendido bien",
        "se ho capito bene",
        "您的意思是",
    ],
    "open_question": [
        "what happened exactly",
        "qué ocurrió",
        "che tipo di problema",
        "是怎么回事呢",
    ],
    "personalisation": [
        "i see you called last week",
        "veo que usted ya llamó",
        "vedo che ci ha chiamato",
        "您上次反馈的问题",
    ],
    "verify_identity": [
        "can i have your date of birth",
        "me confirma su fecha de nacimiento",
        "mi può confermare la data di nascita",
        "请提供一下订单号",
    ],
    "identity_confirmed": [
        "thank you for confirming",
        "gracias por confirmar",
        "grazie per aver confermato",
        "身份已核实",
    ],
    "identity_given": [
        "my customer number is 4711",
        "mi número de cliente es 4711",
        "il mio codice cliente è 4711",
        "我的手机号是4711",
    ],
    "account_details": [
        "your savings account balance is seventy dollars",
        "su saldo es de cien euros",
        "il suo saldo è di cento euro",
        "您的订单已经发货",
    ],
    "recording_disclosure": [
        "this call may be recorded",
        "esta llamada puede ser grabada",
        "questa chiamata potrebbe essere registrata",
        "本次通话将被录音",
    ],
    "terms_disclosure": [
        "terms and conditions",
        "términos y condiciones",
        "termini e condizioni",
        "服务条款",
    ],
    "card_number": ["4111 1111 1111 1111", "4111111111111111", "[CARD_1]", "4111111111111111"],
    "recap": ["let me recap", "en resumen", "ricapitolando", "总结一下"],
    "further_help": [
        "is there anything else",
        "algo más en que ayudarle",
        "posso fare altro per lei",
        "还有其他可以帮您的吗",
    ],
    "closing": ["have a great day bye", "que tenga un buen día", "buona giornata", "祝您生活愉快"],
    "answer_given": [
        "i have booked your room",
        "ya está solucionado",
        "abbiamo risolto",
        "已为您处理好",
    ],
    "next_steps": [
        "we will send you an email",
        "le enviaremos un correo",
        "le invieremo una mail",
        "我们会联系您",
    ],
    "time_frame": [
        "within three business days",
        "en un plazo de tres días",
        "entro due giorni lavorativi",
        "三个工作日内",
    ],
    "transfer": ["let me transfer you", "le transfiero", "la trasferisco", "为您转接"],
    "hold": ["one moment please", "un momento por favor", "un attimo per favore", "请稍等"],
    "cannot_help": [
        "i am not able to do that",
        "no es posible",
        "non è possibile",
        "这个无法修改",
    ],
    "complaint": [
        "i want to make a complaint",
        "quiero poner una queja",
        "voglio fare un reclamo",
        "我要投诉",
    ],
    "anger": ["this is ridiculous", "estoy harto", "è una vergogna", "气死我了"],
    "repeat_contact": [
        "this is the third time i call",
        "es la tercera vez que llamo",
        "è la terza volta che chiamo",
        "打了好几次",
    ],
    "ask_supervisor": [
        "let me speak to your manager",
        "quiero hablar con un supervisor",
        "voglio parlare con un responsabile",
        "叫你们领导",
    ],
    "thanks_customer_satisfied": [
        "thats all i need",
        "eso es todo gracias",
        "perfetto grazie",
        "好的谢谢",
    ],
    "unresolved": [
        "it is still not working",
        "sigue sin funcionar",
        "non ha funzionato",
        "还是不行",
    ],
    "confirm_request": [
        "shall i go ahead and book it",
        "desea que lo cancele desea que proceda",
        "posso procedere",
        "您看这样可以吗",
    ],
    "action_done": [
        "i have cancelled your order",
        "ya he cancelado su pedido",
        "ho annullato il suo ordine",
        "已经取消了",
    ],
    "price_or_fee": ["it costs 20 dollars", "cuesta 20 euros", "costa 20 euro", "运费是"],
    "off_topic_advice": ["legal advice", "consejo legal", "consulenza legale", "投资建议"],
    "policy_limit": [
        "our policy does not allow that",
        "nuestra política no lo permite",
        "il regolamento non lo permette",
        "不符合退货条件",
    ],
}


def found(text: str, event: str, language: str = "en", book: PhraseBook | None = None) -> list[str]:
    book = book or phrase_book(language)
    spans = book.find(tokenise(text, language), [event])
    return [text[span.start_char : span.end_char] for span in spans]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_book_defines_every_event_and_every_phrase_is_well_formed(language):
    book = phrase_book(language)
    assert set(REQUIRED) <= set(book.events)
    book.check()


@pytest.mark.parametrize("event", REQUIRED)
@pytest.mark.parametrize(("place", "language"), list(enumerate(LANGUAGES)))
def test_what_people_say_is_found_in_lower_case_without_punctuation(event, place, language):
    said = SAID[event][place]
    assert found(said, event, language)
    assert found(f"{said.upper()}.", event, language)


WORDINGS = [
    # event, language, said so by people, not the event
    ("acknowledgement", "en", "no wonder you are upset", "sorry for the inconvenience"),
    ("acknowledgement", "en", "I can see why this is annoying", "I can see your account"),
    ("acknowledgement", "zh", "换了我也会生气", "请您放心"),
    ("identity_confirmed", "en", "That matches, thanks.", "so that I can verify your identity"),
    ("identity_confirmed", "en", "you are now verified", "I have your account here"),
    ("identity_confirmed", "es", "Identidad confirmada.", "para confirmar su identidad"),
    ("identity_confirmed", "it", "la verifica è riuscita", "così verifico la sua identità"),
    ("identity_confirmed", "zh", "好的，信息一致", "请您核对一下信息"),
    ("account_details", "en", "In your account I see a late invoice", "our plan costs 20 euros"),
    (
        "account_details",
        "es",
        "en su cuenta me aparece un recibo",
        "nuestra tarifa cuesta 20 euros",
    ),
    ("account_details", "it", "sul suo account vedo una bolletta", "la tariffa costa 20 euro"),
    ("account_details", "zh", "您的合同号是A12345", "您的合同号是多少"),
    ("recording_disclosure", "es", "nuestras conversaciones se graban", "la llamada se cortó"),
    ("recording_disclosure", "it", "le telefonate vengono registrate", "la telefonata è caduta"),
    ("answer_given", "en", "We refunded the second charge.", "I need to check whether it is done"),
    ("action_done", "en", "Done, it is saved.", "once it is saved"),
    ("next_steps", "en", "our courier will collect it", "please wait"),
    ("next_steps", "es", "recibe un mensaje con la fecha", "hasta luego"),
    ("next_steps", "it", "riceve una lettera", "la metto in attesa"),
    ("next_steps", "zh", "您会收到一条短信", "麻烦稍等"),
    ("time_frame", "en", "by 14:30 at the latest", "as soon as possible"),
    ("time_frame", "en", "it arrives on Friday", "you told us on Friday"),
    ("time_frame", "es", "lo recibirá mañana", "le atiendo enseguida"),
    ("time_frame", "it", "nelle prossime due ore", "il prima possibile"),
    ("time_frame", "zh", "三个工作日内", "我会尽快"),
    ("further_help", "es", "¿Desea algo más?", "cuénteme algo más de lo que pasa"),
    ("further_help", "it", "C'è altro che posso fare?", "È tutto."),
    ("further_help", "zh", "还需要我帮您做什么吗", "还需要等三天"),
    ("check_understanding", "en", "What I hear is that it broke.", "so you are online again"),
    ("check_understanding", "it", "Quindi lei mi dice che manca", "le mando la conferma scritta"),
    ("open_question", "en", "What happened after that?", "How can I help you?"),
    ("open_question", "es", "¿Qué pasó después?", "dígame la tarjeta"),
    ("personalisation", "es", "como nos dijo el lunes", "es igual para todos"),
    ("personalisation", "it", "è con noi dal 2012", "c'è un guasto nella sua zona"),
    ("personalisation", "zh", "您从2015年起就是我们的客户", "看到您的账户"),
    ("courtesy", "zh", "麻烦您说一下", "您的账单"),
    ("courtesy", "es", "con mucho gusto", "señora"),
    ("courtesy", "it", "molto volentieri", "signora"),
    ("rude", "en", "Don't shout at me", "not too bad"),
    ("rude", "es", "no me haga perder más tiempo", "no pierda la factura"),
    ("rude", "it", "Ma mi sta ascoltando?", "la ascolto"),
    ("rude", "zh", "你冷静一点", "请您放心"),
    ("address_by_name", "en", "Bye, Maria.", "hello norvela support"),
    ("address_by_name", "en", "Okay, Maria.", "Okay, card."),
    ("address_by_name", "es", "Vale, Marta.", "hola, atención al cliente"),
    ("address_by_name", "zh", "李总，您好", "我来总结"),
    ("closing", "en", "have a lovely stay", "could you have a shorter stay"),
    ("card_number", "es", "uno dos tres cuatro, " * 4, "uno dos tres cuatro"),
    ("greeting", "en", "This call is recorded. Hello.", "I said hello to him"),
    ("identity_given", "en", "my account number is 5501", "what is an account number"),
    ("identity_given", "zh", "我的手机号是139", "您的手机号是多少"),
]


@pytest.mark.parametrize(("event", "language", "said", "other"), WORDINGS)
def test_an_event_is_told_from_wording_that_only_looks_like_it(event, language, said, other):
    assert found(said, event, language)
    assert not found(other, event, language)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Okay, Maria, one moment", True),
        ("okay, maria, one moment", False),
        ("Maria, let me see", True),
        ("maria, let me see", False),
        ("Okay, Monday, one moment", False),
    ],
)
def test_a_name_between_commas_needs_its_capital(text, name):
    assert bool(found(text, "address_by_name")) is name


def test_the_span_is_the_words_that_were_said():
    assert found("Ok. I do apologise, really.", "apology") == ["apologise"]


def test_overlapping_readings_of_one_phrase_count_once():
    assert found("is there anything else i can help you with", "further_help") == [
        "anything else i"
    ]


@pytest.mark.parametrize(
    ("text", "event", "language", "negated"),
    [
        ("i have verified your identity", "identity_confirmed", "en", False),
        ("we cannot confirm your identity", "verify_identity", "en", True),
        ("I didn't verify your identity", "verify_identity", "en", True),
        ("no problem. Can you confirm your identity", "verify_identity", "en", False),
        ("i am not sure but please confirm your identity", "verify_identity", "en", False),
        ("no he podido verificar su identidad", "verify_identity", "es", True),
        ("necesito verificar su identidad", "verify_identity", "es", False),
        ("non ho annullato il suo ordine", "action_done", "it", True),
        ("ho annullato il suo ordine", "action_done", "it", False),
        ("没有给您修改好了", "action_done", "zh", True),
        ("能不能提供一下订单号", "verify_identity", "zh", False),
    ],
)
def test_negation_takes_back_what_follows_in_the_clause(text, event, language, negated):
    spans = phrase_book(language).find(tokenise(text, language), [event])
    assert [span.negated for span in spans] == [negated]


@pytest.mark.parametrize(
    ("text", "event", "language", "conditional"),
    [
        ("if we confirm your identity", "verify_identity", "en", True),
        ("if you like. I will confirm your identity", "verify_identity", "en", False),
        ("si usted me confirma su fecha de nacimiento", "verify_identity", "es", True),
        ("se mi conferma la data di nascita", "verify_identity", "it", True),
        ("如果您提供订单号", "verify_identity", "zh", True),
        ("请提供订单号", "verify_identity", "zh", False),
    ],
)
def test_conditional_clauses_are_marked(text, event, language, conditional):
    spans = phrase_book(language).find(tokenise(text, language), [event])
    assert {span.conditional for span in spans} == {conditional}


def test_thanks_are_not_taken_back_by_a_no():
    spans = phrase_book("es").find(tokenise("no gracias", "es"), ["thanks"])
    assert [span.negated for span in spans] == [False]


def test_an_exclusion_outweighs_a_match():
    assert found("do you have a specific time in mind", "closing") == []
    assert found("have a lovely time", "closing") == ["have a lovely time"]


def test_an_unknown_event_names_the_nearest():
    with pytest.raises(ScorerError, match="Did you mean 'greeting'"):
        phrase_book("en").find(tokenise("hi", "en"), ["greting"])


def test_an_unknown_language_says_what_to_do():
    assert not has_phrase_book("fi")
    with pytest.raises(ScorerError, match=r"phrases: book\.yaml"):
        phrase_book("fi")


def test_a_users_book_adds_to_the_built_in_one(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text(
        "language: en\nevents:\n"
        "  greeting: {phrases: [ahoy]}\n"
        "  apology: {phrases: [mea culpa], replace: true}\n"
        "  upsell: {phrases: [(upgrade|premium) ... plan]}\n"
    )
    book = phrase_book("en", [own])
    assert found("ahoy", "greeting", book=book)
    assert found("hello", "greeting", book=book)
    assert found("mea culpa", "apology", book=book)
    assert not found("sorry", "apology", book=book)
    assert found("upgrade to our new plan", "upsell", book=book) == ["upgrade to our new plan"]
    assert not found("upgrade. our plan", "upsell", book=book)
    assert book.version != phrase_book("en").version


def test_a_users_book_brings_a_new_language_and_is_read_again_when_changed(tmp_path):
    own = tmp_path / "fi.yaml"
    own.write_text("language: fi\nevents: {greeting: {phrases: [hei]}}\n")
    assert has_phrase_book("fi", [own])
    assert found("Hei!", "greeting", "fi", phrase_book("fi", [own]))
    own.write_text("language: fi\nevents: {greeting: {phrases: [hei, terve]}}\n")
    assert found("terve", "greeting", "fi", phrase_book("fi", [own]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("language: en\nevents: {greeting: {phrase: [hi]}}", "Did you mean 'phrases'"),
        ("language: en\nevents: {greeting: {phrases: []}}", "events.greeting.phrases"),
        ("language: [", "not valid YAML"),
    ],
)
def test_a_bad_book_names_the_place(tmp_path, text, message):
    own = tmp_path / "bad.yaml"
    own.write_text(text)
    with pytest.raises(ScorerError, match=message) as caught:
        load_book_file(own)
    assert "bad.yaml" in str(caught.value)


def test_a_missing_book_is_named(tmp_path):
    with pytest.raises(ScorerError, match=r"nowhere\.yaml"):
        load_book_file(tmp_path / "nowhere.yaml")


def test_words_that_yaml_takes_for_booleans_stay_words(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("language: en\nevents: {refusal: {phrases: [no, off]}}\n")
    assert found("No", "refusal", book=phrase_book("en", [own])) == ["No"]


@pytest.mark.parametrize(
    ("phrase", "text", "matches"),
    [
        ("(a|b c) d", "b c d", True),
        ("(a|b c) d", "a c d", False),
        ("a [b] c", "a c", True),
        ("a ... c", "a x y z c", True),
        ("a ... c", "a w x y z c", False),
        ("refund*", "refunding", True),
        ("<digits:4> [-] <digits:4>", "1234-5678", True),
        ("<digits:6+>", "12345", False),
        ("<digit>{3}", "one 2 three", True),
        ("<number> days", "seven days", True),
        ("by <clock>", "by 14:00", True),
        ("by <clock>", "by 14", False),
        ("bye <proper>", "bye Ann", True),
        ("bye <proper>", "bye ann", False),
        ("mr <name>", "mr smith", True),
        ("mr <name>", "mr the", False),
        ("^ hello", "... hello", True),
        ("^ hello", "oh hello", False),
        ("bye $", "bye!", True),
        ("bye $", "bye now", False),
        ("<mask:card>", "[CARD_12]", True),
        ("<mask:card>", "<card number>", True),
        (r"(\$|£) <number>", "$ 20", True),
        ("can't help", "cannot help", True),
    ],
)
def test_each_sign_of_the_phrase_syntax(tmp_path, phrase, text, matches):
    own = tmp_path / "own.yaml"
    own.write_text(
        f"language: en\nevents: {{x: {{phrases: ['{phrase.replace(chr(39), chr(39) * 2)}']}}}}"
    )
    assert bool(found(text, "x", book=phrase_book("en", [own]))) is matches


@pytest.mark.parametrize(
    ("phrase", "message"),
    [
        ("(a|b", r"'\)' is missing"),
        ("a ]", "does not belong here"),
        ("[a]", "match anything"),
        ("... a", "a gap"),
        ("a ... b ... c ... d", "more than 2 gaps"),
        ("<colour>", "no class <colour>"),
        ("<digits:x>", "does not take"),
        ("a{99}", "2 to 40"),
        ("*", "stands only at the end"),
        ("(a|)", "an alternative is empty"),
        (" ".join(["(a b|c d)"] * 12), "over 600 variants"),
    ],
)
def test_a_malformed_phrase_says_what_is_wrong(phrase, message):
    with pytest.raises(ScorerError, match=message):
        parse_phrase(phrase, str.split)


HOSTILE = [
    "is there anything else " * 10_000,
    "a " * 400_000,
    "[" * 20_000 + "CARD" + "]" * 20_000,
    "1" * 100_000,
    "4 1 " * 50_000,
    "sor\u200bry " * 5_000,
    "\u202ethank you\u202c 😀 " * 3_000,
    "i do not if not never " * 5_000,
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_text_yields_spans_inside_it(text, language):
    book = phrase_book(language)
    for span in book.find(tokenise(text, language), book.events):
        assert 0 <= span.start_char < span.end_char <= len(text)


def test_a_word_broken_by_zero_width_characters_is_still_read():
    assert found("I am sor\u200bry", "apology") == ["sor\u200bry"]


PIECES = st.sampled_from(
    [
        "sorry",
        "thank",
        "you",
        "is",
        "there",
        "anything",
        "else",
        "bye",
        "not",
        "if",
        "your",
        "balance",
        "4111",
        "1",
        "!",
        ".",
        "😀",
        "\u200b",
        "hello",
        "my",
        "name",
        "mary",
        "[",
        "]",
        "<",
        ">",
        "CARD",
        "please",
        "could",
        "have",
        "a",
        "nice",
        "day",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=40))
def test_one_event_is_found_in_disjoint_spans_inside_the_text(pieces):
    text = " ".join(pieces)
    book = phrase_book("en")
    spans = book.find(tokenise(text, "en"), book.events)
    ends: dict[str, int] = {}
    for span in spans:
        assert 0 <= span.start_char < span.end_char <= len(text)
        assert span.start_char >= ends.get(span.event, 0)
        ends[span.event] = span.end_char
