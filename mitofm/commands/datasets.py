"""`mitofm datasets`: the data sets, their content and size, and which of them are on this machine."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping

from mitofm.commands.composing.compose import compose, list_group
from mitofm.commands.showing.listing import end_with, pick_name, read_each
from mitofm.data.card import Card, count_samples
from mitofm.data.dataset import Dataset
from mitofm.ground.settings import read
from mitofm.ground.terminal import tell
from mitofm.runs.resolve import plain
from mitofm.training.settings import Paths

_COLUMNS = ("data", "samples", "images", "domains", "to fetch", "patches", "here", "licence")
_NETWORK = 100e6 / 8  # bytes per second, for the time to fetch
_LEGEND = """
samples: positive / negative; to fetch: at 100 Mbit/s; patches: of the store, on disk; one in full: mitofm datasets NAME

Sets that share samples or slides (train on one and test on the other only by split=external, in a joined set):"""


def main(arguments: list[str]) -> None:
    """Print the table of data sets, or the whole card of one."""
    names = list_group("data")
    if name := pick_name(arguments, "datasets", "data", names):
        for key, value in vars(_read_dataset(name).card).items():
            if isinstance(value, Mapping):
                tell(key, *(f"  {name}: {one}" for name, one in value.items()))
            else:
                tell(f"{key:13} {value}")
        return
    datasets, wrong = read_each("data", _read_dataset)
    rows = [_COLUMNS, *(_describe(name, dataset) for name, dataset in datasets.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    screen = shutil.get_terminal_size((120, 24)).columns
    # Only the licence is shortened on a narrow screen.
    widths[-1] = max(14, min(widths[-1], screen - sum(widths[:-1]) - 2 * len(widths)))
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False))
        tell("  ".join([*cells, textwrap.shorten(row[-1], widths[-1], placeholder=" …")]))
    print(_LEGEND)
    for name, others in list_overlaps({name: dataset.card for name, dataset in datasets.items()}).items():
        tell(*textwrap.wrap(f"{name}: {', '.join(others)}", screen, subsequent_indent="  "))
    end_with(wrong)


def list_overlaps(cards: Mapping[str, Card]) -> dict[str, list[str]]:
    """The sets that overlap with each set, by the card of either. Sets without an overlap are left out."""
    pairs = {(name, other) for name, card in cards.items() for other in card.overlaps}
    both = sorted(pairs | {(other, name) for name, other in pairs})
    return {name: [other for one, other in both if one == name] for name in sorted({name for name, _ in both})}


def _describe(name: str, dataset: Dataset) -> tuple[str, ...]:
    """The row of one data set."""
    card, here = dataset.card, dataset.present()
    counts = count_samples(dataset.source.table()) if here and card.counts is None else card.counts
    *size, patches = _measure(card, counts) if counts else ("?",) * 4
    return name, *size, _describe_download(card), patches, "yes" if here else "no", card.licence


def _read_dataset(name: str) -> Dataset:
    config = plain(compose("prepare", [f"data={name}"]))
    return Dataset(config["data"], read(Paths, config["paths"], "paths").cache)


def _measure(card: Card, counts: Mapping[str, Mapping[str, int]]) -> tuple[str, str, str, str]:
    """Samples, images, domains and the size of the patch store."""
    positive, negative, images = (
        [domain[what] for domain in counts.values() if what in domain] for what in ("positive", "negative", "images")
    )
    gigabytes = (sum(positive) + sum(negative)) * (card.crop_px + 2 * card.margin_px) ** 2 * 3 / 1e9
    samples = f"{sum(positive):,} / {sum(negative):,}"
    return samples, f"{sum(images):,}" if images else "?", str(len(counts)), f"{gigabytes:.2g} GB"


def _describe_download(card: Card) -> str:
    if card.download_gb is None:
        return "-"
    minutes = card.download_gb * 1e9 / _NETWORK / 60
    return f"{card.download_gb:g} GB, {f'{minutes / 60:.1f} h' if minutes > 90 else f'{minutes:.0f} min'}"
