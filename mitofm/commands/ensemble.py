"""`mitofm ensemble STUDY` or `mitofm ensemble CELL CELL ...`: finished cells as one, in a cell of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mitofm.commands.composing.asking import ask
from mitofm.ground.errors import MitofmError
from mitofm.ground.terminal import tell
from mitofm.runs.cell_names import find_cell
from mitofm.runs.folder import CellFolder, State
from mitofm.training.settings import Paths

if TYPE_CHECKING:
    from mitofm.ensembles.members import Member


@dataclass(frozen=True, kw_only=True)
class EnsembleSettings:
    """`conf/ensemble.yaml`."""

    paths: Paths
    study: str
    over: Literal["seed", "fold", "backbone"]
    cells: str
    beside: str | None
    calibrate: bool
    weights: Literal["equal", "validation"]


def main(arguments: list[str]) -> None:
    """Write every ensemble, and print its name, its members and its AUROC beside theirs."""
    words = [one for one in arguments if "=" not in one]
    settings = ask(EnsembleSettings, "ensemble", [one for one in arguments if "=" in one])
    if not words:
        raise MitofmError("give a study, or two cells or more, then key=value")
    from mitofm.ensembles.combining import combine
    from mitofm.ensembles.members import group, read_member
    from mitofm.ensembles.worth import require_same_samples
    from mitofm.ensembles.writing import ensemble

    beside = find_cell(settings.paths.runs, settings.beside, "metrics.json") if settings.beside else None
    runs, weighted = settings.paths.runs, settings.weights == "validation"
    if len(words) > 1:
        groups = [[read_member(_find_member(runs, one)) for one in words]]
    else:
        members = [read_member(runs / "cells" / name) for name in _list_done(words[0], settings)]
        groups = [one for one in group(members, settings.over) if len(one) > 1]
        if not groups:
            raise MitofmError(
                f"no two of the {len(members)} finished cells of {words[0]} differ in {settings.over} alone"
                f"{', with one split: train with split_seed=42 and several seeds' if settings.over == 'seed' else ''}"
            )
    for one in groups:  # all are refused before any is written
        combined = combine(one, settings.calibrate, weighted)
        if beside:
            require_same_samples(beside, one, combined)
    for one in groups:
        made = ensemble(one, settings.calibrate, weighted, runs, settings.study, settings.paths.cache)
        tell(made.name)
        for line in _tell(made, one, beside):
            tell(f"  {line}")
    tell(f"mitofm report study={settings.study}")


def _find_member(runs: Path, given: str) -> Path:
    """The folder of a cell that is to be a member."""
    folder = find_cell(runs, given)
    if folder.resolve().parent != (runs / "cells").resolve():
        raise MitofmError(
            f"{folder} is not in {runs / 'cells'}, where the ensemble would be, and it is read from its members: give their "
            "paths.runs, or copy the cell there"
        )
    return folder


def _list_done(study: str, settings: EnsembleSettings) -> list[str]:
    """The finished cells of a study, without ensembles."""
    from mitofm.ensembles.members import is_ensemble
    from mitofm.runs.books import studies

    runs = settings.paths.runs
    named = [name for name in studies.read(runs, study).cells if settings.cells in name]
    done = [name for name in named if CellFolder(runs, name).read_state() is State.DONE]
    return [name for name in done if not is_ensemble(runs / "cells" / name)]


def _tell(made: Path, members: Sequence[Member], beside: Path | None) -> Iterator[str]:
    """The AUROC of an ensemble on each evaluation set, and what it is above its members and the cell beside it."""
    from mitofm.ensembles.worth import measure_worth
    from mitofm.reporting.numbers import format_difference
    from mitofm.runs.said import read_metrics

    sets = read_metrics(made / "metrics.json")["sets"]
    same = all(len(one.predictions) == sets["all"]["n"] for one in members)
    rivals = {"the mean of its members": [one.folder for one in members]} if same else {}
    rivals |= {beside.name: [beside]} if beside else {}
    found = {name: measure_worth(made, cells) for name, cells in rivals.items()}
    for name, values in sets.items():
        if not name.startswith("domain:"):
            own = [member.metrics["sets"].get(name, {}).get("auroc") for member in members]
            yield f"{name}: AUROC {_spell([values['auroc']])}; its {len(members)} members {_spell(own)}"
            for rival, worth in found.items():
                if name in worth:
                    why = f" ({worth[name].why})" if worth[name].why else ""
                    yield f"  minus {rival}: {format_difference(worth[name])}{why}"


def _spell(values: Sequence[float | None]) -> str:
    known = sorted(value for value in values if value is not None)
    if not known:
        return "not defined"
    return f"{known[0]:.3f}" if known[0] == known[-1] else f"{known[0]:.3f} to {known[-1]:.3f}"
