"""Reads everything that runs and a cache hold, and says what is damaged and what mends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mitofm.backbones import embedding_sums
from mitofm.data import patches, tables
from mitofm.ground import fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import is_remembered, read_json
from mitofm.ground.fingerprints import Remembered
from mitofm.ground.scratch import scratch
from mitofm.ground.stowed import fetch
from mitofm.runs.books import journal, studies
from mitofm.runs.bundle import open_unpacked
from mitofm.runs.contributions import STATISTICS
from mitofm.runs.folder import CellFolder, DamagedCell, State, check_sums, read_config, read_stored
from mitofm.runs.said import read_metrics
from mitofm.runs.sums import Unfit
from mitofm.runs.tables import read_predictions, read_split
from mitofm.training.saved import BRANCHES, STATE, is_whole

WHOLE, UNCHECKED, DAMAGED = "whole", "unchecked", "damaged"
KINDS = ("cells", "journals", "patch stores", "tables", "embeddings", "kept results", "bundles")
_KEPT = {
    "fingerprints": "fingerprint",
    "configs": "kept",
    "noted": "cells",
    "models": "built",
    "plans": "lines",
}

_STOWED = (STATISTICS, "figures")  # by `ground/stowed.py`


@dataclass(frozen=True)
class Checked:
    """What one thing is.

    Attributes:
        kind: one of `KINDS`.
        state: whole, damaged, or unchecked: of before there were checksums, and it can be read.
        told: of what is damaged, where it is, why, and what mends it.
    """

    kind: str
    state: str
    told: str = ""


def check(runs: Path, study: str | None, cache: Path) -> Iterator[Checked]:
    """Check the cells of a study, or all; all journals, and what the cache holds. Every file is read.

    Raises:
        MitofmError: there is no such study.
    """
    yield from check_cells(runs, study)
    yield from _check_journals(runs, study)
    yield from _check_cache(cache)


def check_cells(runs: Path, study: str | None) -> Iterator[Checked]:
    """Check the finished cells of a study, or all."""
    listed = studies.read(runs, study).cells if study is not None else None
    names = sorted(place.name for place in (runs / "cells").glob("*")) if listed is None else listed
    for name in names:
        cell = CellFolder(runs, name)
        if cell.read_state() is State.DONE:
            try:
                checked = check_sums(cell.path)
                _read_cell(cell.path)
                yield Checked("cells", WHOLE if checked else UNCHECKED)
            except DamagedCell as damaged:
                yield Checked("cells", DAMAGED, f"{cell.path}: {damaged.reason}")
            except MitofmError as error:
                yield Checked("cells", DAMAGED, str(error))


def check_bundle(file: Path) -> Checked:
    """Check a bundle and the cells in it."""
    try:
        with open_unpacked(file) as bundle:
            found = [one for one in check_cells(bundle.runs, bundle.study) if one.state == DAMAGED]
        if found:
            return Checked(
                "bundles", DAMAGED, f"{file}: {len(found)} cells in it are damaged: fetch it again from who made it"
            )
        return Checked("bundles", WHOLE)
    except MitofmError as error:
        return Checked("bundles", DAMAGED, str(error))


def _read_cell(folder: Path) -> None:
    """Read what a report reads, and compare the weights with their description: all that a cell of before can be asked."""
    read_metrics(folder / "metrics.json")
    read_predictions(folder / "predictions.parquet")
    read_split(folder / "split.parquet")
    read_stored(folder / "cell.json")
    read_config(folder)
    description = folder / "checkpoint" / "checkpoint.json"
    if description.is_file():
        stated, tensors = read_stored(description).get("tensors_sha256"), description.with_name("trained.safetensors")
        try:
            if stated is not None and fingerprints.of_file(tensors) != stated:
                raise Unfit("is not the file that checkpoint.json describes")
        except (OSError, ValueError) as error:
            raise DamagedCell(tensors, error) from error


def _check_journals(runs: Path, study: str | None) -> Iterator[Checked]:
    for name in studies.list_names(runs) if study is None else [study]:
        file = studies.find_journal(runs, name)
        try:
            fault = _find_fault(runs, name, file)
            state = DAMAGED if fault else WHOLE if file.is_file() else UNCHECKED  # without a journal: of 0.1
        except OSError as error:
            state = DAMAGED
            fault = f"{file} cannot be read ({error.strerror}): `rm -r {file}`, and start its command again"
        yield Checked("journals", state, fault)


def _find_fault(runs: Path, study: str, file: Path) -> str:
    """What is damaged or missing of a study's books, and what mends it; "" if nothing; OSError if they cannot be read."""
    end, again = journal.locate_end(file), "start the study's command again, which lists its cells anew"
    if file.is_file() and (lines := journal.find_damaged(file)):
        numbers = ", ".join(map(str, lines))
        return f"{file}: damaged lines {numbers}: {again}, then delete these lines and {end.name}"
    if lost := studies.read(runs, study).describe_loss():
        return f"{file.parent}: {lost}: {again}{f', then `rm {end}`' if journal.knows_end(file) else ''}"
    if end.exists() and not journal.knows_end(file):
        return f"{end} is damaged: `rm -r {end}`, and it is made again"
    return ""


def _check_cache(cache: Path) -> Iterator[Checked]:
    with scratch("mitofm-check-") as nothing:
        remembered = Remembered(nothing)  # so that every byte is read
        for store in patches.find_stores(cache):
            try:
                patches.PatchStore.open(store, remembered)
                yield Checked("patch stores", WHOLE)
            except MitofmError as error:
                yield Checked("patch stores", DAMAGED, f"{error}: `rm -r {store}`")
    for table, right in tables.find_kept(cache):
        told = (
            f"{table}: this table is not the one that was kept: `rm -r {table}`, and it is made again when next needed"
        )
        yield Checked("tables", WHOLE) if right else Checked("tables", DAMAGED, told)
    for file in sorted((cache / "embeddings").glob("*.npy")):
        if not embedding_sums.locate_sums(file).is_file():
            yield Checked("embeddings", UNCHECKED)
        elif fault := embedding_sums.check(file):
            yield Checked(
                "embeddings", DAMAGED, f"{file} {fault}: `rm {file}`, and they are computed again when next needed"
            )
        else:
            yield Checked("embeddings", WHOLE)
    for folder, key in _KEPT.items():
        for entry in sorted((cache / folder).glob("*.json")):
            yield _judge_kept(entry, _read_kept(entry, key))
    for folder in _STOWED:
        for entry in sorted((cache / folder).glob("[!.]*.*")):
            if entry.suffix != ".json":  # of before: nobody reads it
                yield _judge_kept(entry, DAMAGED if fetch(entry) is None else WHOLE)
    for entry in sorted((cache / BRANCHES).glob("*/[!.]*")):
        whole = is_whole(entry) if entry.suffix == STATE else fetch(entry) is not None
        yield _judge_kept(entry, WHOLE if whole else DAMAGED)


def _judge_kept(entry: Path, state: str) -> Checked:
    told = f"{entry}: it is not what was kept: `rm {entry}`, and it is computed again when next needed"
    return Checked("kept results", state, told if state == DAMAGED else "")


def _read_kept(entry: Path, key: str) -> str:
    try:
        content = read_json(entry)
        if "checksum" not in content and key in content:
            return UNCHECKED  # of before: it is computed again
        return WHOLE if is_remembered(entry, key, content) else DAMAGED
    except (OSError, ValueError, KeyError):
        return DAMAGED
