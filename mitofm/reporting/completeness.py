"""What has no result: cells of a study that are not finished, and configurations that lack some of their seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from mitofm.reporting.measured.configurations import Group
from mitofm.reporting.numbers import NOTHING
from mitofm.reporting.tables import Table
from mitofm.runs.collect import DAMAGED, DONE, FAILED, MISSING, PLANNED, SKIPPED

_STATES = {
    FAILED: "failed", SKIPPED: "skipped", DAMAGED: "damaged", MISSING: "missing", PLANNED: "planned and not started"
}  # fmt: skip


def describe_missing(cells: pd.DataFrame, groups: Iterable[Group], damaged_lines: int = 0, lost: str = "") -> list[str]:
    """In sentences, what is missing of `Collected.cells`, of their configurations and of the journal that lists them."""
    said = []
    if damaged_lines:
        lines = "line of the study's journal is" if damaged_lines == 1 else "lines of the study's journal are"
        said.append(
            f"{damaged_lines} {lines} damaged: cells may be missing that nothing here names. The study's command, started again, "
            "lists its cells anew."
        )
    if lost:
        said.append(
            f"{lost[0].upper()}{lost[1:]}: cells may be missing that nothing here names. The study's command, started again, "
            "lists its cells anew."
        )
    states = Counter(cells["state"])
    if states[DONE] < len(cells):
        others = ", ".join(f"{states[state]} {word}" for state, word in _STATES.items() if states[state])
        said.append(f"{states[DONE]} of {len(cells)} cells are finished ({others}). The others are in no number below.")
    short = sum(0 < len(group.done) < group.planned for group in groups)
    if short:
        said.append(
            f"Some seeds are missing in {short} configuration{'s' if short > 1 else ''}: means are over the seeds that "
            "are there, and paired differences over those that both sides have."
        )
    return said


def list_unfinished(cells: pd.DataFrame) -> Table:
    """The table of the unfinished cells, each with its reason."""
    full = cells[["cell", "state", "reason"]]
    shown = full.replace({"reason": {"": NOTHING}}).astype(str)
    return Table("unfinished", "Cells without a result", shown, full, "They are in no number of this report.")
