"""How many samples were learned from and tested on."""

from __future__ import annotations

from collections.abc import Sequence

from mitofm.reporting.finding import Found, Measured, show_table
from mitofm.reporting.measured.grouping import group_by
from mitofm.reporting.measured.results import Result
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.numbers import name_set
from mitofm.reporting.tables import LABELS, SET, SETTING, Entry, Table, make_table, show_range


def find(measured: Measured) -> Found:
    """The counts by setting, evaluation set and fraction."""
    return Found([show_table(tabulate(measured.stored, measured.primary, measured.classes))])


def tabulate(stored: Stored, results: Sequence[Result], classes: tuple[str, str]) -> Table:
    """A row for each setting, evaluation set and fraction; `classes` are the words for label 0 and label 1."""

    def place(result: Result) -> tuple[str, str, float, str]:
        key = result.configuration
        return key.where, result.set, key.fraction, key.share

    rows = []
    for (where, tested, fraction, share), members in sorted(group_by(results, place).items()):
        groups = [member.group for member in members]
        counted = [found for group in groups for found in stored.count_tested(group, tested)]
        if not counted:  # metrics.json, if damaged, may call the set otherwise
            continue
        tests, positives, slides = zip(*counted, strict=True)
        negatives = [n - p for n, p in zip(tests, positives, strict=True)]
        trained, validated = zip(*(counts for group in groups for counts in stored.count_learned(group)), strict=True)
        rows.append(
            [
                Entry(SETTING, where, {"setting": where}),
                Entry(SET, name_set(tested), {"set": tested}),
                Entry(LABELS, share, {"fraction": fraction}),
                show_range("training samples", "train", trained),
                show_range("validation samples", "validation", validated),
                show_range("test samples", "test", tests),
                show_range(f"of them {classes[1]}", "test_positive", positives),
                show_range(f"of them {classes[0]}", "", negatives)._replace(full={}),
                show_range("test slides", "test_slides", slides),
            ]
        )
    note = "Per seed; from the least to the most where seeds differ."
    return make_table("data", "Samples learned from and tested on", rows, note, (SETTING, SET))
