"""Where a report's numbers come from, in lines under its title: the question of its study, its cells and their date."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from mitofm.runs.collect import Collected
from mitofm.runs.questions import find_question


def describe_origin(collected: Collected, study: str | None, dated: bool) -> list[str]:
    """The question that a shipped study asks, and how many cells there are, with the date of the last if it is known."""
    question = find_question(study) if study is not None else ""
    of = f"{len(collected.done)} of {len(collected.cells)} cells (runs of the grid) are finished"
    last = find_last(collected) if dated else ""
    date = f", the last on {last}" if last else "" if dated else "; a bundle holds no dates"
    return [*([question] if question else []), f"{of}{date}."]


def find_last(collected: Collected) -> str:
    """The day (UTC) on which the last cell was finished, as its marker's file has it; "" if none can be read."""
    times = []
    for cell in collected.done["cell"]:
        with suppress(OSError):
            times.append((collected.runs / "cells" / cell / "DONE").lstat().st_mtime)
    if not times:
        return ""
    day = datetime.fromtimestamp(max(times), UTC)
    return f"{day.day} {day:%B %Y}"
