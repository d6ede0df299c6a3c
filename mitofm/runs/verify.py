"""Reruns a finished cell from its stored config, and measures how far the results lie apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mitofm.evaluation.threshold import read_logit
from mitofm.ground import versions
from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import read
from mitofm.runs.anonymise import MARK
from mitofm.runs.folder import CellFolder, State, check_sums, read_config, read_stored
from mitofm.runs.identity import identify
from mitofm.runs.keys import PLACES
from mitofm.runs.said import ANNOTATIONS, read_metrics
from mitofm.runs.tables import read_predictions
from mitofm.training.settings import Paths, Settings

_MOVABLE = ("data", "weights")  # paths under which files may lie elsewhere on another machine


@dataclass(frozen=True)
class Rerun:
    """A rerun against the stored results.

    Attributes:
        samples: the number of test samples.
        logits: the largest difference of a sample's logits.
        metrics: the largest difference of a metric; infinite if it is defined on one side only.
        metric: the name of that metric and its set.
        changed: differences of the environment in words, without libraries, which `rerun` tells.
    """

    samples: int
    logits: float
    metrics: float
    metric: str
    changed: tuple[str, ...]


def rerun(folder: Path, paths: Paths, scratch: Path, way: versions.Way, tell: Callable[[str], None]) -> Rerun:
    """Fit the cell in `folder` again from its stored config, without cached embeddings, and compare.

    Args:
        folder: of a finished cell.
        paths: the group `paths` of this machine, in which data and weights that have moved are found.
        scratch: an empty folder for what the rerun writes.
        way: "check", or "ignore" to go on if other versions of libraries are known to give other numbers.
        tell: called with a line for each library of another version, before anything is fitted.

    Raises:
        DamagedCell: a file of the cell is not the one that it was finished with.
        MitofmError: the cell is not finished, its config cannot be run, its data or weights have changed, or the versions
            here are known to give other numbers.
    """
    state = CellFolder(folder.parent.parent, folder.name).read_state()
    if state is not State.DONE:
        raise MitofmError(f"{folder}: only a finished cell can be verified, and this one is {state.value}")
    check_sums(folder)  # before anything is fitted
    if read_stored(folder / "cell.json").get(MARK):
        raise MitofmError(
            f"{folder}: its samples have neutral names (bundle anonymise=true), by which no rerun can be compared: verify the cell "
            "where it was trained"
        )
    settings = Settings.read(_relocate(read_config(folder), paths))
    cell = identify(settings)
    finished = read_stored(folder / "cell.json").get("id")
    before = read_stored(folder / "environment.json")
    if cell.id != finished:
        which = f"its {'data' if cell.weights.sha256 == before.get('weights_sha256') else 'weights'} are other ones"
        raise MitofmError(
            f"{folder}: what its config asks for here is another cell ({cell.id[:12]}, not {str(finished)[:12]}): {which}, or this "
            f"mitofm means something else by it (it was made with {before.get('mitofm')}, revision {before.get('revision')})"
        )
    from mitofm.adaptation.gradient import GradientAdaptation
    from mitofm.training.fit import fit_cell

    settings = replace(
        settings,
        paths=replace(settings.paths, cache=scratch / "cache", runs=scratch),
        logger=replace(settings.logger, csv=False, wandb=False),
        trainer=replace(settings.trainer, progress=False),
    )
    # Frozen modes see no augmented patch.
    augment = settings.config["augment"] if isinstance(settings.adaptation, GradientAdaptation) else {}
    earlier = versions.read_cell(folder / "environment.json")
    for line in versions.compare(earlier, way, folder.name, settings.config["adaptation"], augment):
        tell(line)
    again = scratch / "cell"
    fit_cell(settings, cell.id, cell.weights, again)
    return compare_rerun(folder, again)


def _relocate(config: dict[str, Any], paths: Paths) -> dict[str, Any]:
    """The config with this machine's paths for files that exist there."""
    before = read(Paths, config.get("paths"), "paths")

    def find(place: str) -> str:
        for kind in _MOVABLE:
            old, new = getattr(before, kind), getattr(paths, kind)
            if Path(place).is_relative_to(old) and (now := new / Path(place).relative_to(old)).exists():
                return str(now)
        return place

    def walk(value: Any, key: str = "") -> Any:
        if isinstance(value, Mapping):
            return {name: walk(item, name) for name, item in value.items()}
        return find(value) if key in PLACES and isinstance(value, str) else value

    here = {kind: str(getattr(paths, kind)) for kind in (*_MOVABLE, "cache")}
    return {**walk(config), "paths": {"runs": str(before.runs), **here}}


def compare_rerun(folder: Path, again: Path) -> Rerun:
    """Compare the files of a finished cell with those of a rerun in the folder `again`; MitofmError if its samples are others."""
    first, second = (read_predictions(place / "predictions.parquet") for place in (folder, again))
    known = [column for column in first if column != "logit"]  # a later mitofm may store more
    if not set(known) <= set(second) or not first[known].equals(second[known]):
        raise MitofmError(f"{folder}: the rerun was tested on other samples: its split is not the one that is stored")
    differences = _list_differences(*(read_metrics(place / "metrics.json") for place in (folder, again)))
    metric, metrics = max(differences, key=lambda one: one[1])
    before, now = (dict(_flatten(read_stored(place / "environment.json"))) for place in (folder, again))
    both = (before.keys() | now.keys()) - {ANNOTATIONS}  # equal, since the ids are; cells of before do not state it
    keys = sorted(key for key in both if before.get(key) != now.get(key))
    changed = [f"{key} {now.get(key)}, was {before.get(key)}" for key in keys if not key.startswith("packages ")]
    return Rerun(len(first), float((first["logit"] - second["logit"]).abs().max()), metrics, metric, tuple(changed))


def _list_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The differences of all metrics of all sets, and of the threshold, by name."""
    sides = []
    for side in (first, second):
        threshold = side["threshold"] | {"logit": read_logit(side["threshold"])}
        sides.append(dict(_flatten({"threshold": threshold, **side["sets"]})))
    for key in sorted(sides[0]):  # a later mitofm may measure more
        one, other = (side.get(key) for side in sides)
        if isinstance(one, (int, float)) and isinstance(other, (int, float)):
            yield key, abs(one - other)
        else:
            yield key, 0.0 if one == other else float("inf")


def _flatten(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key} ")
        else:
            yield f"{prefix}{key}", value
