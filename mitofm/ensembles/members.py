"""The finished cells of an ensemble: read, and refused if they cannot be one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.ground.errors import MitofmError
from mitofm.runs.folder import CellFolder, State, check_sums, has_file, is_cell_name, read_config, read_stored
from mitofm.runs.keys import PLACES
from mitofm.runs.resolve import map_leaves
from mitofm.runs.said import read_labels, read_metrics
from mitofm.runs.tables import SPLIT, read_predictions, read_split, read_table

MEMBERS = "members"
"""The key of an ensemble's config that lists the cells it is made of."""
_EQUAL = ("dataset", "positive", "negative", "split", "fraction", "fraction_unit", "protocol", "protocol_version")


@dataclass(frozen=True)
class Member:
    """A finished cell, as its files have it; `validation` is None if it has no predictions of validation samples."""

    folder: Path
    id: str
    labels: Mapping[str, Any]
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    predictions: pd.DataFrame
    validation: pd.DataFrame | None
    split: pd.DataFrame

    @property
    def split_seed(self) -> int:
        """The seed of its split."""
        return int(self.labels.get("split_seed", self.labels["seed"]))

    @property
    def training_seed(self) -> int:
        """The seed of its training."""
        return int(self.labels.get("training_seed", self.labels["seed"]))


def is_ensemble(folder: Path) -> bool:
    """Whether the cell in `folder` is an ensemble of others."""
    return MEMBERS in read_config(folder)


def list_members(folder: Path) -> list[str]:
    """The names of the cells that the ensemble in `folder` is made of. MitofmError: one of them is no name of a cell."""
    names = read_config(folder)[MEMBERS]
    if not isinstance(names, list) or not all(map(is_cell_name, names)):
        raise MitofmError(
            f"{folder.name} lists members that are no names of cells: make it again with `mitofm ensemble`"
        )
    return names


def find_members(folder: Path) -> list[Path]:
    """The cells that the ensemble in `folder` is made of, which lie beside it.

    Raises:
        MitofmError: one does not.
    """
    cells = [folder.parent / name for name in list_members(folder)]
    if absent := [one.name for one in cells if not one.is_dir()]:
        raise MitofmError(
            f"{folder.name} is made of cells that are not in {folder.parent}: {', '.join(absent)}. Copy them there"
        )
    return cells


def read_member(folder: Path) -> Member:
    """Read a finished cell.

    Raises:
        DamagedCell: a file of it is not the one that it was finished with.
        MitofmError: it is not finished, or is an ensemble itself.
    """
    state = CellFolder(folder.parent.parent, folder.name).read_state()
    if state is not State.DONE:
        what = f"there is no cell {folder.name}" if state is State.TO_DO else f"{folder.name} is {state.value}"
        raise MitofmError(f"{what}: an ensemble is made of finished cells")
    check_sums(folder, checkpoint=False)
    config = read_config(folder)
    if MEMBERS in config:
        raise MitofmError(f"{folder.name} is an ensemble: give its members, {', '.join(list_members(folder))}")
    validation = folder / "validation.parquet"
    return Member(
        folder,
        str(read_stored(folder / "cell.json")["id"]),
        read_labels(folder / "cell.json", finished=True),
        config,
        read_metrics(folder / "metrics.json"),
        read_predictions(folder / "predictions.parquet"),
        read_table(validation, (*SPLIT, "logit")) if has_file(validation) else None,
        read_split(folder / "split.parquet"),
    )


def require_fit(members: Sequence[Member]) -> bool:
    """Refuse cells that cannot be one; returns whether they are tested on the same samples, and not on disjoint ones (folds).

    Raises:
        MitofmError: there are fewer than two, one is given twice, they answer different questions, or their test sets are
            neither the same nor disjoint.
    """
    first = members[0]
    if len(members) < 2 or len({one.id for one in members}) < len(members):
        raise MitofmError(f"{first.folder.name} alone: an ensemble needs at least two cells, each given once")
    for one in members[1:]:
        for label in _EQUAL:
            if one.labels.get(label) != first.labels.get(label):
                raise MitofmError(
                    f"{first.folder.name} and {one.folder.name} differ in {label} ({first.labels.get(label)}, "
                    f"{one.labels.get(label)}): an ensemble's members differ in seed, fold, backbone or adaptation alone"
                )
    tested = [set(one.predictions["sample_id"]) for one in members]
    if sum(map(len, tested)) == len(set().union(*tested)):
        return False
    key = [name for name in first.predictions if name != "logit"]
    wanted = first.predictions[key].sort_values("sample_id", ignore_index=True)
    for one, samples in zip(members[1:], tested[1:], strict=True):
        pair = f"{first.folder.name} and {one.folder.name}"
        if samples != tested[0]:
            raise MitofmError(
                f"{pair} share {len(samples & tested[0])} of their {len(tested[0])} and {len(samples)} test samples: members are "
                "tested on the same samples, or each on its own (folds). Train with split_seed=42 and several seeds: the split stays"
            )
        if not one.predictions.get(key, pd.DataFrame()).sort_values("sample_id", ignore_index=True).equals(wanted):
            raise MitofmError(f"{pair} have the same test samples with other labels, slides or evaluation sets")
    return True


def group(members: Sequence[Member], over: str) -> list[list[Member]]:
    """The members that differ in nothing but `over` (a key of `OVER`), those of each ensemble together.

    Raises:
        MitofmError: two of an ensemble do not differ in that: they have learning rates or files of their own.
    """
    name_common, name_own = OVER[over]
    found: dict[str, dict[str, Member]] = {}
    for one in members:
        together = found.setdefault(repr(name_common(one)), {})
        if (other := together.setdefault(repr(name_own(one)), one)) is not one:
            raise MitofmError(
                f"{other.folder.name} and {one.folder.name} have the same {over} and differ in a learning rate or a file: name "
                "the cells of each ensemble"
            )
    return [list(together.values()) for together in found.values()]


def _name_rest(one: Member, *left_out: str, groups: Sequence[str] = ()) -> list[Any]:
    """What a cell is, without some labels and with these groups of its config."""
    own = ("seed", "split_seed", "training_seed", "n_train", "n_validation", "test_only", "confounded_with", "seen")
    told = {key: value for key, value in one.labels.items() if key not in (*own, *left_out)}
    return [sorted(told.items()), [_read_group(one, name) for name in groups]]


def _read_group(one: Member, name: str, *left_out: str) -> Any:
    """A group of a cell's config without what may differ between machines."""
    return map_leaves(one.config.get(name), lambda leaf: leaf, left_out=(*PLACES, *left_out))


_SETTINGS = ("adaptation", "augment", "fit", "protocol", "data")


OVER: dict[str, tuple[Callable[[Member], Any], Callable[[Member], Any]]] = {
    "seed": (
        lambda one: [*_name_rest(one, groups=(*_SETTINGS, "split", "backbone")), one.split_seed],
        lambda one: [one.labels["seed"], one.training_seed],
    ),
    "fold": (
        lambda one: [
            *_name_rest(one, "train_domain", groups=(*_SETTINGS, "backbone")),
            _read_group(one, "split", "fold"),
            one.split_seed,
            one.training_seed,
        ],
        lambda one: _read_group(one, "split"),
    ),
    "backbone": (
        lambda one: [
            *_name_rest(one, "backbone", groups=("augment", "fit", "protocol", "data", "split")),
            _read_group(one, "adaptation", "lr", "head_lr"),  # those of a backbone's family
            one.split_seed,
            one.training_seed,
        ],
        lambda one: [one.labels["backbone"], _read_group(one, "backbone")],
    ),
}
"""What members of an ensemble may differ in: with what they then have in common, and what each has of its own."""
