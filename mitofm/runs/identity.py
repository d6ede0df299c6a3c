"""The identity of a cell: a hash of everything that can change its result, and of nothing else. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights, find
from mitofm.ground import fingerprints
from mitofm.ground.fingerprints import Remembered
from mitofm.runs.keys import FORMER, IN_TABLE, NEUTRAL, PLACES, SINGLE, WHOLE, counts, rename
from mitofm.runs.resolve import rounded
from mitofm.training.settings import Settings

PROTOCOL_VERSION = 4  # raise it, once per release, when the same identity would give another result


@dataclass(frozen=True)
class Identified:
    """A cell with its name.

    Attributes:
        id: sha256 of the identity.
        folder_name: a readable prefix and the first 12 digits of the id.
        weights: of its backbone.
    """

    id: str
    folder_name: str
    weights: Weights


def identify(settings: Settings) -> Identified:
    """Name the cell that settings ask for. Opens no data that it has seen before in the same state.

    Raises:
        MitofmError: the data set or the weights are not on this machine.
    """
    remembered = Remembered(settings.paths.cache / "fingerprints")
    weights = find(settings.backbone, settings.paths.weights, remembered)
    split_files = [remembered.file(file) for file in settings.split.files()]
    table = settings.dataset.table_fingerprint(votes=settings.fit.learns_votes)
    cell_id = hash_config(settings.config, table, weights.sha256, split_files)
    return Identified(cell_id, f"{_make_prefix(settings)}-{cell_id[:12]}", weights)


def hash_config(
    config: Mapping[str, Any],
    table: str,
    weights: str,
    split_files: Sequence[str],
    protocol_version: int = PROTOCOL_VERSION,
) -> str:
    """The id of the cell that a resolved config asks for: a function of its arguments alone.

    Args:
        config: the resolved config.
        table: fingerprint of the annotation table.
        weights: sha256 of the backbone's weights.
        split_files: sha256 of each file that decides the split.
        protocol_version: what the same identity is worth; another version, other ids.
    """
    identity = {
        "protocol_version": protocol_version,
        "table": table,
        "backbone": BackboneSpec.from_config(config["backbone"]).contract(),
        "weights": weights,
        "split_files": list(split_files),
        **{
            group: {key: value for key, value in config[group].items() if counts(f"{group}.{key}")}
            for group in ("data", *WHOLE)
        },
        **{key: config[key] for key in SINGLE},
        **_name_streams(config["augment"]),
    }
    return fingerprints.of(_drop_places(unify_numbers(rounded(rename(_drop_neutral(identity), FORMER)))))


def unify_numbers(config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` with each number as one value however it is spelled: YAML reads 1 and 1.0 as two types.

    In `augment` they stay two: there 1 may be a pixel and 1.0 all of a side.
    """
    return {group: value if group == "augment" else _unify(value) for group, value in config.items()}


def _drop_neutral(identity: Mapping[str, Any]) -> dict[str, Any]:
    """`identity` less the keys that 0.1 did not have, if they are neutral; keys of a source that state nothing are.

    So cells that finished before a key was added keep their ids.
    """
    kept = {
        group: {key: one for key, one in value.items() if NEUTRAL.get(f"{group}.{key}", ...) != one}
        if isinstance(value, Mapping)
        else value
        for group, value in identity.items()
    }
    return kept | {"data": kept["data"] | {"source": _drop_unstated(kept["data"]["source"])}}


def _name_streams(augment: Mapping[str, Any]) -> dict[str, str]:
    """How the transforms of a list draw: up to 0.1 two or more, nested ones too, drew from one stream and fired together."""
    return {"augment_streams": "one for each transform"} if _count_transforms(augment["transforms"]) > 1 else {}


def _count_transforms(value: Any) -> int:
    if isinstance(value, Mapping):
        return ("_target_" in value) + sum(map(_count_transforms, value.values()))
    return sum(map(_count_transforms, value)) if isinstance(value, (list, tuple)) else 0


def _drop_unstated(source: Any) -> Any:
    """The config of a source less null, empty lists, empty maps and the keys of `IN_TABLE`."""
    if isinstance(source, Mapping):
        stated = {key: _drop_unstated(value) for key, value in source.items() if key not in IN_TABLE}
        return {key: value for key, value in stated.items() if value is not None and value != [] and value != {}}
    if isinstance(source, (list, tuple)):
        return [_drop_unstated(item) for item in source]
    return source


def _drop_places(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _drop_places(item) for key, item in value.items() if key not in PLACES}
    if isinstance(value, (list, tuple)):
        return [_drop_places(item) for item in value]
    return value


def _unify(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _unify(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_unify(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _make_prefix(settings: Settings) -> str:
    random = "-random" if settings.backbone.weights == "random" else ""
    return (
        f"{settings.dataset.card.name}-{settings.backbone.name}{random}-{settings.adaptation_name}"
        f"-{settings.split.name}-f{settings.fraction:g}-s{settings.seed}"
    )
