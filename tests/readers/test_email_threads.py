import base64
import gzip
import mailbox
from email.message import EmailMessage

import pytest

from autoqa.readers import Quarantine, read, sniff
from autoqa.readers.email_grouping import subject_of
from autoqa.readers.email_messages import header_text
from autoqa.records import Channel, Speaker

ANA = "Ana Example <ana@mail.example>"
SHOP = "Shop <support@shop.example>"
BEN = "Ben <ben@shop.example>"


def mail(sender, to, text, number=1, **headers):
    """A message; a header set to ``...`` is left out."""
    given = {
        "From": sender,
        "To": to,
        "Subject": "Lamp",
        "Date": f"Mon, 03 Mar 2025 10:{number:02d}:00 +0000",
        "Message-ID": f"<m{number}@mail.example>",
    }
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in given.items() if value is not ...]
    return "\n".join([*lines, "", text, ""])


ASKED = mail(ANA, SHOP, "The lamp is broken.")
ANSWERED = mail(SHOP, ANA, "A new one is on its way.", 2, Subject="Re: Lamp",
                In_Reply_To="<m1@mail.example>", References="<m1@mail.example>")  # fmt: skip
THANKED = mail(ANA, SHOP, "Thanks!", 3, Subject="Re: Lamp", In_Reply_To="<m2@mail.example>",
               References="<m1@mail.example> <m2@mail.example>")  # fmt: skip


def mbox(*messages):
    return "".join(f"From - Mon Mar 03 10:12:00 2025\n{one}\n" for one in messages)


def said(labelled):
    return [(turn.speaker, turn.text) for turn in labelled.transcript.turns]


THREAD = [
    (Speaker.CUSTOMER, "The lamp is broken."),
    (Speaker.AGENT, "A new one is on its way."),
    (Speaker.CUSTOMER, "Thanks!"),
]


def test_a_mailbox_is_taken_apart_into_threads(read_file):
    other = mail("leo@mail.example", SHOP, "Where is my chair?", 4, Subject="Chair")
    found, quarantine, _ = read_file("all.mbox", mbox(ASKED, other, THANKED, ANSWERED))
    assert sorted(len(one.transcript.turns) for one in found) == [1, 3]
    thread = max(found, key=lambda one: len(one.transcript.turns))
    assert said(thread) == THREAD
    transcript = thread.transcript
    assert [turn.start_s for turn in transcript.turns] == [0.0, 60.0, 120.0]
    assert transcript.conversation_id == "m1@mail.example"
    assert transcript.channel is Channel.EMAIL
    assert (transcript.agent, transcript.customer) == ("support@shop.example", "ana@mail.example")
    assert transcript.started_at.minute == 1
    assert transcript.attributes == {"subject": "Lamp"}
    assert not quarantine.counts


def test_files_of_one_message_each_are_one_conversation(tmp_path):
    for number, content in enumerate((THANKED, ANSWERED, ASKED)):
        (tmp_path / f"ticket-{number}.eml").write_text(content)
    (tmp_path / "note.txt").write_text("Agent: hi\nCustomer: hello\n")
    quarantine = Quarantine()
    found = list(read([tmp_path], quarantine=quarantine))
    assert said(found[1]) == THREAD
    assert found[1].transcript.conversation_id == "ticket-2"  # where the first message is
    assert [one.transcript.conversation_id for one in found] == ["note", "ticket-2"]
    assert quarantine.records_read == 2
    assert not quarantine.notes


def test_one_file_with_its_quoted_history_is_the_thread(read_file):
    body = (
        "Thanks!\n\nOn Mon, 3 Mar 2025 at 10:02, Shop <support@shop.example> wrote:\n"
        "> A new one is on its way.\n>\n"
        "> On Mon, 3 Mar 2025 at 10:01, Ana Example wrote:\n>> The lamp is broken.\n"
    )
    ((found,), _, _) = read_file("t.eml", mail(ANA, SHOP, body, 3, Subject="Re: Lamp"))
    assert said(found) == THREAD
    assert [turn.start_s for turn in found.transcript.turns] == [None, None, 0.0]
    assert found.transcript.conversation_id == "t"


def test_what_is_quoted_and_there_is_one_turn(read_file):
    quoting = ANSWERED.rstrip() + (
        "\n\nOn Mon, 3 Mar 2025 at 10:01, Ana Example <ana@mail.example> wrote:\n"
        "> The lamp\n> is broken.\n"
    )
    ((found,), _, _) = read_file("t.mbox", mbox(ASKED, quoting, THANKED))
    assert said(found) == THREAD


def test_what_the_mailbox_lacks_is_taken_from_quotations(read_file):
    """An inbox holds no answers; the customer's next message quotes them."""
    quoting = THANKED.rstrip() + (
        "\n\nOn Mon, 3 Mar 2025 at 10:02, Shop <support@shop.example> wrote:\n"
        "> A new one is on its way.\n>\n"
        "> On Mon, 3 Mar 2025 at 10:01, Ana <ana@mail.example> wrote:\n"
        ">> The lamp is\n>> broken.\n"
    )
    ((found,), _, _) = read_file("inbox.mbox", mbox(ASKED, quoting))
    assert said(found) == THREAD


def test_a_reply_without_references_joins_by_subject_and_people(read_file):
    lost = mail(SHOP, ANA, "A new one is on its way.", 2, Subject="RE: [EXT] lamp")
    same_words = mail("leo@mail.example", SHOP, "Mine, too.", 3)
    found, _, _ = read_file("t.mbox", mbox(lost, ASKED, same_words))
    assert sorted(len(one.transcript.turns) for one in found) == [1, 2]
    again = mail(ANA, SHOP, "Another lamp is broken.", 4)  # no reply: a new conversation
    found, _, _ = read_file("t.mbox", mbox(ASKED, again))
    assert len(found) == 2


def test_copies_of_a_message_are_one_turn(read_file):
    ((found,), quarantine, _) = read_file("t.mbox", mbox(ASKED, ANSWERED, ASKED, THANKED))
    assert said(found) == THREAD
    assert quarantine.notes == {"duplicate_message": 1}


def test_programs_that_give_all_messages_one_id_make_no_one_thread(read_file):
    one_id = {"Message_ID": "<always@mail.example>"}
    leo = mail("leo@mail.example", SHOP, "Where is my chair?", 2, Subject="Chair", **one_id)
    found, quarantine, _ = read_file("t.mbox", mbox(mail(ANA, SHOP, "Broken.", **one_id), leo))
    assert len(found) == 2
    assert not quarantine.counts


@pytest.mark.parametrize(
    ("given", "guessed"),
    [
        ({}, False),
        ({"support@shop.example": Speaker.AGENT}, False),
        ({"shop.example": Speaker.AGENT}, False),
        ({"@shop.example": Speaker.AGENT}, False),
        ({"ana example": Speaker.CUSTOMER}, False),
        ({"mail.example": Speaker.CUSTOMER}, False),
    ],
)
def test_an_address_a_name_or_a_domain_says_who_is_who(read_file, given, guessed):
    ((found,), quarantine, _) = read_file("t.mbox", mbox(ASKED, ANSWERED, THANKED), speakers=given)
    assert said(found) == THREAD
    assert ("speakers_guessed" in quarantine.notes) is guessed


def test_what_the_user_says_wins(read_file):
    ((found,), _, _) = read_file(
        "t.mbox", mbox(ASKED, ANSWERED), speakers={"mail.example": Speaker.AGENT}
    )
    assert [speaker for speaker, _ in said(found)] == [Speaker.AGENT, Speaker.CUSTOMER]


def test_colleagues_of_the_desk_are_agents(read_file):
    ben = ANSWERED.replace(SHOP, BEN, 1)
    ((found,), quarantine, _) = read_file("t.mbox", mbox(ASKED, ben, THANKED))
    assert said(found) == THREAD
    assert found.transcript.agent == "ben@shop.example"
    assert "speakers_guessed" not in quarantine.notes


def test_who_wrote_first_is_guessed_to_be_the_customer(read_file):
    leo = "Leo <leo@firm.example>"
    messages = [one.replace(SHOP, leo) for one in (ASKED, ANSWERED, THANKED)]
    ((found,), quarantine, _) = read_file("t.mbox", mbox(*messages))
    assert said(found) == THREAD
    assert quarantine.notes == {"speakers_guessed": 1}


def test_two_desks_that_write_to_each_other_are_told_by_who_began(read_file):
    firm = "info@firm.example"
    messages = [one.replace(ANA, f"Firm <{firm}>") for one in (ASKED, ANSWERED, THANKED)]
    ((found,), _, _) = read_file("t.mbox", mbox(*messages))
    assert said(found) == THREAD  # support@ says more than info@
    messages = [one.replace("info@firm", "support@firm") for one in messages]
    ((found,), quarantine, _) = read_file("t.mbox", mbox(*messages))
    assert said(found) == THREAD
    assert quarantine.notes == {"speakers_guessed": 1}


def test_one_message_between_strangers_says_nothing(read_file):
    lonely = mail(ANA, "leo@firm.example", "Hello")
    found, quarantine, rows = read_file("t.eml", lonely)
    assert not found
    assert quarantine.counts == {"unknown_speakers": 1}
    assert "firm" not in str(rows)


@pytest.mark.parametrize(
    ("sender", "headers", "speaker"),
    [
        ("no-reply@shop.example", {}, Speaker.BOT),
        (SHOP, {"Auto_Submitted": "auto-replied"}, Speaker.BOT),
        (ANA, {"Auto_Submitted": "auto-generated"}, Speaker.SYSTEM),
        ("mailer-daemon@mail.example", {}, Speaker.SYSTEM),
    ],
)
def test_what_programs_write_is_not_what_people_write(read_file, sender, headers, speaker):
    automatic = mail(
        sender, "x@mail.example", "Received.", 2, References="<m1@mail.example>", **headers
    )
    ((found,), _, _) = read_file("t.mbox", mbox(ASKED, automatic))
    assert found.transcript.turns[1].speaker is speaker


def test_what_is_passed_on_belongs_to_who_passes_it_on(read_file):
    body = (
        "See below.\n\n---------- Forwarded message ---------\nFrom: Post <p@post.example>\n"
        "Date: Monday\nTo: Ana\nSubject: Parcel\n\nWe could not deliver."
    )
    ((found,), _, _) = read_file("t.eml", mail(ANA, SHOP, body, Subject="Fwd: Parcel"))
    assert said(found) == [(Speaker.CUSTOMER, "See below.\n\nWe could not deliver.")]


def test_charsets_transfer_encodings_and_encoded_words_are_decoded(read_file):
    first = mail(
        "=?iso-8859-1?q?Jos=E9?= <jose@mail.example>", SHOP, "La l=E1mpara est=E1 rota.",
        Subject="=?utf-8?B?TMOhbXBhcmE=?=", MIME_Version="1.0",
        Content_Type="text/plain; charset=iso-8859-1", Content_Transfer_Encoding="quoted-printable",
    )  # fmt: skip
    second = mail(
        SHOP, "jose@mail.example", base64.b64encode("您好，谢谢".encode("gb18030")).decode(), 2,
        References="<m1@mail.example>", MIME_Version="1.0",
        Content_Type='text/plain; charset="gb2312"', Content_Transfer_Encoding="base64",
    )  # fmt: skip
    ((found,), _, _) = read_file("t.mbox", mbox(first, second))
    assert [text for _, text in said(found)] == ["La lámpara está rota.", "您好，谢谢"]
    assert found.transcript.attributes == {"subject": "Lámpara"}


@pytest.mark.parametrize("charset", ["x-unknown", "punycode", "zlib", "us-ascii", ""])
def test_a_wrong_charset_costs_no_message(read_file, charset):
    content = mail(ANA, SHOP, "Größe", Content_Type=f"text/plain; charset={charset}")
    for encoding in ("utf-8", "cp1252"):
        ((found,), _, _) = read_file("t.eml", content.encode(encoding))
        assert said(found) == [(Speaker.CUSTOMER, "Größe")]


def rich(*, attach=True, plain="Plain words"):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = ANA, SHOP, "Lamp"
    message["Date"] = "Mon, 03 Mar 2025 10:00:00 +0000"
    message.set_content(plain)
    page = "<p>Rich <b>words</b></p><blockquote>quoted</blockquote>"
    message.add_alternative(page, subtype="html")
    if attach:
        message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="lamp.png")
        message.add_attachment("secret plan", filename="plan.txt")
    return message.as_bytes()


def test_plain_text_comes_before_html_and_attachments_are_not_read(read_file):
    ((found,), quarantine, rows) = read_file("t.eml", rich())
    assert said(found) == [(Speaker.CUSTOMER, "Plain words")]
    assert quarantine.notes == {"attachments_dropped": 1}
    assert rows[0]["message"] == "2 attachments are not read"


def test_of_a_message_that_is_too_large_the_words_are_read(read_file, monkeypatch):
    monkeypatch.setattr("autoqa.readers.email_messages.MAX_RECORD_BYTES", 800)
    large = rich(attach=False) + b"x" * 2000
    ((found,), quarantine, _) = read_file("t.eml", large)
    assert said(found) == [(Speaker.CUSTOMER, "Plain words")]
    assert quarantine.notes == {"attachments_dropped": 1}
    found, quarantine, _ = read_file("t.eml", mail(ANA, SHOP, "words " * 500))
    assert not found
    assert quarantine.counts == {"too_large": 1}


def test_html_is_read_where_there_is_no_plain_text(read_file):
    ((found,), _, _) = read_file("t.eml", rich(attach=False, plain=" "))
    assert said(found) == [(Speaker.CUSTOMER, "Rich words")]


def test_what_python_wrote_as_a_mailbox_is_read(tmp_path, read_file):
    box = mailbox.mbox(tmp_path / "all.mbox")
    box.add(ASKED.replace("broken.", "broken.\n\nFrom now on it is dark.\n"))
    box.add(ANSWERED)
    box.flush()
    ((found,), _, _) = read_file("all.mbox", (tmp_path / "all.mbox").read_bytes())
    assert said(found)[0][1] == "The lamp is broken.\n\nFrom now on it is dark."
    assert len(said(found)) == 2


def test_a_compressed_mailbox_is_read(read_file):
    content = gzip.compress(mbox(ASKED, ANSWERED, THANKED).encode())
    ((found,), _, _) = read_file("all.mbox.gz", content)
    assert said(found) == THREAD


def test_a_mailbox_that_breaks_off_keeps_what_came_before(read_file):
    other = mail("leo@mail.example", SHOP, "x" * 200_000, 4, Subject="Chair")
    content = gzip.compress(mbox(ASKED, ANSWERED, other).encode(), mtime=0)
    found, quarantine, _ = read_file("all.mbox.gz", content[:-40])
    assert [len(one.transcript.turns) for one in found] == [2]
    assert quarantine.counts == {"damaged_file": 1}


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"From": ...}, "unknown_format"),
        ({"From": "nobody"}, "missing_field"),
        ({"From": ""}, "missing_field"),
    ],
)
def test_a_message_from_nobody_is_quarantined(read_file, headers, reason):
    found, quarantine, _ = read_file("t.eml", mail(ANA, SHOP, "x", **headers))
    assert not found
    assert quarantine.counts == {reason: 1}


@pytest.mark.parametrize(
    "headers",
    [
        {"Date": "yesterday"},
        {"Date": "Mon, 99 Mar 99999 10:00:00 +0000"},
        {"Subject": "=?utf-8?b?A?="},
        {"To": "<<<>>>,;:@"},
        {"To": "(" * 3000},
        {"Message_ID": "<>"},
        {"References": "<" * 3000},
        {"Subject": "=?a?q?" * 2000},
        {"Content_Type": 'text/plain; charset*=x\'\'%FF; name="'},
        {"Content_Type": "multipart/mixed; boundary=x"},
        {"Content_Transfer_Encoding": "base64"},
        {"From": 'Ana "Ex, ample <ana@mail.example>'},
    ],
)  # fmt: skip
def test_malformed_headers_stop_nothing(read_file, headers):
    _, quarantine, _ = read_file("t.eml", mail(ANA, SHOP, "Hello", **headers))
    assert quarantine.records_read == 1
    assert "reader_failed" not in quarantine.counts


def test_parts_nested_without_end_stop_nothing(read_file):
    lines = ["From: ana@mail.example", "To: support@shop.example", "Subject: x"]
    for depth in range(2000):
        lines += [f"Content-Type: multipart/mixed; boundary=b{depth}", "", f"--b{depth}"]
    _, quarantine, _ = read_file("t.eml", "\n".join(lines))
    assert quarantine.records_read == 1
    assert "reader_failed" not in quarantine.counts


@pytest.mark.parametrize(
    ("subject", "text", "is_reply", "is_forward"),
    [
        ("Re: Lamp", "lamp", True, False),
        ("RE: FW: [EXT]  Lamp ", "lamp", True, False),
        ("Fwd: Re: Lamp", "lamp", False, True),
        ("R: Lampada", "lampada", True, False),
        ("RV: Lámpara", "lámpara", False, True),
        ("回复：灯", "灯", True, False),
        ("Re[2]: Lamp", "lamp", True, False),
        ("Result: Lamp", "result: lamp", False, False),
        ("", "", False, False),
    ],
)
def test_subjects_are_told_without_their_prefixes(subject, text, is_reply, is_forward):
    found = subject_of(subject)
    assert (found.text, found.is_reply, found.is_forward) == (text, is_reply, is_forward)


def test_a_broken_encoded_word_stays_as_it_is():
    assert header_text("=?utf-8?b?A?=") == "=?utf-8?b?A?="


@pytest.mark.parametrize(
    ("content", "format_name"),
    [
        (ASKED, "email"),
        (mbox(ASKED), "email"),
        ("\ufeff" + ASKED, "email"),
        ("Agent: from here\nCustomer: date\n", "text"),
        ("Customer: Hello\nSubject: lamp\nAgent: Hi\n", "text"),
    ],
)
def test_mail_is_told_from_conversations_in_text(tmp_path, content, format_name):
    (tmp_path / "x.txt").write_text(content)
    assert sniff(tmp_path / "x.txt") == format_name
