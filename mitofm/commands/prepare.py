"""`mitofm prepare data=NAME`: from a data set's own files to its patch store."""

from __future__ import annotations

from pathlib import Path

from mitofm.commands.composing import compose
from mitofm.config import allowed, targets
from mitofm.runs.resolve import plain


def main(arguments: list[str]) -> None:
    """Build the patch store of a data set, or find it built."""
    config = plain(compose("prepare", arguments))
    for target in targets(config):
        allowed(target)
    from mitofm.data.dataset import Dataset

    dataset = Dataset(config["data"], Path(config["paths"]["cache"]))
    store = dataset.store()
    table = store.table
    print(f"{dataset.card.title}: {len(table)} cells of {table['slide'].nunique()} slides in {store.path}")
    counts = table.assign(cell=table["label"].map({1: dataset.card.positive, 0: dataset.card.negative}))
    print(counts.groupby(["domain", "cell"]).size().unstack(fill_value=0).to_string())
