"""Two figures of an evaluated count: free-response curves by domain, and the counts of slides as annotated and as predicted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mitofm.counting.detection import Detected, sum_by_unit, trace_froc
from mitofm.reporting.drawing.style import GRID, Drawn, assign_looks, draw


def draw_detection(folder: Path, images: Sequence[Detected], threshold: float, word: str) -> list[Drawn]:
    """Draw `froc` and `counts` into a folder.

    Args:
        images: of the test slides.
        threshold: log-odds, which is marked on each curve.
        word: for a figure.
    """
    domains = sorted({image.domain for image in images})
    looks = assign_looks(domains)
    froc, said = folder / "froc", []
    with draw(froc, 4.4, f"Detection of {word}s", columns=2) as (_, axes):
        for domain in domains:
            curve = trace_froc([image for image in images if image.domain == domain])
            look = looks[domain]
            axes.plot(curve["false_per_mm2"], curve["recall"], color=look.colour, lw=1.4, label=domain or "all")
            at = curve[curve["logit"] >= threshold].tail(1)
            axes.plot(at["false_per_mm2"], at["recall"], color=look.colour, marker=look.marker, ms=6)
            said += [f"{domain}: recall {row.recall:.2f} at {row.false_per_mm2:.3g}" for row in at.itertuples()]
        axes.set(
            xlabel="false positives per mm² (mark: at the threshold)",
            ylabel="recall",
            xlim=(0, None),
            ylim=(0, 1.02),
            xscale="symlog",
        )
    counts, sums = folder / "counts", sum_by_unit(images, threshold)
    with draw(counts, 4.4, f"{word[:1].upper()}{word[1:]}s of a slide", columns=2) as (_, axes):
        most = 1.05 * max(1, int(np.max(sums[["figures", "found"]].to_numpy())))
        axes.plot([0, most], [0, most], color=GRID, lw=1.4, zorder=0)
        for domain, part in sums.groupby("domain"):
            look = looks[str(domain)]
            axes.plot(
                part["figures"],
                part["found"],
                color=look.colour,
                marker=look.marker,
                ls="",
                ms=5,
                label=str(domain) or "all",
            )
        axes.set(xlim=(0, most), ylim=(0, most), xlabel="annotated", ylabel="counted by the cell")
    return [
        Drawn(froc, "Free-response curves", "; ".join(said)),
        Drawn(counts, "Counts of slides", f"{sums['found'].sum()} counted, {sums['figures'].sum()} annotated"),
    ]
