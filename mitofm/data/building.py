"""Building a patch store: many images cut by several workers into one file, resumable after a kill at any moment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd

from mitofm.data import cutting
from mitofm.data.images.open import open_image
from mitofm.ground.resumable import ResumableArray


def build(array_file: Path, root: Path, table: pd.DataFrame, sides: Mapping[str, int], patch_px: int) -> None:
    """Write the patches of `table` into `array_file`, and go on where an earlier attempt stopped.

    Args:
        array_file: to become an npy of (N, patch_px, patch_px, 3) uint8.
        table: the annotation table; row i gives patch i.
        sides: px that a patch covers, by the name of the file it is cut from.

    Raises:
        MitofmError: an image cannot be decoded, or a crop is too small.
        OSError: the file cannot be written, or the disk has no room for it.
    """
    from rich.console import Console
    from rich.progress import Progress

    screen = Console(stderr=True)
    units = cutting.arrange(table, patch_px)
    files = cutting.file_column(table).to_numpy()
    array = ResumableArray(array_file, (len(table), patch_px, patch_px, 3), np.uint8)
    with (
        array,
        Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar,
        ThreadPoolExecutor(_count_workers()) as pool,
    ):
        task = bar.add_task(f"cutting {len(table)} patches", total=len(table))

        def work(unit: list[np.ndarray]) -> None:
            name = None
            with ExitStack() as opened:
                for rows in unit:
                    if not array.holds(piece := int(rows[0])):
                        for file, run in cutting.split_by_file(files, rows):
                            if file != name:  # the next piece may be cut from the image that is open
                                opened.close()
                                name, image = file, opened.enter_context(open_image(root / file))
                            array.write(run, cutting.cut(image, table.iloc[run], sides[file], patch_px))
                        array.note(piece)
                    bar.advance(task, len(rows))

        try:
            for _ in pool.map(work, units):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _count_workers() -> int:
    return min(16, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
