"""The resolved configs of the cells of a grid: recalled, derived from few that are composed, or composed by Hydra."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from mitofm.commands.composing import recalling
from mitofm.commands.composing.command_line import CommandLine
from mitofm.commands.composing.compose import compose_started, start_hydra
from mitofm.commands.composing.deriving import Deriver
from mitofm.commands.composing.loading import Declined, Loader
from mitofm.ground.errors import MitofmError, describe_unforeseen
from mitofm.ground.terminal import tell
from mitofm.runs.resolve import resolve

REFUSED = (Declined, MitofmError, HydraException, OmegaConfBaseException, YAMLError, OSError, ValueError)
"""What is raised for configs that Hydra has to compose, if only to say what is wrong with them."""
_told_slow: set[type] = set()


def resolve_grid(
    line: CommandLine, every_cell: bool = False, count: Counter[str] | None = None
) -> Generator[dict[str, Any]]:
    """The resolved configs of a grid; errors as `resolve_cells`. Close the generator if you stop early: it holds Hydra.

    Args:
        line: the command line.
        every_cell: compose each cell. Else one config for each value of a swept key, the other keys at their first values:
            so each value is met once.
        count: as in `resolve_cells`.
    """
    swept = line.swept
    firsts = {key: values[0] for key, values in swept.items()}
    grid: Iterable[dict[str, str]] = [
        firsts, *(firsts | {key: value} for key, values in swept.items() for value in values[1:])
    ]  # fmt: skip
    if every_cell:
        grid = (dict(zip(swept, values, strict=True)) for values in product(*swept.values()))
    cells = ([*line.fixed, *(f"{key}={value}" for key, value in choices.items())] for choices in grid)
    yield from resolve_cells(line.name, line.config_dir, cells, line.cache, count)


def resolve_cells(
    name: str,
    config_dir: str | None,
    cells: Iterable[Sequence[str]],
    cache: Path | None = None,
    count: Counter[str] | None = None,
) -> Generator[dict[str, Any]]:
    """The resolved configs of cells, which share their parts: do not change them. Close the generator if you stop early.

    Args:
        name: of the primary config.
        config_dir: a further folder of configs.
        cells: the overrides of each.
        cache: where they are kept for the next time; None: nowhere.
        count: is told how many were "recalled", "composed", "derived" from those, and "declined": left to Hydra.

    Raises:
        MitofmError: as `compose` and `resolve`.
    """
    told, cells = Counter() if count is None else count, list(cells)
    key = None if cache is None else recalling.name_cells(name, config_dir, cells)
    if cache is not None and key is not None and (kept := recalling.recall_configs(cache, key)) is not None:
        told["recalled"] += len(kept)
        yield from kept
        return
    resolved = []
    with start_hydra(config_dir):
        deriver = _make_deriver(name)
        for overrides in cells:
            config = None if deriver is None else _derive(deriver, overrides, told)
            if config is None:
                told["declined"] += 1
                config = resolve(compose_started(name, overrides))
            resolved.append(config)
            yield config
    if cache is not None and key is not None and not told["declined"]:
        recalling.keep_configs(cache, key, resolved)


def _make_deriver(name: str) -> Deriver | None:
    """What derives configs of the primary config `name`; None if Hydra has to compose each, if only to say what is wrong."""
    try:
        return Deriver(Loader(name, GlobalHydra.instance().config_loader().get_search_path()))
    except REFUSED:
        return None
    except Exception as error:
        _tell_slow(error)
        return None


def _derive(deriver: Deriver, overrides: Sequence[str], told: Counter[str]) -> dict[str, Any] | None:
    """The resolved config of a cell; None if Hydra has to compose it, if only to say what is wrong with it."""
    before = deriver.composed
    try:
        config = deriver.resolve(overrides)
    except REFUSED:
        return None
    except Exception as error:
        _tell_slow(error)
        return None
    told["composed" if deriver.composed > before else "derived"] += 1
    return config


def _tell_slow(error: Exception) -> None:
    """Say, once of each kind, that deriving failed by a fault of its own, as it may with another version of Hydra."""
    if type(error) not in _told_slow:
        _told_slow.add(type(error))
        told = f"{describe_unforeseen(error)}; Hydra composes each cell instead, which takes longer"
        tell(f"mitofm: {told}", file=sys.stderr)
