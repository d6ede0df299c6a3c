"""A look at every image of a table before anything is cut: whether it opens, its size and its resolution."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from mitofm.data import cutting
from mitofm.data.images.open import open_image
from mitofm.ground.errors import MitofmError


def survey(root: Path, table: pd.DataFrame, image_mpp: float | None) -> pd.DataFrame:
    """One row per file that samples are cut from, by its name: `width`, `height` (px), `mpp`, `problem` ("" if it opens), `notes`.

    `mpp` (micrometre per px) is what the annotations say, else the file, else `image_mpp`, else NaN. `notes` says in words
    what a reader chose (which of several pages, say), or is "". MitofmError if the annotations give one image two resolutions.
    """
    files = cutting.file_column(table)
    names = sorted(set(files))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        seen = pd.DataFrame(pool.map(_look, [root / name for name in names]), index=pd.Index(names, name="file"))
    if "mpp" in table:
        said = table.groupby(files)["mpp"].agg(["min", "max"])
        torn = said.index[said["min"].ne(said["max"]) & said["min"].notna()]
        if len(torn):
            raise MitofmError(f"{root / torn[0]}: its samples have different mpp; an image has one resolution")
        seen["mpp"] = said["min"].fillna(seen["mpp"])
    return seen.assign(mpp=seen["mpp"].fillna(np.nan if image_mpp is None else image_mpp).astype(float))


def _look(path: Path) -> dict[str, object]:
    try:
        with open_image(path) as image:
            notes = "; ".join(getattr(image, "notes", ()))
            return {"width": image.width, "height": image.height, "mpp": image.mpp, "problem": "", "notes": notes}
    except MitofmError as error:
        return {"width": 0, "height": 0, "mpp": None, "problem": str(error), "notes": ""}


def refuse(root: Path, seen: pd.DataFrame, mpp: float | None) -> None:
    """Raise MitofmError if an image is missing or unreadable, or `mpp` is asked for and an image's own is unknown."""
    problems = [problem for problem in seen["problem"] if problem]
    if problems:
        more = f" ({len(problems)} of {len(seen)} images cannot be used: `mitofm prepare` lists them)"
        raise MitofmError(problems[0] + (more if len(problems) > 1 else ""))
    unknown = seen.index[seen["mpp"].isna()]
    if mpp is not None and len(unknown):
        raise MitofmError(
            f"{root / unknown[0]}: this file does not say its resolution, but patches of mpp={mpp:g} are asked for "
            f"({len(unknown)} such images). State it with data.image_mpp, or keep the images' own with data.mpp=null"
        )
