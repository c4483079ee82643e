import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.evaluation.plots.style import Rows, canvas, short, wrapped
from autoqa.evaluation.wording import english


@given(st.integers(0, 300), st.integers(2, 60))
def test_rows_shown_and_left_out_make_up_all(n, most):
    rows = Rows.of(range(n), most)
    assert len(rows.items) + rows.left_out == n
    assert len(rows.items) <= most
    assert len(set(rows.places)) == len(rows.places)
    assert rows.gap not in rows.places
    if rows.left_out:
        assert (rows.items[0], rows.items[-1]) == (0, n - 1)


def test_the_gap_between_first_and_last_says_how_many_are_left_out():
    axes = canvas(3).subplots()
    rows = Rows.of(range(60), 6)
    rows.label(axes, str, say=english)
    assert [t.get_text() for t in axes.get_yticklabels()] == ["0", "1", "2", "57", "58", "59"]
    assert list(axes.get_yticks()) == [0, 1, 2, 4, 5, 6]
    (gap,) = axes.texts
    assert gap.get_text() == "… 54 more in between, not shown …"
    assert gap.get_position()[1] == 3


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("tone", "tone"),
        ("a" * 30, "a" * 30),
        ("acknowledges_how_the_problem_affects_the_customer", "acknowledges_how_the…_customer"),
        ("two\nlines\t", "two lines"),
    ],
)
def test_long_names_lose_their_middle(name, shown):
    assert short(name) == shown
    assert len(shown) <= 30


def test_chinese_lines_are_half_as_long():
    assert wrapped("质量" * 10, 20) == "质量" * 5 + "\n" + "质量" * 5
    assert wrapped("quality " * 5, 20) == "quality quality\nquality quality\nquality"
    assert wrapped("") == ""
