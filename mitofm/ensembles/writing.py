"""Writes an ensemble as a cell of its own: the files of a cell, so that all that reads cells takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from mitofm.ensembles.combining import Combined, combine
from mitofm.ensembles.members import MEMBERS, Member, list_members, read_member
from mitofm.ground import fingerprints
from mitofm.ground.files import guarding, remove, write_json, write_parquet, write_text
from mitofm.ground.locks import lock
from mitofm.runs import sums
from mitofm.runs.books import studies
from mitofm.runs.contributions import keep_contribution
from mitofm.runs.folder import CellFolder, State, check_sums, read_config
from mitofm.runs.keys import ENSEMBLE
from mitofm.runs.said import read_cost, read_device

_RULE = 1  # raise it when the same members would give other logits
_JOINED = ("backbone", "weights", "augment", "fit")
"""Labels in which members may differ, and all values are told."""
_LONGEST, _WHOLE = 100, 180  # characters of a part of a cell's name, and of all before its id: file systems take 255


def ensemble(members: Sequence[Member], calibrate: bool, weighted: bool, runs: Path, study: str, cache: Path) -> Path:
    """The folder of the ensemble of these cells, written unless it is done, and listed in `study`.

    Raises:
        MitofmError: as `combine`. Nothing is written then.
    """
    members = sorted(members, key=lambda one: one.folder.name)
    combined = combine(members, calibrate, weighted)
    cell_id = _identify(members, calibrate, weighted)
    labels = _label(members, combined)
    folder = CellFolder(runs, f"{make_prefix(labels)}-{cell_id[:12]}")
    studies.enlist(runs, study, folder.path.name)
    with lock(folder.lock) as held, guarding(folder.path, held.require):
        fitted = folder.read_state() is not State.DONE
        if fitted:
            _write(
                folder.path, members, combined, labels, cell_id, _configure(members, calibrate, weighted, study, labels)
            )
            folder.mark(State.DONE, sums.take(folder.path))
            keep_contribution(folder.path, cache)
        else:
            check_sums(folder.path)
    studies.note_end(runs, study, folder.path.name, State.DONE, fitted=fitted)
    return folder.path


def rewrite(place: Path, into: Path) -> None:
    """Write the ensemble in `place` anew from its members, beside it in `cells/`, to the folder `into`, but for its marker.

    Raises:
        MitofmError: a member is absent, damaged or another cell than before.
    """
    config = read_config(place)
    members = [read_member(place.parent / name) for name in list_members(place)]
    calibrate, weighted = config[ENSEMBLE]["calibrate"], config[ENSEMBLE]["weights"] == "validation"
    combined = combine(members, calibrate, weighted)
    labels = _label(members, combined)
    _write(into, members, combined, labels, _identify(members, calibrate, weighted), config)


def mend(place: Path, runs: Path) -> None:
    """Write a damaged ensemble again, in its own folder; errors as `rewrite`, which leave it as it is."""
    folder = CellFolder(runs, place.name)
    for name in list_members(place):
        read_member(place.parent / name)  # raises before the marker is gone
    with lock(folder.lock) as held, guarding(folder.path, held.require):
        remove(folder.path / State.DONE.value)
        rewrite(place, folder.path)
        folder.mark(State.DONE, sums.take(folder.path))


def _identify(members: Sequence[Member], calibrate: bool, weighted: bool) -> str:
    ids = sorted(one.id for one in members)
    return fingerprints.of({"ensemble": _RULE, "members": ids, "calibrate": calibrate, "weighted": weighted})


def _write(
    folder: Path,
    members: Sequence[Member],
    combined: Combined,
    labels: Mapping[str, Any],
    cell_id: str,
    config: Mapping[str, Any],
) -> None:
    import torch

    from mitofm.training import environment

    write_text(folder / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))
    write_json(folder / "cell.json", {"id": cell_id, "labels": labels})
    write_parquet(folder / "split.parquet", _join_splits(members, combined))
    write_parquet(folder / "predictions.parquet", combined.predictions)
    if combined.validation is not None:
        write_parquet(folder / "validation.parquet", combined.validation)
    write_json(folder / "metrics.json", combined.metrics)
    here = environment.describe(torch.device("cpu"))
    write_json(folder / "environment.json", here | {"device": read_device(members[0].folder) or here["device"]})
    costs = [read_cost(one.folder) for one in members]
    whole = {key: sum(one.get(key, 0) for one in costs) for key in ("seconds", "trained_parameters")}
    write_json(folder / "cost.json", whole | {"peak_memory_mb": max(one.get("peak_memory_mb", 0) for one in costs)})


def _configure(
    members: Sequence[Member], calibrate: bool, weighted: bool, study: str, labels: Mapping[str, Any]
) -> dict[str, Any]:
    """What the configs of the members share, and what the ensemble is made of."""
    shared = members[0].config
    for one in members[1:]:
        shared = _intersect(shared, one.config)
    told = {"calibrate": calibrate, "weights": "validation" if weighted else "equal"}
    own = {"seed": labels["seed"], "study": study, "paths": members[0].config.get("paths")}
    left = {key: value for key, value in shared.items() if key not in ("comparisons", "split_seed", "training_seed")}
    return left | own | {ENSEMBLE: told, MEMBERS: [one.folder.name for one in members]}


def _intersect(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key in first.keys() & second.keys():
        one, other = first[key], second[key]
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            kept[key] = _intersect(one, other)
        elif one == other:
            kept[key] = one
    return {key: kept[key] for key in first if key in kept}


def _label(members: Sequence[Member], combined: Combined) -> dict[str, Any]:
    """The labels of the ensemble: those of its members; in its adaptation it says that it is one."""
    all_labels = [one.labels for one in members]
    first = dict(all_labels[0])
    for key in ("split_seed", "training_seed", "confounded_with"):
        if key in first and any(one.get(key) != first[key] for one in all_labels):
            del first[key]
    joined = {key: _join(one.get(key) for one in all_labels) for key in _JOINED}
    kinds = _join(one["adaptation"] for one in all_labels)
    count = len(members)
    domains = {one.get("train_domain") for one in all_labels}
    split_seed = min(one.split_seed for one in members)
    trainings = {one.training_seed for one in members} - {split_seed}
    first.pop("training_seed", None)
    first.pop("split_seed", None)
    return {
        **first,
        **joined,
        "adaptation": f"ensemble of {count} {kinds}" if combined.same else f"{kinds}, {count} test sets pooled",
        "seed": split_seed,
        **({"training_seed": min(trainings)} if len({one.training_seed for one in members}) == 1 and trainings else {}),
        "leaks": any(one.get("leaks") for one in all_labels),
        "train_domain": domains.pop() if len(domains) == 1 else "all",
        "n_train": round(sum(one["n_train"] for one in all_labels) / count),
        "n_validation": round(sum(one["n_validation"] for one in all_labels) / count),
        "test_only": sorted({domain for one in all_labels for domain in one.get("test_only", ())}),
        "seen": sorted({name for one in all_labels for name in one.get("seen", ())}),
    }


def _join(values: Any) -> str:
    return " + ".join(dict.fromkeys(map(str, values)))


def make_prefix(labels: Mapping[str, Any]) -> str:
    """The name of the ensemble's folder but for its id."""

    def shorten(text: str) -> str:
        return text.replace(", ", "_").replace(" + ", "+").replace(" ", "_")[:_LONGEST]

    apart = f"-training_seed{labels['training_seed']}" if "training_seed" in labels else ""
    random = "-random" if labels["weights"] == "random" else ""
    prefix = (
        f"{labels['dataset']}-{shorten(labels['backbone'])}{random}-{shorten(labels['adaptation'])}-{labels['split']}"
        f"-f{labels['fraction']:g}-s{labels['seed']}{apart}"
    )
    return prefix[:_WHOLE]


def _join_splits(members: Sequence[Member], combined: Combined) -> pd.DataFrame:
    """Each sample once; its part is what it was to any member: tested, else trained on, else validated on."""
    frame = pd.concat([one.split for one in members]).drop_duplicates("sample_id", ignore_index=True)
    parts = pd.Series(frame["part"].to_numpy(), index=frame["sample_id"])
    for part in ("validation", "train"):
        named = {sample for one in members for sample in one.split.loc[one.split["part"] == part, "sample_id"]}
        parts[parts.index.isin(named)] = part
    parts[parts.index.isin(set(combined.predictions["sample_id"]))] = "test"
    return frame.assign(part=parts.to_numpy())
