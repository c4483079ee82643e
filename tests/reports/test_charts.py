from __future__ import annotations

import re
import warnings

from autoqa.reports.charts import chart


def drawing(*, names=("one", "two"), title=""):
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(4, 3), layout="constrained")
    axes = canvas.subplots()
    axes.plot([0, 1], [0, 1], "o-", label=names[0])
    axes.fill_between([0, 1], [0, 0], [1, 1], hatch="//", alpha=0.2, label=names[1])
    axes.set_title(title)
    axes.legend()
    return canvas


def test_ids_of_two_figures_never_meet_and_references_follow_them():
    first, second = (chart(drawing, id=name, label="a", caption="b").svg for name in "xy")
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', first))
    assert used == ids[0]


def test_a_figure_is_the_same_on_every_run():
    first, second = (chart(drawing, id="x", label="a", caption="b").svg for _ in range(2))
    assert first == second


def test_a_figure_holds_no_style_no_address_and_no_date():
    svg = chart(drawing, id="x", label="a", caption="b").svg
    assert "style" not in svg
    assert "http" not in svg
    assert not re.search(r"20\d\d-\d\d", svg)
    assert 'fill="' in svg


def test_texts_stay_texts_whatever_they_hold():
    title = "<script>$x_1$ & \x0b\x1b</script>"
    svg = chart(lambda: drawing(title=title), id="x", label=title + "\ud800", caption="b").svg
    assert "<script" not in svg
    assert "&lt;script&gt;$x_1$ &amp;" in svg


def test_chinese_names_draw_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = chart(lambda: drawing(title="质检总分"), id="x", label="图", caption="b").svg
    assert "质检总分" in svg
