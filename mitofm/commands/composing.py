"""Composes configs with Hydra and explains what is wrong with a command line, before anything runs."""

from __future__ import annotations

import math
import operator
import re
import sys
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigTypeError, OmegaConfBaseException
from yaml import YAMLError

from mitofm.commands import recalling, yaml_files
from mitofm.commands.deriving import Deriver
from mitofm.commands.loading import Declined, Loader
from mitofm.commands.meant_keys import explain_unknown
from mitofm.commands.swept import list_values, spell, spell_sweep
from mitofm.ground import plugins
from mitofm.ground.config import conf_dir, find_user_configs, list_config_folders
from mitofm.ground.errors import MitofmError, describe_unforeseen, unknown
from mitofm.ground.terminal import tell
from mitofm.runs.keys import NO_PART, check_names
from mitofm.runs.resolve import resolve

REFUSED = (Declined, MitofmError, HydraException, OmegaConfBaseException, YAMLError, OSError)
"""What is raised for configs that Hydra has to compose, if only to say what is wrong with them."""
_told_slow: set[type] = set()
_SWEEPER = f"{BasicSweeper.__module__}.{BasicSweeper.__name__}"
GRIDS = (_SWEEPER, "hydra_plugins.mitofm_sweeper.LeftSweeper")
"""The sweepers that run a whole grid; others choose among its cells, and draw from intervals."""

OmegaConf.register_new_resolver("times", operator.mul, replace=True)  # conf/hydra/launcher/slurm.yaml


class _UserConfigs(SearchPathPlugin):
    """Puts the user's own folder before the shipped one, and the study's after it, as Hydra does with --config-dir."""

    study: Path | None = None

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for folder in find_user_configs():
            search_path.prepend("mitofm-user", f"file://{folder}")
        for folder in plugins.list_configs():
            search_path.append("mitofm-plugin", f"file://{folder}")
        if self.study is not None:
            search_path.append("mitofm-study", f"file://{self.study}")


def register_user_configs() -> None:
    """Let Hydra find the user's own YAMLs."""
    plugins = Plugins.instance()
    if _UserConfigs not in plugins.discover(SearchPathPlugin):
        plugins.register(_UserConfigs)


def compose(name: str, overrides: Sequence[str], config_dir: str | None = None) -> DictConfig:
    """Compose the primary config `name` with overrides as typed, and configs of the folder `config_dir`, without Hydra's own part.

    Raises:
        MitofmError: a key, a value or a YAML is wrong; the message says which, and what exists.
    """
    with start_hydra(config_dir):
        return _compose(name, quote_study(overrides))


def quote_study(arguments: Sequence[str]) -> list[str]:
    """Quote the name of a study that starts with a digit: Hydra reads 2025_11 as the number 202511."""
    return [re.sub(r"^(\+{0,2}study)=(\d[\w.+-]*)$", r"\1='\2'", one) for one in arguments]


def list_group(group: str) -> dict[str, Path]:
    """The YAMLs of a config group by name; the user's own replace shipped ones."""
    return dict(
        sorted(
            {file.stem: file for folder in list_config_folders() for file in (folder / group).glob("*.yaml")}.items()
        )
    )


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


def read_command_line(
    name: str, overrides: Sequence[str], config_dir: str | None, multirun: bool = False
) -> CommandLine:
    """Read a command line as Hydra will; errors as `compose`."""
    with start_hydra(config_dir):
        try:
            parsed = OverridesParser.create().parse_overrides(quote_study(overrides))
        except HydraException as error:
            raise MitofmError("; ".join(str(error).splitlines())) from error
        fixed = [str(one.input_line) for one in parsed if not one.is_sweep_override()]
        last = {one.key_or_group: one for one in parsed}  # of a key that is typed twice the last value holds
        loader = GlobalHydra.instance().config_loader()
        # What is typed may be a key of what the study sweeps (split.domain of its split), so the study's grid comes first.
        of_hydra = [one for one in fixed if one.lstrip("+~").startswith("hydra")]
        sweeper = _compose(name, of_hydra, with_hydra=True).hydra.sweeper
        draws, params = sweeper._target_ not in GRIDS, sweeper.get("params") or {}
        typed = {key: list_values(one, loader, draws) for key, one in last.items() if one.is_sweep_override()}
        of_study = OverridesParser.create().parse_overrides(
            [f"{key}={params[key]}" for key in params if key not in last]
        )
        swept = {one.key_or_group: list_values(one, loader, draws) for one in of_study} | typed
        firsts = [f"{key}={values[0]}" for key, values in swept.items()]
        composed = _compose(name, [*fixed, *firsts], with_hydra=True)
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
                config = resolve(_compose(name, overrides))
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


def _find_cache(config: DictConfig) -> Path | None:
    try:
        return Path(str(config.paths.cache))
    except OmegaConfBaseException:
        return None


@contextmanager
def start_hydra(config_dir: str | None) -> Iterator[None]:
    """In the block Hydra knows the shipped configs, the user's own, and those in the folder `config_dir`."""
    register_user_configs()
    if config_dir is not None and not Path(config_dir).is_dir():
        raise MitofmError(
            f"--config-dir {config_dir}: there is no such folder. `mitofm experiments` lists the shipped studies"
        )
    _UserConfigs.study = Path(config_dir).resolve() if config_dir is not None else None
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            yield
    finally:
        _UserConfigs.study = None


def _compose(name: str, overrides: Sequence[str], with_hydra: bool = False) -> DictConfig:
    try:
        config = hydra_compose(name, overrides=list(overrides), return_hydra_config=with_hydra)
    except yaml_files.ERRORS as error:
        raise yaml_files.explain(error, _list_own_yamls()) from error
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise _explain(error, name, overrides) from error
    for group in map(str, config):  # Hydra takes a YAML that is a list for a group: reading it gives the message
        if OmegaConf.is_list(config._get_node(group)) and (conf_dir() / group).is_dir():
            for file in _list_own_yamls(group):
                yaml_files.load(file)
    check_names(OmegaConf.to_container(config))
    return config


def _list_own_yamls(group: str = "") -> Iterator[Path]:
    """The YAMLs, of one group or of all, that are not shipped: the user's own and the study's."""
    for folder in (
        *find_user_configs(),
        *plugins.list_configs(),
        *([_UserConfigs.study] if _UserConfigs.study else []),
    ):
        yield from sorted((folder / group).rglob("*.yaml"))


def _find_misnamed(group: str, name: str) -> MitofmError | None:
    """The error if a YAML is there under an ending that Hydra does not read."""
    for folder in (*find_user_configs(), *([_UserConfigs.study] if _UserConfigs.study else [])):
        if (file := folder / group / f"{name}.yml").is_file():
            return MitofmError(yaml_files.explain_misnamed(file))
    return None


def _explain(error: Exception, name: str, overrides: Sequence[str]) -> MitofmError:
    """An error of Hydra in our words: the thing, the place and what exists."""
    if isinstance(error.__cause__, yaml_files.ERRORS):
        return yaml_files.explain(error.__cause__, _list_own_yamls())
    text = str(error)
    found = re.search(r"Could not override '([\w./@]+)'", text)
    key = found.group(1) if found else ""
    rest = [one for one in overrides if one.split("=")[0].lstrip("+~") != key]
    inner = getattr(error.__cause__, "full_key", None) or ""
    if len(rest) < len(overrides):  # a key that was typed; one that a YAML overrides is in the text
        config = _compose(name, rest)
        parent, _, last = (inner if inner.startswith(f"{key}.") else key).rpartition(".")  # of a map that was typed
        while parent and not isinstance(OmegaConf.select(config, parent), DictConfig):
            parent, _, last = parent.rpartition(".")
        node = OmegaConf.select(config, parent) if parent else config
        whole = f"{parent}.{last}"
        check_names({whole: None})
        if last in node and node[last] is None and key.startswith(f"{whole}."):
            return MitofmError(
                f"{whole} is null in this config. Give it as a whole: '{whole}={{{key.removeprefix(f'{whole}.')}: ...}}'"
            )
        known = [f"{parent}.{each}".strip(".") for each in map(str, node)]
        groups = {group: list_group(group).values() for group in map(str, config) if (conf_dir() / group).is_dir()}
        keys = OmegaConf.to_container(config)
        assert isinstance(keys, dict)
        return explain_unknown(whole.strip("."), known, keys, groups)
    if found := re.search(r"[Cc]ould not find '([\w./]+)/([^'/]+)'", text):
        group, choice = found.groups()
        if (group, choice) == ("hydra/sweeper", "optuna"):
            return MitofmError(
                "hydra/sweeper=optuna is hydra-optuna-sweeper's, which is not installed. Take hydra/sweeper=search"
            )
        return _find_misnamed(group, choice) or unknown(group, choice, list_group(group), "conf/")
    if "Cannot find primary config" in text:
        return _find_misnamed("", name) or MitofmError(
            f"there is no primary config {name!r} here; a study's folder holds sweep.yaml"
        )
    if isinstance(error.__cause__, ConfigTypeError) and inner:
        return MitofmError(
            f"{inner} is a list in this config, and a map was given (or the other way round). Replace it: ~{inner} "
            f"'+{inner}=...'"
        )
    said = text if error.__cause__ is None else f"{text}\n{error.__cause__}"
    return MitofmError("; ".join(line.strip() for line in said.splitlines() if line.strip()))
