"""Configurations: cells that differ in nothing but their seed, named in words for people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import Seen
from mitofm.runs.collect import DONE, Collected, spell_seeds
from mitofm.runs.identity import unify_numbers
from mitofm.runs.keys import COMPARED, LABELS, NOT_COMPARED
from mitofm.runs.said import ANNOTATIONS

RANDOM, SLIDES = "random", "slide"
# How splits describe a training side that is no domain of its own (`Strategy.describe` in mitofm/data/splits/part.py).
_EVERYTHING, _ALL_BUT, _FOLD = "all", "all but ", re.compile(r"fold \d+")
_AXES = [label for label in LABELS if label != "seed"]
TWIN = " (random weights)"
# Axes without a place of their own in figures and tables: one that varies is spelt out as the setting.
_SETTING_AXES = ("split", "augment", "fit", "protocol", "protocol_version", "fraction_unit")
_SPELLED = {"protocol_version": "protocol version"}
# Their usual values, which need no words.
_USUAL = {"fit": "default", "protocol": "honest", "fraction_unit": "annotation"}


@dataclass(frozen=True, order=True)
class Configuration:
    """What is compared.

    `setting` spells out what else varies ("split annotation"), "" if nothing does; `train_domain` is "" for all.
    """

    dataset: str
    setting: str
    train_domain: str
    fraction: float
    model: str
    adaptation: str
    fraction_unit: str = "annotation"

    @property
    def where(self) -> str:
        """The setting and the training domain in words."""
        trained = f"trained on {self.train_domain}" if self.train_domain else ""
        return ", ".join(part for part in (self.setting, trained) if part)

    @property
    def left_out(self) -> str:
        """The domain that alone does not train; "" if there is none."""
        return self.train_domain.removeprefix(_ALL_BUT) if self.train_domain.startswith(_ALL_BUT) else ""

    @property
    def is_twin(self) -> bool:
        """Whether its weights are random ones."""
        return TWIN in self.model

    @property
    def share(self) -> str:
        """The fraction as people say it: 0.001 is "0.1 %", and 5 of the unit slide "5 slides"."""
        if self.fraction_unit == SLIDES:
            return f"{self.fraction:g} slide{'s' if self.fraction != 1 else ''}"
        return f"{100 * self.fraction:.6g} %"

    @property
    def amount(self) -> str:
        """The share in a sentence."""
        return f"the labels of {self.share}" if self.fraction_unit == SLIDES else f"{self.share} of the labels"


@dataclass(frozen=True)
class Group:
    """The cells of a configuration: the finished ones by seed (and fold), and how many there should be.

    `axes` says what the configuration is: its labels by axis, and the keys that tell it from others of equal labels.
    `tried` are the numbers of settings that its cells chose among, ascending. `rules` says by key of `done` what chose
    checkpoint and threshold: "validation", or "fixed" if nothing did. `confounded_with`: if a domain is left out of training,
    what is missing with it ("scanner X"), and the share of that.
    """

    configuration: Configuration
    done: Mapping[str, str]
    planned: int
    axes: Mapping[str, Any] = field(default_factory=dict)
    confounded_with: Mapping[str, float] = field(default_factory=dict)
    tried: tuple[int, ...] = ()
    rules: Mapping[str, str] = field(default_factory=dict)

    @property
    def a_cell(self) -> str:
        """The first of the finished ones, which speaks for all."""
        return next(iter(self.done.values()))


def name_confounders(missing: Mapping[str, float]) -> str:
    """What is missing from training with a domain, and how much of it: "scanner X (100 % of it), species dog (60 %)"."""
    told = [f"{name} ({100 * share:.0f} %)" for name, share in missing.items()]
    return ", ".join(told).replace(" %)", " % of it)", 1)


def name_seed(repetition: str) -> str:
    """The seed of a key of `Group.done`."""
    return repetition.split()[0]


def group_cells(collected: Collected) -> list[Group]:
    """The configurations of all cells whose labels are known, sorted; those without a finished cell have none.

    Cells of equal labels and seed that differ in their configuration (a sweep over a rank, say) become configurations
    of their own, named by the keys in which they differ.

    Raises:
        MitofmError: two cells are the same configuration and seed in every respect that can be named, or two of one
            configuration were made from annotations in two states.
    """
    cells = collected.cells[collected.cells["dataset"].notna()].copy()
    cells["protocol_version"] = _complete_versions(cells["protocol_version"])
    cells[_AXES] = cells[_AXES].astype(object).where(cells[_AXES].notna(), "")
    # A fold is a part of its seed: the folds of one together test all its slides.
    folds = cells["train_domain"].where(cells["train_domain"].map(lambda trained: bool(_FOLD.fullmatch(trained))), "")
    cells["repetition"] = [f"{seeds} {fold}".rstrip() for seeds, fold in zip(_spell_seeds(cells), folds, strict=True)]
    cells.loc[(folds != "") | (cells["train_domain"] == _EVERYTHING), "train_domain"] = ""
    rows = _find_variants(collected, cells)
    varying = {
        dataset: [axis for axis in _SETTING_AXES if part[axis].nunique() > 1]
        for dataset, part in cells.groupby("dataset")
    }
    members: dict[Configuration, list[dict[str, Any]]] = {}
    for row in rows:
        members.setdefault(_name(row, varying[row["dataset"]]), []).append(row)
    return [_make_group(key, members[key]) for key in sorted(members)]


def _make_group(key: Configuration, rows: Sequence[Mapping[str, Any]]) -> Group:
    done: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        seed = row["repetition"]
        if row["state"] == DONE and done.setdefault(seed, row)["cell"] != row["cell"]:
            raise MitofmError(
                f"cells {done[seed]['cell']} and {row['cell']} have equal labels, seed and configuration "
                "but are different cells (their data or weights changed?): report each in a study of its own"
            )
    done = dict(sorted(done.items()))
    _require_same_annotations(done.values())
    return Group(
        key,
        {seed: row["cell"] for seed, row in done.items()},
        len({row["repetition"] for row in rows}),
        {axis: rows[-1][axis] for axis in _AXES} | rows[-1]["variants"],
        next((row["confounded_with"] for row in rows if row.get("confounded_with")), {}),
        tuple(sorted({row["settings_tried"] for row in done.values() if row.get("settings_tried")})),
        {seed: row["threshold_rule"] for seed, row in done.items() if row.get("threshold_rule")},
    )


def _require_same_annotations(done: Iterable[Mapping[str, Any]]) -> None:
    """Raise a MitofmError if cells that would be pooled were made from annotations in two states: the place is no part of a config."""
    states = {row[ANNOTATIONS]: row["cell"] for row in done if row.get(ANNOTATIONS)}
    if len(states) > 1:
        first, second, *_ = states.values()
        raise MitofmError(
            f"cells {first} and {second} have equal labels and configuration, but the annotations changed between them: they are "
            "no seeds or folds of one another. Report each state in a study of its own: its command again with study=NAME, "
            "which trains no finished cell again"
        )


def _complete_versions(versions: pd.Series) -> pd.Series:
    """The version of the protocol of each cell; of an unfinished one that does not state it, the oldest there is."""
    known = versions.dropna().astype(int)
    return versions.fillna(known.min()).astype(int) if len(known) else versions


def _spell_seeds(cells: pd.DataFrame) -> Iterator[str]:
    """The seed of each cell, or those of its split and of its training if either has its own."""
    for row in cells.reindex(columns=["seed", "split_seed", "training_seed"]).itertuples(index=False):
        yield spell_seeds(*row)


def _name(row: Mapping[str, Any], varying: list[str]) -> Configuration:
    variants = row["variants"]

    def suffix(*prefixes: str) -> str:
        mine = [f"{key.split('.', 1)[1]} {value}" for key, value in variants.items() if key.startswith(prefixes)]
        return f" ({', '.join(mine)})" if mine else ""

    elsewhere = [key for key in variants if not key.startswith(("backbone.", "adaptation."))]
    told = [axis for axis in varying if row[axis] != _USUAL.get(axis)]
    random = TWIN if row["weights"] == RANDOM else ""
    return Configuration(
        dataset=str(row["dataset"]),
        setting=", ".join(
            [*(f"{_SPELLED.get(axis, axis)} {row[axis]}" for axis in told), *(f"{k} {variants[k]}" for k in elsewhere)]
        ),
        train_domain=str(row["train_domain"]),
        fraction=float(row["fraction"]),
        model=f"{row['backbone']}{random}{suffix('backbone.')}",
        adaptation=f"{row['adaptation']}{suffix('adaptation.')}",
        fraction_unit=row["fraction_unit"] or (SLIDES if float(row["fraction"]) > 1 else "annotation"),
    )


def _find_variants(collected: Collected, cells: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The rows of `cells`, each with `variants`: the configuration keys that tell it from cells of equal labels.

    A key that some of them do not have (an older mitofm made them, say) tells apart only cells of one repetition.
    """
    seen, records = Seen(), dict(zip(cells.index, cells.to_dict("records"), strict=True))
    for _, part in cells.groupby(_AXES, sort=False):
        configs: list[dict[str, Any]] = [{} for _ in range(len(part))]
        if len(part) > 1:
            configs = [
                _read_config(collected, cell, state, seen)
                for cell, state in zip(part["cell"], part["state"], strict=True)
            ]
        known = configs if part.duplicated("repetition").any() else []
        keys = sorted({key for config in configs for key in config})
        differing = [
            key for key in keys if _differ([one.get(key) for one in known or [c for c in configs if key in c]])
        ]
        for row, config in zip(map(records.__getitem__, part.index), configs, strict=True):
            yield row | {"variants": {key: config.get(key) for key in differing}}


def _differ(values: Sequence[Any]) -> bool:
    """Whether values are spelled in more than one way; foreseen cells share theirs."""
    return any(one is not values[0] for one in values) and len(set(map(str, values))) > 1


def _read_config(collected: Collected, cell: str, state: str, seen: Seen) -> dict[str, Any]:
    """The compared keys of a cell; none of one that never came to have a config."""
    try:
        config = collected.config(cell)
        flat: dict[str, Any] = {}
        for group, value in config.items():
            flat |= seen.make(group, (value,), lambda one={group: value}: dict(flatten(one)))  # type: ignore[misc]
        return flat
    except MitofmError:
        if state == DONE:
            raise
        return {}


def compare_configs(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The keys of a cell's identity in which two configurations differ, sorted, with both values."""
    one, other = dict(flatten(first)), dict(flatten(second))
    values = {key: (one.get(key), other.get(key)) for key in sorted(one.keys() | other.keys())}
    return {key: pair for key, pair in values.items() if pair[0] != pair[1]}


def flatten(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The keys of a configuration that belong to a cell's identity, joined by dots; numbers spelled as they are there."""
    for key, value in (config if prefix else unify_numbers(config)).items():
        if key in NOT_COMPARED or (not prefix and key not in COMPARED):
            continue
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
