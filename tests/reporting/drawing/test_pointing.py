from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageColor

from mitofm.reporting.drawing.pointing import Place, point_at, split_places
from mitofm.reporting.drawing.style import assign_looks, draw


def test_a_place_lies_on_its_mark_and_says_its_words(tmp_path: Path) -> None:
    look, words = assign_looks(["lora"])["lora"], ["a <b> & \"c\"", "second"]  # fmt: skip
    with draw(tmp_path / "figure", 2.5, "uni, in-domain") as (_, axes):
        axes.plot([1, 100], [0.6, 0.9], ls="", marker="o", ms=9, color=look.colour, label="lora")
        axes.set_xscale("log")
        point_at(axes, [1, 100, np.nan], [0.6, 0.9, 0.5], [*words, "nowhere"])
    svg, places = split_places((tmp_path / "figure.svg").read_text())
    assert [place.words for place in places] == words
    assert "metadata" not in svg
    with Image.open(tmp_path / "figure.png") as picture:
        for place in places:
            at = round(place.left / 100 * picture.width), round(place.top / 100 * picture.height)
            assert picture.convert("RGB").getpixel(at) == ImageColor.getrgb(look.colour)


def test_a_figure_without_marks_is_described_by_nothing() -> None:
    assert split_places("<svg/>") == ("<svg/>", [])
    assert split_places('<svg><metadata><dc:description>[[1, 2, "x"]]</dc:description></metadata></svg>') == (
        "<svg></svg>",
        [Place(1, 2, "x")],
    )
