import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.readers.html_text import is_html, text_of_html


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<div>One</div><div>Two<br/>Three</div>", "One\nTwo\nThree"),
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("Tom &amp; Ana&nbsp;&lt;3 caf&eacute; &#20320;", "Tom & Ana <3 café 你"),
        ("a<script>if (a < b) {}</script>b<style>p {}</style>c<title>d</title>", "abc"),
        ("one <!-- <p>two</p> --> three", "one three"),
        ('<a title="1 > 0" href=x>here</a>', "here"),
        ("<p title=it's>open quote</p>", "open quote"),
        ("<td>a</td><td>b</td>", "a b"),
        ("3 < 4 and 5 > 4", "3 < 4 and 5 > 4"),
        ("<o:p></o:p><?xml x?><![if mso]>Office", "Office"),
        ("<script>never closed", ""),
        ("<SCRIPT>a</Script >b", "b"),
        ("&#" + "9" * 5000 + ";", "&#" + "9" * 5000 + ";"),
        ("a <b never closed", "a <b never closed"),
        ("", ""),
    ],
)
def test_html_reads_as_a_page_does(page, text):
    assert text_of_html(page) == text


def test_quotes_can_be_marked_as_plain_text_mail_has_them():
    page = "New<blockquote>old<blockquote>older</blockquote>old too</blockquote>new"
    marked = "New\n> old\n> > older\n> old too\nnew"
    assert text_of_html(page, mark_quotes=True) == marked
    assert ">" not in text_of_html(page)


def test_text_with_an_angle_bracket_is_not_html():
    assert is_html("<p>Hello</p>")
    assert is_html("Hello<br>you")
    assert not is_html("write to <ana@mail.example> if a < b")


@given(st.text(alphabet="<>/!-='\"a b&#;p", max_size=60))
def test_any_text_is_read(page):
    text_of_html(page, mark_quotes=True)


@pytest.mark.parametrize(
    "unit",
    ["<", "<!--", "<![CDATA[", "<a ", "</", "<a b='", '<a b=">"', "<p>", "&#9", "<a =", "<li"],
)
def test_hostile_html_takes_linear_time(unit):
    text_of_html(unit * (1_000_000 // len(unit)), mark_quotes=True)
