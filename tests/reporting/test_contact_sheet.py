from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mitofm.data.checks import Notice
from mitofm.data.dataset import Dataset
from mitofm.reporting.contact_sheet import count_samples, look


def test_a_page_shows_every_domain_and_class_at_its_own_colours(resolved: Any) -> None:
    config = resolved()
    dataset = Dataset(config["data"], Path(config["paths"]["cache"]))
    store = dataset.store()
    page = look(store, dataset.card, [Notice("slides <in> two domains", 2, "a")])
    sheets = sorted(path.name for path in page.parent.glob("*.png"))
    assert sheets == [
        f"{d}-{c}.png" for d in ("canine-lymphoma", "human-melanoma") for c in ("look-alike", "mitotic-figure")
    ]
    text = page.read_text()
    assert all(f'src="{sheet}"' in text for sheet in sheets)
    assert "slides &lt;in&gt; two domains: 2 (first: a)" in text
    rows = np.flatnonzero((store.table["domain"] == "human melanoma") & (store.table["label"] == 1))
    sheet = np.asarray(Image.open(page.parent / "human-melanoma-mitotic-figure.png")).astype(float)
    shown = sheet[(sheet < 255).any(axis=2)].mean(axis=0)
    np.testing.assert_allclose(shown, store.read(rows).mean(axis=(0, 1, 2)), atol=6)


def test_the_counts_add_up(resolved: Any) -> None:
    config = resolved()
    dataset = Dataset(config["data"], Path(config["paths"]["cache"]))
    table = count_samples(dataset.table(), dataset.card).full.set_index("domain")
    assert table.loc["all"].tolist() == table.drop(index="all").sum().tolist()
    assert table.loc["all", ["positive", "negative"]].sum() == len(dataset.table())
