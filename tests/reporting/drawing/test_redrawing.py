from __future__ import annotations

from pathlib import Path

import pytest

from mitofm.reporting.drawing import style
from mitofm.reporting.drawing.redrawing import keeping_figures


def draw(stem: Path, height: float, heading: str = "a heading") -> bytes:
    with style.draw(stem, 2.0, heading) as (figure, axes):
        axes.plot([0, 1], [0, height], label="a line")
        image = axes.imshow([[0.0, height]])
        figure.colorbar(image, ax=axes)
        axes.set(xlabel="across")
    return b"".join(Path(f"{stem}.{ending}").read_bytes() for ending in ("png", "svg", "pdf"))


def test_a_figure_of_equal_calls_is_taken_from_the_cache_and_any_other_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = draw(tmp_path / "plain", 1.0)
    drawn, keep = [], style._keep
    monkeypatch.setattr(style, "_keep", lambda figure, stem: (drawn.append(stem.name), keep(figure, stem)))
    with keeping_figures(tmp_path / "cache"):
        assert draw(tmp_path / "first", 1.0) == draw(tmp_path / "again", 1.0) == plain
        draw(tmp_path / "higher", 1.0 + 1e-15)
        draw(tmp_path / "named", 1.0, "another heading")
        assert drawn == ["first", "higher", "named"]
        for entry in (tmp_path / "cache" / "figures").iterdir():
            entry.write_bytes(entry.read_bytes()[:-1])
        assert draw(tmp_path / "damaged", 1.0) == plain
    draw(tmp_path / "outside", 1.0)
    assert drawn == ["first", "higher", "named", "damaged", "outside"]
