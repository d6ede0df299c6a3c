"""What a command line of `train` asks for: the choices of every cell, the swept ones, the sweeper and the launcher."""

from __future__ import annotations

import math
import re
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from mitofm.commands.composing.compose import compose_started, quote_study, refuse_words, start_hydra
from mitofm.commands.composing.swept import list_values, spell, spell_sweep
from mitofm.ground.errors import MitofmError
from mitofm.runs.keys import NO_PART

_SWEEPER = f"{BasicSweeper.__module__}.{BasicSweeper.__name__}"
GRIDS = (_SWEEPER, "hydra_plugins.mitofm_sweeper.LeftSweeper")
"""The sweepers that run a whole grid; others choose among its cells, and draw from intervals."""


@dataclass(frozen=True)
class CommandLine:
    """What a command line of `train` asks for.

    Attributes:
        name: of the primary config.
        config_dir: a further folder of configs.
        fixed: overrides that hold for every cell.
        swept: the values of every swept key.
        multirun: whether a launcher starts the cells, be they one or many.
        launcher: its name.
        launches: its config.
        cache: where configs are kept; None if that is not known.
        sweeper: the config of the sweeper.
        handed: the overrides that the sweeper is handed, in Hydra's order.
        swept_by_hydra: these; None if another sweeper than Hydra's own sweeps, or if Hydra does more for a cell than to
            call its command (callbacks, environment variables).
    """

    name: str
    config_dir: str | None
    fixed: list[str]
    swept: dict[str, list[str]]
    multirun: bool
    launcher: str
    launches: DictConfig
    cache: Path | None
    sweeper: DictConfig
    handed: list[str]
    swept_by_hydra: list[str] | None

    @property
    def draws(self) -> bool:
        """Whether the sweeper chooses among cells by what earlier ones gave, in place of running a whole grid."""
        return self.multirun and self.sweeper._target_ not in GRIDS

    def list_cells(self) -> list[list[str]]:
        """The overrides of each cell, as Hydra will spell them; none if that is not known."""
        if self.swept_by_hydra is None:
            return []
        if not self.multirun:
            return [self.swept_by_hydra]
        parsed = OverridesParser.create().parse_overrides(self.swept_by_hydra)
        return BasicSweeper.split_arguments(parsed, None)[0]

    @property
    def size(self) -> int:
        """The number of cells."""
        return math.prod(map(len, self.swept.values()))

    @property
    def grid(self) -> tuple[dict[str, str], dict[str, list[str]]]:
        """The choices for every cell, and those that are swept, as `read_choices` gives them."""
        each = {key: [read_choices([f"{key}={value}"]) for value in values] for key, values in self.swept.items()}
        return read_choices(self.fixed), {key: [one[key] for one in found] for key, found in each.items() if all(found)}


def read_arguments(arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    """What is typed after `train` or `plan`, with flags and overrides in any order.

    Returns:
        What Hydra's own parser makes of it, and the arguments with the flags first: Hydra takes no override after a flag that
        comes after another override.

    Raises:
        MitofmError: there is no such flag, or its value is missing.
    """
    parser = get_args_parser()
    parser.error = _refuse_arguments  # type: ignore[method-assign]
    found = parser.parse_intermixed_args(arguments)
    overrides, flags = list(found.overrides), []
    for one in arguments:
        if overrides and one == overrides[0]:
            overrides.pop(0)
        else:
            flags.append(one)
    return found, [*flags, *found.overrides]


def _refuse_arguments(message: str) -> NoReturn:
    raise MitofmError(f"{message}: `mitofm train --help` lists the keys, and mitofm takes the flags of Hydra")


def read_command_line(
    name: str, overrides: Sequence[str], config_dir: str | None, multirun: bool = False
) -> CommandLine:
    """Read a command line as Hydra will; errors as `compose`."""
    refuse_words(overrides)
    with start_hydra(config_dir):
        try:
            parsed = OverridesParser.create().parse_overrides(quote_study(overrides))
        except HydraException as error:
            raise MitofmError("; ".join(str(error).splitlines())) from error
        fixed = [str(one.input_line) for one in parsed if not one.is_sweep_override()]
        last = {one.key_or_group: one for one in parsed}  # of a key that is typed twice the last value holds
        loader = GlobalHydra.instance().config_loader()
        # What is typed may be a key of what the study sweeps (split.domain of its split): then the study's grid comes first.
        composed, wrong = (None, None) if len(fixed) < len(parsed) else _try(name, fixed)
        of_hydra = [one for one in fixed if one.lstrip("+~").startswith("hydra")]
        sweeper = (composed or compose_started(name, of_hydra, with_hydra=True)).hydra.sweeper
        draws, params = sweeper._target_ not in GRIDS, sweeper.get("params") or {}
        typed = {key: list_values(one, loader, draws) for key, one in last.items() if one.is_sweep_override()}
        of_study = OverridesParser.create().parse_overrides(
            [f"{key}={params[key]}" for key in params if key not in last]
        )
        swept = {one.key_or_group: list_values(one, loader, draws) for one in of_study} | typed
        firsts = [f"{key}={values[0]}" for key, values in swept.items()]
        if wrong is not None and not firsts:
            raise wrong
        if composed is None or firsts:
            composed = compose_started(name, [*fixed, *firsts], with_hydra=True)
        whole = composed.hydra
        multirun = multirun or str(whole.mode).endswith("MULTIRUN")
        launcher = whole.runtime.choices["hydra/launcher"]
        more = whole.job.env_set or whole.job.env_copy or whole.callbacks or whole.sweeper._target_ != _SWEEPER
        _refuse_other_folder(whole)
        task = [spell_sweep(one, loader) for one in parsed if not one.is_hydra_override()]
        study = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in params.items()])
        handed = [*(spell_sweep(one, loader) for one in study if multirun), *task]
        return CommandLine(
            name=name,
            config_dir=config_dir,
            fixed=fixed,
            swept=swept,
            multirun=multirun,
            launcher=launcher,
            launches=whole.launcher,
            cache=_find_cache(composed),
            sweeper=whole.sweeper,
            handed=handed,
            swept_by_hydra=None if more else handed,
        )


def _try(name: str, fixed: list[str]) -> tuple[DictConfig | None, MitofmError | None]:
    """The config with these overrides, or what is wrong with them."""
    try:
        return compose_started(name, fixed, with_hydra=True), None
    except MitofmError as error:
        return None, error


def _refuse_other_folder(hydra: DictConfig) -> None:
    """Refuse to run cells in another folder than the command's: books, cells and the user's files would be looked for there."""
    if hydra.job.chdir:
        raise MitofmError(
            "hydra.job.chdir=true: paths of mitofm are relative to the folder in which you start it: leave it out (to keep "
            "results elsewhere, give paths.runs=FOLDER)"
        )


def read_choices(overrides: Iterable[str]) -> dict[str, str]:
    """The values that overrides of one cell choose, by key and as Hydra writes them, of keys that can be part of its id."""
    choices = dict(map(_read_choice, overrides))
    return {key: value for key, value in choices.items() if re.split(r"[./@]", key)[0] not in NO_PART}


@lru_cache(maxsize=100_000)
def _read_choice(text: str) -> tuple[str, str]:
    override = OverridesParser.create().parse_override(text)
    return override.key_or_group, spell(override._value)


def _find_cache(config: DictConfig) -> Path | None:
    try:
        return Path(str(config.paths.cache))
    except OmegaConfBaseException:
        return None
