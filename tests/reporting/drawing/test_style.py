from __future__ import annotations

from pathlib import Path

from PIL import Image

from mitofm.reporting.drawing.style import assign_looks, draw, make_slug


def test_a_figure_is_kept_in_three_formats_and_a_long_title_does_not_widen_it(tmp_path: Path) -> None:
    for name, title in (("short 0.5", "uni"), ("long 0.5", "uni, trained on a domain, tested on another, " * 3)):
        with draw(tmp_path / name, 2, title) as (_, axes):
            axes.plot([0, 1])
    assert sorted(path.name for path in tmp_path.glob("long*")) == ["long 0.5.pdf", "long 0.5.png", "long 0.5.svg"]
    short, long = (Image.open(tmp_path / f"{name} 0.5.png").size for name in ("short", "long"))
    assert short == long


def test_series_are_told_apart_by_colour_and_marker() -> None:
    found = assign_looks([str(number) for number in range(49)])
    assert len(set(found.values())) == 49
    assert make_slug("UNI (random weights)", "", "0.1 %") == "uni-random-weights-0.1"


def test_a_random_twin_differs_from_its_series_in_colour_marker_and_line() -> None:
    for look in assign_looks([str(number) for number in range(7)]).values():
        assert look.twin.colour != look.colour
        assert (look.twin.face, look.face) == ("white", look.colour)
        assert look.twin.dashes != look.dashes


def test_names_that_differ_only_in_lost_characters_are_different_files() -> None:
    assert make_slug("trained on human melanoma", "100 %") == "trained-on-human-melanoma-100"
    assert len({make_slug("x", name) for name in ("ER+", "ER-", "乳がん", "肺がん", "Рак", "")}) == 6
    assert make_slug("Рак")
