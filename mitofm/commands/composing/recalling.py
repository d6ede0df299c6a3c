"""Remembers on disk which configs commands meant, so that asking again composes nothing. No Hydra here: it takes long to import.

What is kept is named by all that it depends on: the code and its libraries, the YAMLs on the search path, the environment
variables that those read, and the overrides (`mitofm.ground.context`). So nothing that is kept is ever out of date.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mitofm.ground import context, fingerprints
from mitofm.ground.config import list_config_folders
from mitofm.ground.files import keep, recall

_FOLDER, _KEY = "configs", "kept"
_PLAIN = re.compile(r"[\w./+-]+")
_OPTIONS = {"--config-dir": "folder", "-cd": "folder", "--config-name": "name", "-cn": "name"}


def name_cells(name: str, config_dir: str | None, cells: Sequence[Sequence[str]]) -> str | None:
    """What the configs of these cells are kept under: their overrides, and all else that decides them; None if that is not known.

    Args:
        name: of the primary config.
        config_dir: a further folder of configs.
        cells: the overrides of each.
    """
    own, studies = list_config_folders(), [Path(config_dir).resolve()] if config_dir else []
    read = context.of_configs([*own, *studies], {one for cell in cells for one in cell})
    if read is None:
        return None
    place = [len(own), len(studies)]  # the same folder may be either, and comes first or last
    return fingerprints.of([context.of_code(), read, place, _list_plugins(), name, [list(cell) for cell in cells]])


def recall_command(arguments: Sequence[str], name: str = "train") -> tuple[dict[str, Any], dict[str, str]] | None:
    """What was kept of a command, if of `train` then for one cell: its resolved config, and the choices that it made; None if nothing.

    `name` is that of its primary config.
    """
    place = _name_command(arguments, name)
    kept = None if place is None else recall(place, _KEY)
    return None if kept is None else (json.loads(kept["config"]), kept["chosen"])


def keep_command(
    arguments: Sequence[str], config: Mapping[str, Any], chosen: Mapping[str, str], name: str = "train"
) -> None:
    """Keep the config and the choices of a command, if its words tell in which cache they will be looked for."""
    place = _name_command(arguments, name)
    cache = config.get("paths", {}).get("cache")
    if place is None or cache is None or place.parents[1] != Path(cache) or not _fits_json(config):
        return
    with suppress(OSError):
        keep(place, _KEY, {"config": json.dumps(config), "chosen": chosen})


def _name_command(arguments: Sequence[str], name: str) -> Path | None:
    """The file in which the config of a command is kept; None if its words do not tell."""
    found: dict[str, str] = {}
    overrides, words = [], iter(arguments)
    for word in words:
        option, _, value = word.partition("=")
        if option in _OPTIONS:
            found[_OPTIONS[option]] = value or next(words, "")
        elif word.startswith("-"):
            return None
        else:
            overrides.append(word)
    typed = [one.partition("=")[2] for one in overrides if one.partition("=")[0].lstrip("+") == "paths.cache"]
    cache = typed[-1] if typed else os.environ.get("MITOFM_CACHE", "cache")
    folder = found.get("folder")
    if not _PLAIN.fullmatch(cache) or (folder is not None and not Path(folder).is_dir()):
        return None
    key = name_cells(found.get("name", name), folder, [["one cell", *overrides]])
    return None if key is None else _find_file(Path(cache), key)


def recall_configs(cache: Path, key: str) -> list[dict[str, Any]] | None:
    """The configs that are kept, with shared parts, which are not to be changed; None if there are none."""
    kept = recall(_find_file(cache, key), _KEY)
    if kept is None:
        return None
    parts = [json.loads(text) for text in kept["parts"]]
    columns = {name: [parts[int(number)] for number in numbers.split()] for name, numbers in kept["cells"]}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def keep_configs(cache: Path, key: str, configs: Sequence[Mapping[str, Any]]) -> None:
    """Keep configs, unless JSON cannot hold one as it is, or the disk refuses."""
    names = list(configs[0]) if configs else []
    if not names or any(list(one) != names for one in configs):
        return
    parts: dict[str, Any] = {}
    cells: dict[str, list[str]] = {name: [] for name in names}
    spelled: dict[int, str] = {}
    for config in configs:
        for name, value in config.items():
            text = spelled.setdefault(id(value), "") or repr(value)
            spelled[id(value)] = text
            parts.setdefault(text, (str(len(parts)), value))
            cells[name].append(parts[text][0])
    values = [value for _, value in parts.values()]
    with suppress(OSError):
        if _fits_json(values):
            texts = [json.dumps(value) for value in values]  # in which keys keep their order
            table = {"parts": texts, "cells": [[name, " ".join(numbers)] for name, numbers in cells.items()]}
            keep(_find_file(cache, key), _KEY, table)


def _fits_json(value: Any) -> bool:
    """Whether JSON gives plain data back as it is: keys that are no texts would become texts."""
    try:
        return repr(json.loads(json.dumps(value, allow_nan=False))) == repr(value)
    except (TypeError, ValueError):
        return False


def _find_file(cache: Path, key: str) -> Path:
    return cache / _FOLDER / f"{key[:32]}.json"


def _list_plugins() -> list[str]:
    """The files from which Hydra takes plugins: one may add configs."""
    found = find_spec("hydra_plugins")
    folders = list(found.submodule_search_locations or ()) if found else []
    files = (file for folder in folders for file in Path(folder).rglob("*.py"))
    return sorted(f"{file} {file.stat().st_size}" for file in files)
