"""Samples whose centre lies outside their image: clipped to its border, dropped or an error, by one rule for all sources."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mitofm.data import cutting
from mitofm.ground.errors import MitofmError

RULES = ("clip", "drop", "error")


def clip(
    root: Path, table: pd.DataFrame, seen: pd.DataFrame, rule: str, crop_px: int, mpp: float | None
) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """`table` with every centre inside its image. It always is in pre-cut crops and unreadable images.

    If `rule` is "clip", a centre within one crop of the border is moved to the nearest pixel of the image: half of its crop
    is then the reflection at the border. Centres further away, or all if `rule` is "drop", leave the table. MitofmError if
    `rule` is "error", and a centre lies outside.

    Args:
        seen: what `survey` saw of the images.
        rule: one of `RULES`.
        crop_px: side of what a model sees, px.
        mpp: micrometre per px of the patches; None: the images' own.

    Returns:
        The table; whether each sample of the given table was moved (N,), and whether it was dropped (N,).
    """
    none = pd.Series(False, index=table.index)
    if "crop" in table:
        return table, none, none
    sizes, centres = seen.loc[table["image"], ["width", "height"]].to_numpy(), table[["x", "y"]].to_numpy()
    far = (sizes > 0).all(axis=1) & ((centres < 0) | (centres >= sizes)).any(axis=1) | none
    if not far.any():
        return table, none, none
    if rule == "error":
        sample = table[far].iloc[0]
        width, height = seen.loc[sample["image"], ["width", "height"]]
        raise MitofmError(
            f"{root / sample['image']}: sample {sample['sample_id']} lies at ({sample['x']:g}, {sample['y']:g}), outside this "
            f"image of {width} x {height} px ({int(far.sum())} such samples). Check that x and y are level-0 pixels of this "
            "image, or let data.outside=clip (or drop) deal with them"
        )
    inside = np.clip(centres, 0, np.maximum(sizes - 1, 0))
    reach = {image: cutting.side(crop_px, own, mpp) for image, own in seen["mpp"].items()}
    near = np.abs(centres - inside).max(axis=1) <= table["image"].map(reach).to_numpy()
    moved = far & near if rule == "clip" else none
    dropped = far & ~moved
    clipped = table.copy()
    clipped.loc[moved, ["x", "y"]] = inside[moved]
    return clipped[~dropped].reset_index(drop=True), moved, dropped
