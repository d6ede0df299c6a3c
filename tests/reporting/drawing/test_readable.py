"""How many figures of a kind are drawn, and that the page says which are not."""

from __future__ import annotations

from mitofm.reporting.drawing.readable import FEW, MOST, choose_panels


def pick(value: float) -> float:
    return value


def test_all_are_drawn_up_to_the_most_and_the_highest_of_more() -> None:
    panels = {f"{number:03d}": [0.5, 0.5 + number / 1000] for number in range(MOST)}
    assert choose_panels(panels, pick) == (sorted(panels), "")
    panels["more"] = [0.9]
    chosen, said = choose_panels(panels, pick)
    assert chosen == sorted(["more", *(f"{number:03d}" for number in range(MOST - FEW + 1, MOST))])
    assert f"{FEW} of {MOST + 1} panels" in said


def test_a_panel_of_several_figures_counts_as_these() -> None:
    panels: dict[str, list[float | None]] = {f"{number:02d}": [None] for number in range(MOST // 2)}
    assert choose_panels(panels, lambda one: one, 2)[1] == ""
    chosen, said = choose_panels(panels | {"more": [0.7]}, lambda one: one, 2)
    assert len(chosen) == FEW // 2
    assert chosen[-1] == "more"
    assert said
