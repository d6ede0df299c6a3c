"""What every number of a report is about: new slides and new trainings, or these trained models alone."""

from __future__ import annotations

from mitofm.reporting.finding import Found, Measured

BOTH = (
    "All numbers are about new slides of the same domains and new trainings: intervals, verdicts and laws hold the spread of "
    "both."
)


def find(measured: Measured) -> Found:
    """The sentence that every other one is to be read with."""
    once = sum(result.auroc.seeds == 1 for result in measured.primary)
    if not once:
        return Found(answer=[BOTH])
    follows = "intervals are about these trained models on new slides, and no verdict on methods is given."
    if once == len(measured.primary):
        return Found(answer=[f"Each method was trained with one seed: {follows}"])
    return Found(answer=[BOTH, f"{once} of {len(measured.primary)} results are of one seed: there {follows}"])
