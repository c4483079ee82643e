import pytest

from autoqa.readers.email_bodies import fingerprint, layers, own_words

ENGLISH = "On Mon, 3 Mar 2025 at 10:12, Ana <ana@mail.example> wrote:"


@pytest.mark.parametrize(
    "heading",
    [
        ENGLISH,
        "On Mon, 3 Mar 2025 at 10:12, Ana <\nana@mail.example> wrote:",
        "On 2025-03-03 10:12, Ana wrote:",
        "El lun, 3 mar 2025 a las 10:12, Ana (<ana@mail.example>) escribió:",
        "Il giorno lun 3 mar 2025 alle ore 10:12 Ana <ana@mail.example> ha scritto:",
        "张三 <ana@mail.example> 于2025年3月3日周一 10:12写道：",
        "在 2025-03-03 10:12:00，Ana <ana@mail.example> 写道：",
    ],
)
@pytest.mark.parametrize("mark", ["> ", ">", ""])
def test_attributions_of_mail_programs_start_the_history(heading, mark):
    body = f"It works now.\n\n{heading}\n\n{mark}Please try again.\n{mark}\n{mark}Ana\n"
    newest, older = layers(body)
    assert newest.text == "It works now."
    assert older.text == "Please try again.\n\nAna"
    assert older.author == heading.replace("\n", " ")


@pytest.mark.parametrize(
    "block",
    [
        "From: Ana <ana@mail.example>\nSent: Monday, March 3, 2025 10:12\nTo: Shop\nSubject: Lamp",
        "*From:* Ana <ana@mail.example>\n*Date:* Monday\n*To:* Shop\n*Subject:* Lamp",
        "De: Ana <ana@mail.example>\nEnviado el: lunes\nPara: Tienda\nAsunto: Lámpara",
        "Da: Ana <ana@mail.example>\nInviato: lunedì\nA: Negozio\nOggetto: Lampada",
        "发件人: Ana <ana@mail.example>\n发送时间: 2025年3月3日\n收件人: 商店\n主题: 灯",
    ],
)
@pytest.mark.parametrize("rule", ["", "_" * 32 + "\n", "-----Original Message-----\n"])
def test_header_blocks_of_outlook_start_the_history(block, rule):
    newest, older = layers(f"It works now.\n\n{rule}{block}\n\nPlease try again.\n")
    assert newest.text == "It works now."
    assert older.text == "Please try again."
    assert "ana@mail.example" in older.author


def test_a_long_history_is_taken_apart():
    body = f"Three\n\n{ENGLISH}\n> Two\n>\n> {ENGLISH}\n>> One\n"
    assert [layer.text for layer in layers(body)] == ["Three", "Two", "One"]


def test_answers_between_quoted_lines_stay_and_the_quotation_goes():
    body = f"{ENGLISH}\n> Which colour?\nRed.\n> Which size?\nLarge.\n"
    assert [layer.text for layer in layers(body)] == ["Red.\nLarge."]


@pytest.mark.parametrize(
    "tail",
    [
        "-- \nAna Example\n+1 555",
        "--\nAna Example",
        "Sent from my phone",
        "Enviado desde mi teléfono",
        "发自我的手机",
        "Get Outlook for Android",
        "This e-mail and any attachments are confidential and intended only for Ana.",
        "CONFIDENTIALITY NOTICE: keep this to yourself",
        "Este mensaje es confidencial.",
        "Questo messaggio è riservato.",
        "本邮件内容保密。",
        "_______________",
    ],
)
def test_signatures_and_legal_notices_are_no_words_of_the_message(tail):
    assert own_words(f"It works now.\n\n{tail}\n") == "It works now."


@pytest.mark.parametrize(
    "body",
    [
        "On Monday your colleague wrote:\nnothing at all.",
        "From: the start it was broken.\nI want my money back.",
        "The scale is\n--- not a signature ---\nwrong",
        "This message is for Ana.",
    ],
)
def test_ordinary_sentences_are_left_alone(body):
    assert own_words(body) == body


def test_a_message_that_only_quotes_is_kept_whole_by_own_words():
    assert own_words("> nothing else") == "> nothing else"


def test_a_help_desk_s_rule_ends_the_message():
    body = "Yes please.\n##- Please type your reply above this line -##\nYour ticket 7"
    assert own_words(body) == "Yes please."


def test_wrapped_and_marked_copies_have_one_fingerprint():
    assert fingerprint("Please try\nAGAIN, now!") == fingerprint("please  try again now")


@pytest.mark.parametrize(
    "unit", [">\n", "On 1 \n", "From: a\nx\n", f"{ENGLISH}\n", "From: a\nTo: a\n"]
)
def test_hostile_bodies_take_linear_time(unit):
    layers(unit * (1_000_000 // len(unit)))
