"""`mitofm datasets`: the data sets there are, and which of them are on this machine."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from mitofm.commands.composing import compose, groups
from mitofm.errors import MitofmError
from mitofm.runs.resolve import plain


def main(arguments: list[str]) -> None:
    """Print the table of data sets."""
    if arguments:
        raise MitofmError("mitofm datasets takes no arguments")
    table = Table(box=None, pad_edge=False)
    for column in ("data", "what", "positive", "negative", "crop", "licence", "here"):
        table.add_column(column)
    for name in groups("data"):
        config = plain(compose("prepare", [f"data={name}"]))
        from mitofm.data.dataset import Dataset

        dataset = Dataset(config["data"], Path(config["paths"]["cache"]))
        card = dataset.card
        here = "yes" if dataset.present() else "no"
        table.add_row(name, card.title, card.positive, card.negative, f"{card.crop_px} px", card.licence, here)
    Console().print(table)
