"""A look at a patch store: one contact sheet per domain and class, and one page that shows them all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from mitofm.data.augment import cut_centre
from mitofm.data.card import Card
from mitofm.data.checks import Notice
from mitofm.data.patches import PatchStore
from mitofm.ground import files
from mitofm.ground.seeds import stream
from mitofm.reporting.drawing.style import make_slug
from mitofm.reporting.page import make_environment
from mitofm.reporting.tables import Table

_COLUMNS, _ROWS = 8, 6
_SIDE, _GAP = 96, 4  # px of a patch on a sheet, and between two


class Sheet(NamedTuple):
    """One contact sheet: its file and what it shows."""

    name: str
    caption: str


def look(store: PatchStore, card: Card, findings: Sequence[Notice]) -> Path:
    """Write the sheets (PNG) and `index.html` into the store's folder `look/`; returns the page's path."""
    folder = store.path / "look"
    page = {
        "title": card.title,
        "what": f"{len(store.table):,} patches of {card.crop_px} px"
        + (f", {card.mpp:g} micrometres per px" if card.mpp else "")
        + f", from {store.table['slide'].nunique():,} slides; each sheet shows up to {_COLUMNS * _ROWS} of them, drawn at random",
        "findings": [
            f"{'Note' if one.note else 'Warning'}: {one.what}: {one.count} (first: {one.first})" for one in findings
        ],
        "counts": count_samples(store.table, card),
        "sheets": {
            str(domain): [
                _draw_sheet(store, rows, folder, str(domain), card.positive if label else card.negative)
                for label, rows in sorted(samples.groupby("label").groups.items(), reverse=True)
            ]
            for domain, samples in store.table.groupby("domain")
        },
        "card": card,
    }
    files.write_text(folder / "index.html", make_environment().get_template("store.html.j2").render(page=page))
    return folder / "index.html"


def count_samples(table: pd.DataFrame, card: Card) -> Table:
    """Slides, images and samples of each class, by domain."""
    full = table.groupby("domain", as_index=False).agg(
        slides=("slide", "nunique"),
        images=("image", "nunique"),
        positive=("label", "sum"),
        negative=("label", lambda labels: int((labels == 0).sum())),
    )
    total = full.drop(columns="domain").sum().to_frame().T.assign(domain="all")
    full = pd.concat([full, total], ignore_index=True)[full.columns]
    shown = full.rename(columns={"positive": card.positive, "negative": card.negative})
    return Table(
        "counts", "Counts", shown.map(lambda value: f"{value:,}" if isinstance(value, int) else str(value)), full
    )


def _draw_sheet(store: PatchStore, rows: pd.Index, folder: Path, domain: str, word: str) -> Sheet:
    """Draw and write one sheet."""
    from PIL import Image

    drawn = stream(0, "contact sheet", domain, word).permutation(np.asarray(rows))[: _COLUMNS * _ROWS]
    step = _SIDE + _GAP
    height = -(-len(drawn) // _COLUMNS) * step + _GAP
    sheet = Image.new("RGB", (min(len(drawn), _COLUMNS) * step + _GAP, height), "white")
    for i, patch in enumerate(cut_centre(store.read(drawn), store.crop_px)):
        place = (_GAP + i % _COLUMNS * step, _GAP + i // _COLUMNS * step)
        sheet.paste(Image.fromarray(patch).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC), place)
    name = f"{make_slug(domain, word)}.png"
    with files.replacing(folder / name) as temporary:
        sheet.save(temporary, format="PNG")
    return Sheet(name, f"{word}: {len(drawn)} of {len(rows):,}")
