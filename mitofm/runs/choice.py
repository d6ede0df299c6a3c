"""Among how many settings a cell chose its own: read from the notes in its `metrics.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SCORES = "_scores"
TRIED = "settings_tried"
"""The key of the notes that says it outright."""


def count_tried(chosen: Any) -> int | None:
    """The number of settings that were tried on validation samples or folds; 1 if nothing was chosen; None if it is not known.

    Args:
        chosen: the notes. Those of a gradient mode name its `checkpoint`; only its learning rates count then: a probe that
            its head starts from has settings of its own.
    """
    if not isinstance(chosen, Mapping):
        return None
    if TRIED in chosen:  # of an ensemble
        return int(chosen[TRIED])
    trained = "checkpoint" in chosen
    for key, scores in chosen.items():
        if key.endswith(_SCORES) and isinstance(scores, Mapping) and (not trained or key == f"lr{_SCORES}"):
            return max(1, len(scores))
    return 1
