"""`mitofm prepare data=NAME`: from a data set's own files to its patch store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from mitofm.commands.composing.asking import ask
from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import Natural, NotNegative
from mitofm.ground.terminal import escape, make_row, tell
from mitofm.training.settings import Paths

if TYPE_CHECKING:
    import pandas as pd

    from mitofm.data.checks import Notice
    from mitofm.data.dataset import Dataset
    from mitofm.data.positions import Positions


@dataclass(frozen=True, kw_only=True)
class RandomSettings:
    """`background` of `conf/prepare.yaml`."""

    per_image: Natural
    distance_px: NotNegative
    seed: Natural


@dataclass(frozen=True, kw_only=True)
class JitteredSettings:
    """`jittered` of `conf/prepare.yaml`."""

    per_cell: Natural
    offset_px: Natural
    seed: Natural


@dataclass(frozen=True, kw_only=True)
class PrepareSettings:
    """`conf/prepare.yaml`."""

    data: Mapping[str, Any]
    paths: Paths
    download: bool
    strict: bool
    distance_um: NotNegative
    look: bool
    background: RandomSettings
    jittered: JitteredSettings


def main(arguments: list[str]) -> None:
    """Fetch missing files if asked to, check the data, build the patch stores and make a contact sheet."""
    settings = ask(PrepareSettings, "prepare", arguments)
    from mitofm.data.dataset import Dataset

    dataset = Dataset(settings.data, settings.paths.cache)
    if dataset.download is not None:
        _fetch(dataset, wanted=settings.download)
    notices = _check(dataset, settings.distance_um, settings.strict)
    others = _make_positions(dataset, settings)
    store = dataset.store()
    tell(f"patches: {store.path}")
    for name, source in others.items():
        tell(f"{name}: {dataset.store(source, name).path}")
    if settings.look:
        from mitofm.reporting.contact_sheet import look

        tell(f"a look at them: {look(store, dataset.card, notices)}")


def _make_positions(dataset: Dataset, settings: PrepareSettings) -> dict[str, Positions]:
    """The further sources of positions that the settings ask for, by name. Their tables are read before any patch is cut."""
    from mitofm.data.positions import BackgroundPositions, JitteredPositions

    found: dict[str, Positions] = {}
    if settings.background.per_image:
        found["background"] = BackgroundPositions(dataset, **vars(settings.background))
    if settings.jittered.per_cell:
        found["jittered"] = JitteredPositions(dataset, **vars(settings.jittered))
    for source in found.values():
        source.table()
    return found


def _fetch(dataset: Dataset, wanted: bool) -> None:
    """Fetch the missing files if `wanted`; else verify those that are there, if a list of them was kept.

    Raises:
        MitofmError: files are missing and not wanted, are not the published ones, or cannot be fetched.
    """
    from mitofm.data.downloads.fetch import download, find_missing
    from mitofm.data.downloads.remote import LISTING, list_files

    card, root = dataset.card, dataset.source.root
    if wanted:
        tell(f"{card.title}: {card.licence}; {card.url}")
        download(list_files(dataset.download, root), root, dataset.remembered)
        return
    listed = (root / LISTING).is_file()
    absent = find_missing(list_files(dataset.download, root), root, dataset.remembered) if listed else []
    if absent or not dataset.present():
        size = f"{card.download_gb:g} GB in all; " if card.download_gb else ""
        raise MitofmError(
            f"data set {card.name!r}: files are missing in {root}. Add download=true to fetch them ({size}licence: "
            f"{card.licence}), or put those of {dataset.download.page} there by hand"
        )


def _check(dataset: Dataset, distance_um: float, strict: bool) -> Sequence[Notice]:
    """Print counts and notices; stop if a notice is an error.

    Raises:
        MitofmError: a notice is fatal, or is a warning and `strict` is set.
    """
    from rich.console import Console

    from mitofm.data.annotations import require_labels
    from mitofm.data.checks import check, list_unreadable, summarize_remarks
    from mitofm.data.survey import survey
    from mitofm.reporting.contact_sheet import count_samples

    dataset.files()
    table, card, root = require_labels(dataset.source.table()), dataset.card, dataset.root
    seen = survey(root, table, card.image_mpp)
    notices = check(card, root, table, seen, distance_um)
    if not any(one.fatal for one in notices):
        table = dataset.table()
        notices += summarize_remarks(dataset.curated.remarks)
    console = Console()
    console.print(_tabulate_counts(count_samples(table, card).shown, card.title))
    console.print(_tabulate_notices(notices, strict) if notices else "Checks: nothing found")
    if len(problems := list_unreadable(seen)) > 1:
        tell("images that cannot be read:", *(f"  {problem}" for problem in problems))
    errors = [one for one in notices if _is_error(one, strict)]
    if errors:
        more = "" if any(one.fatal for one in errors) else ", or set strict=false to go on"
        raise MitofmError(
            f"data set {card.name!r}: {len(errors)} of its checks failed, nothing was built. The first: {errors[0].what}, "
            f"{errors[0].first}. Mend the files{more}"
        )
    return notices


def _is_error(notice: Notice, strict: bool) -> bool:
    return notice.fatal or (strict and not notice.note)


def _tabulate_counts(shown: pd.DataFrame, title: str) -> Table:
    grid = Table(title=Text(escape(title)), title_justify="left", box=None, pad_edge=False)
    for column in shown:
        grid.add_column(str(column), justify="left" if column == "domain" else "right")
    for row in shown.itertuples(index=False):
        grid.add_row(*make_row(row))
    return grid


def _tabulate_notices(notices: Sequence[Notice], strict: bool) -> Table:
    grid = Table(title="Checks", title_justify="left", box=None, pad_edge=False)
    for column in ("", "what", "how often", "the first"):
        grid.add_column(column, overflow="fold")
    for one in notices:
        kind = "error" if _is_error(one, strict) else "note" if one.note else "warning"
        grid.add_row(*make_row((kind, one.what, f"{one.count:,}", one.first)))
    return grid
