"""The identity of a cell: a hash of everything that can change its result, and of nothing else. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights, find
from mitofm.ground import fingerprints, plugins
from mitofm.ground.config import list_targets
from mitofm.ground.fingerprints import Remembered
from mitofm.ground.settings import Seen
from mitofm.runs.keys import FORMER, IN_TABLE, NEUTRAL, PLACES, SINGLE, WHOLE, counts, rename
from mitofm.runs.resolve import map_leaves, rounded
from mitofm.training.settings import PROTOCOL_VERSION, Settings


@dataclass(frozen=True)
class Identified:
    """A cell with its name: the sha256 of its identity, and a readable prefix with the first 12 digits of that."""

    id: str
    folder_name: str
    weights: Weights


class Known:
    """What cells of one command are read and named by, each part of them once: no file is looked at twice.

    Configs that share parts share what is read of them, and are not to be changed.
    """

    def __init__(self) -> None:
        self._seen = Seen()

    def read(self, config: Mapping[str, Any]) -> Settings:
        """As `Settings.read`."""
        return Settings.read(config, self._seen)

    def identify(self, settings: Settings) -> Identified:
        """As `identify`."""
        return self._seen.make("cell", (settings,), lambda: self._identify(settings))

    def _identify(self, settings: Settings) -> Identified:
        make, paths, votes = self._seen.make, settings.paths, settings.fit.learns_votes
        remembered = Remembered(paths.cache / "fingerprints")
        weights = make(
            "weights", (settings.backbone, paths), lambda: find(settings.backbone, paths.weights, remembered)
        )
        files = make("files", (settings.split,), lambda: [remembered.file(file) for file in settings.split.files()])
        table = make(f"table, {votes}", (settings.dataset,), lambda: settings.dataset.table_fingerprint(votes=votes))
        cell_id = hash_config(settings.config, table, weights.sha256, files, seen=self._seen)
        return Identified(cell_id, f"{_make_prefix(settings)}-{cell_id[:12]}", weights)


def identify(settings: Settings) -> Identified:
    """Name the cell that settings ask for. Files of a known state are not opened.

    Raises:
        MitofmError: the data set or the weights are not on this machine.
    """
    return Known().identify(settings)


def hash_config(
    config: Mapping[str, Any],
    table: str,
    weights: str,
    split_files: Sequence[str],
    protocol_version: int = PROTOCOL_VERSION,
    seen: Seen | None = None,
) -> str:
    """The id of the cell that a resolved config asks for. Reads no file.

    Args:
        config: the resolved config.
        table: fingerprint of the annotation table.
        weights: sha256 of the backbone's weights.
        split_files: sha256 of each file that decides the split.
        protocol_version: part of the id.
        seen: the parts of configs that were spelled before.
    """
    seen = seen or Seen()
    facts = {
        "protocol_version": protocol_version,
        "table": table,
        "weights": weights,
        "split_files": list(split_files),
        **{key: config[key] for key in SINGLE if config.get(key) is not None},
    }
    spelled = _spell(facts)
    for group in ("backbone", "data", *WHOLE):
        spelled |= seen.make(f"identity of {group}", (config[group],), partial(_spell_group, group, config[group]))
    return fingerprints.of_spelled(spelled)


def _spell_group(group: str, config: Mapping[str, Any]) -> dict[str, str]:
    """What a group adds to the identity of a cell."""
    if group == "backbone":
        return _spell({group: BackboneSpec.from_config(config).contract()})
    counted = {group: {key: value for key, value in config.items() if counts(f"{group}.{key}")}}
    return _spell(counted | (_name_streams(config) if group == "augment" else {}) | _name_plugins(group, counted))


def _spell(identity: Mapping[str, Any]) -> dict[str, str]:
    """Keys of an identity, each with its content as it is hashed."""
    content = map_leaves(rename(_drop_neutral(identity), FORMER), lambda leaf: leaf, left_out=PLACES)
    return {key: fingerprints.spell(value) for key, value in unify_numbers(rounded(content)).items()}


def unify_numbers(config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` with 1.0 as 1: YAML reads them as two types. In `augment` they stay two: 1 may be a pixel and 1.0 a whole side."""
    return {group: value if group == "augment" else map_leaves(value, _unify) for group, value in config.items()}


def _unify(number: Any) -> Any:
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _drop_neutral(identity: Mapping[str, Any]) -> dict[str, Any]:
    """`identity` without keys that 0.1 did not have, if their values are neutral: cells of 0.1 keep their ids."""
    kept = {
        group: {key: one for key, one in value.items() if NEUTRAL.get(f"{group}.{key}", ...) != one}
        if isinstance(value, Mapping)
        else value
        for group, value in identity.items()
    }
    if "data" in kept:
        kept["data"] = kept["data"] | {"source": _drop_unstated(kept["data"]["source"])}
    return kept


def _name_streams(augment: Mapping[str, Any]) -> dict[str, str]:
    """How several transforms, nested ones too, draw random numbers: up to 0.1 from one stream, so that they fired together."""
    several = len(list(list_targets(augment["transforms"]))) > 1
    return {"augment_streams": "one for each transform"} if several else {}


def _name_plugins(group: str, counted: Mapping[str, Any]) -> dict[str, Any]:
    """The plug-ins that a group names, with the fingerprints of their code; nothing if it names none."""
    used = plugins.fingerprint_used(list_targets(counted))
    return {f"plugins of {group}": used} if used else {}


def _drop_unstated(source: Any) -> Any:
    """The config of a source without null, empty lists, empty maps and the keys of `IN_TABLE`."""
    if isinstance(source, Mapping):
        stated = {key: _drop_unstated(value) for key, value in source.items() if key not in IN_TABLE}
        return {key: value for key, value in stated.items() if value is not None and value != [] and value != {}}
    if isinstance(source, (list, tuple)):
        return [_drop_unstated(item) for item in source]
    return source


def spell_backbone(backbone: BackboneSpec) -> str:
    """A backbone in the name of a cell, which begins with data set, backbone and adaptation."""
    return f"{backbone.name}-random" if backbone.weights == "random" else backbone.name


def _make_prefix(settings: Settings) -> str:
    apart = "".join(f"-{name}{seed}" for name, seed in settings.seeds_apart.items())
    return (
        f"{settings.dataset.card.name}-{spell_backbone(settings.backbone)}-{settings.adaptation_name}"
        f"-{settings.split.name}-f{settings.fraction:g}-s{settings.seed}{apart}"
    )
