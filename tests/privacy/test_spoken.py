import pytest

from autoqa.privacy import announced, redact_text
from autoqa.privacy.digits import number_words, spoken_runs
from autoqa.privacy.number_words import NUMBER_WORDS
from autoqa.privacy.planted import FAMILIES, LANGUAGES, plant


def said(text):
    return [run.digits for run in spoken_runs(text)]


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("four one double one", "4111"),
        ("forty one eleven twenty-two", "411122"),
        ("oh seven, nine hundred, triple five", "07900555"),
        ("four o five", "405"),
        ("two thousand twenty seven", "2027"),
        ("4111 uh 1111 um 1111 1111", "4111111111111111"),
        ("cuarenta y uno once treinta", "411130"),
        ("seiscientos doce treinta y cuatro cincuenta y seis", "6123456"),
        ("dos mil veintisiete", "2027"),
        ("quarantuno trentatré ventotto cento due", "413328102"),
        ("一三八零零幺", "138001"),
    ],
)
def test_numbers_are_put_together_as_people_say_them(text, digits):
    assert said(text) == [digits]


def test_a_run_is_in_one_language():
    assert said("uno o dos") == ["1", "2"]  # "o" is a zero in English only
    assert said("five cinco") == ["5", "5"]


def test_words_that_are_no_numbers_part_runs():
    assert said("one moment, two bags") == ["1", "2"]
    assert said("no number here") == []


def test_number_words_are_counted():
    assert number_words("one of the two, 三") == 3
    assert number_words("4 1 1 1") == 0


def test_the_table_knows_every_number_below_a_hundred_in_italian():
    twos = {said.digits for said in NUMBER_WORDS.values() if said.languages & 4}
    units = {str(n) for n in range(10)}
    assert twos >= units | {str(n) for n in range(10, 100)}


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("my email is john dot smith at example dot com thanks", "my email is [EMAIL] thanks"),
        ("it's j o h n 22 at gmail dot com", "it's [EMAIL]"),
        ("write to ana guion bajo perez arroba ejemplo punto es", "write to [EMAIL]"),
        ("mario punto rossi chiocciola esempio punto it", "[EMAIL]"),
        ("邮箱zhang点san艾特example点com", "邮箱[EMAIL]"),
        ("john.smith at example.com", "[EMAIL]"),
        ("sara lopez at mail dot example dot co dot uk is my e-mail", "[EMAIL] is my e-mail"),
        ("email sara lopez at mail dot example dot co dot uk", "email [EMAIL]"),
    ],
)
def test_addresses_that_are_read_aloud_are_masked(text, redacted):
    assert redact_text(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "look it up at example dot com",
        "write to me at example dot com",
        "at the dot, at last",
        "we are at one point five percent",
    ],
)
def test_web_pages_are_no_addresses(text):
    assert redact_text(text) == text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("the password is Hunter2!", "the password is [PASSWORD]!"),
        ("la contraseña es Sol2024, gracias", "la contraseña es [PASSWORD], gracias"),
        ("密码是abc123吗", "密码是[PASSWORD]吗"),
        ("your verification code is 482913", "your verification code is [CODE]"),
        ("your code is G-482913.", "your code is [CODE]."),
        ("my PIN is one two three four", "my PIN is [CODE]"),
        ("验证码是四八二九一三", "验证码是[CODE]"),
        ("my bank account is 12345678", "my bank account is [ACCOUNT]"),
        ("the sort code is 12-34-56, account 12345678", "the sort code is [ACCOUNT], account "
         "[ACCOUNT]"),
        ("the CVV is 737", "the CVV is [CVV]"),
        ("card 4111 1111 1111 1111 expires december twenty twenty seven",
         "card [CARD] expires [EXPIRY]"),
        ("la tarjeta caduca en 12/27", "la tarjeta caduca en [EXPIRY]"),
        ("信用卡有效期到27年12月", "信用卡有效期到[EXPIRY]"),
    ],
)  # fmt: skip
def test_secrets_are_masked_where_they_are_told(text, redacted):
    assert redact_text(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "the password is wrong, and my password is case sensitive",
        "your promo code is SAVE20 and the zip code is 90210",
        "la contraseña es incorrecta",
        "密码是错的",
        "el código postal es 28013",
        "my account number is 12345678",
        "the contract expires 12/27",
        "the appointment is at twelve thirty",
        "error code 4829 on version 10.15.7.2, my phone runs 12.30.14.10",
        "my phone was delivered on 12/05/2024 and cost $1,234,567.89",
    ],
)
def test_what_only_sounds_like_a_secret_is_left_alone(text):
    assert redact_text(text) == text


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_looking_for_stems_first_misses_no_announcement(language, family):
    texts = {turn.text.lower() for one in plant(language, family, entities=200, seed=3)
             for turn in one.transcript.turns}  # fmt: skip
    by_pattern = {text for text in texts if announced._ANNOUNCED.search(text)}
    assert {text for text in texts if announced.announcements(text)} == by_pattern
