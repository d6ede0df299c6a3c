"""Scores positions of a slide with a trained cell; a killed one goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mitofm.data import cutting
from mitofm.data.images.base import Image
from mitofm.data.images.squares import cut_squares, resize
from mitofm.ground.files import map_npy
from mitofm.ground.resumable import ResumableArray
from mitofm.inference.scorer import Scorer

_PIECE = 32 * 2**20  # bytes of patches that are cut before they are scored, and that an interruption may cost
_BATCH = 64  # a piece is whole batches, so that it does not matter how many pieces there are
_BAND = 1024  # px; positions are scored band by band, so that those of one piece lie on few tiles


def arrange(places: np.ndarray) -> np.ndarray:
    """The order in which to score places (n, 2), px: int (n,)."""
    return np.lexsort((places[:, 1], places[:, 0], places[:, 1] // _BAND))


def score_places(
    scorer: Scorer, image: Image, mpp: float, places: np.ndarray, file: Path, advance: Callable[[float], None]
) -> np.ndarray:
    """The logits at `places` (n, 2), x and y in px of `image`, in their order: float64 (n,). A killed one goes on from `file`.

    Args:
        mpp: micrometre per px of the image, which is resampled to that of training.
        advance: called with the share of the places that were scored.

    Raises:
        MitofmError: a tile cannot be decoded, or a logit is not finite.
    """
    n = len(places)
    if not n:
        return np.empty(0)
    side = cutting.side(scorer.patch_px, mpp, scorer.model.facts["patches"]["mpp"])
    size = max(_BATCH, _PIECE // (side * side * 3) // _BATCH * _BATCH)
    with ResumableArray(file, (n, 1), np.float64) as logits:
        for start in range(0, n, size):
            rows = np.arange(start, min(start + size, n))
            if not logits.holds(start):
                patches = resize(cut_squares(image, places[rows], side), scorer.patch_px)
                logits.write(rows, scorer.score(patches)[:, None])
                logits.note(start)
            advance(len(rows) / n)
    return np.array(map_npy(file))[:, 0]
