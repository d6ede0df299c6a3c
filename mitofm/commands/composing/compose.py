"""Composes configs with Hydra and explains what is wrong with a command line, before anything runs."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import ConfigTypeError, OmegaConfBaseException

from mitofm.commands.composing import yaml_files
from mitofm.commands.composing.meant_keys import explain_unknown
from mitofm.ground import plugins
from mitofm.ground.config import conf_dir, find_user_configs, list_config_folders
from mitofm.ground.errors import MitofmError, unknown
from mitofm.runs.keys import check_names

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
    refuse_words(overrides)
    with start_hydra(config_dir):
        return compose_started(name, quote_study(overrides))


def refuse_words(overrides: Sequence[str]) -> None:
    """Raise a MitofmError at a word without a key or a flag, which Hydra cannot parse; it says what may have been meant."""
    for word in overrides:
        if flag := re.fullmatch(r"-+([\w./-]+)(=.*)?", word):
            raise MitofmError(f"{word}: there is no such flag. Keys are given as {flag[1]}{flag[2] or '=VALUE'}")
        if re.fullmatch(r"\w[\w./-]*", word):
            groups = sorted(folder.name for folder in conf_dir().iterdir() if word in list_group(folder.name))
            meant = " or ".join(f"{group}={word}" for group in groups)
            raise MitofmError(f"{word!r} has no key: give {meant or f'KEY={word}, such as study={word}'}")


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


def compose_started(name: str, overrides: Sequence[str], with_hydra: bool = False) -> DictConfig:
    """As `compose`, in a block of `start_hydra`; with Hydra's own part if that is asked for."""
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


def _find_in_list(name: str, overrides: Sequence[str]) -> MitofmError | None:
    """The error if an override goes on after a list with a word: Hydra takes it for a number."""
    for number, one in enumerate(overrides):
        try:
            hydra_compose(name, overrides=list(overrides[: number + 1]))
        except ValueError:
            key = one.split("=")[0].lstrip("+~")
            config = hydra_compose(name, overrides=list(overrides[:number]))
            for at in re.finditer(r"\.", key):
                if isinstance(OmegaConf.select(config, key[: at.start()]), ListConfig):
                    inside = key[: at.start()]
                    return MitofmError(
                        f"{key}: {inside} is a list in this config. Give it as a whole: '{inside}=[...]'"
                    )
            break
    return None


def _split_choice(place: str) -> tuple[str, str]:
    """The group of configs and the name that was looked for in it, which may be a path: `data//my/slides`."""
    ends = [at.start() for at in re.finditer("/", place)]
    groups = [end for end in ends if (conf_dir() / place[:end]).is_dir() and place[:end].strip("/") == place[:end]]
    end = max(groups, default=ends[-1])
    return place[:end], place[end + 1 :]


def _explain(error: Exception, name: str, overrides: Sequence[str]) -> MitofmError:
    """An error of Hydra in our words: the thing, the place and what exists."""
    if isinstance(error.__cause__, yaml_files.ERRORS):
        return yaml_files.explain(error.__cause__, _list_own_yamls())
    if inside := _find_in_list(name, overrides) if type(error) is ValueError else None:
        return inside
    text = str(error)
    found = re.search(r"Could not override '([\w./@]+)'", text)
    key = found.group(1) if found else ""
    rest = [one for one in overrides if one.split("=")[0].lstrip("+~") != key]
    inner = getattr(error.__cause__, "full_key", None) or ""
    if len(rest) < len(overrides):  # a key that was typed; one that a YAML overrides is in the text
        config = compose_started(name, rest)
        parent, _, last = (inner if inner.startswith(f"{key}.") else key).rpartition(".")  # of a map that was typed
        while parent and not isinstance(OmegaConf.select(config, parent), DictConfig):
            parent, _, last = parent.rpartition(".")
        node = OmegaConf.select(config, parent) if parent else config
        whole = f"{parent}.{last}".strip(".")
        check_names({whole: None})
        if last in node and node[last] is None and key.startswith(f"{whole}."):
            return MitofmError(
                f"{whole} is null in this config. Give it as a whole: '{whole}={{{key.removeprefix(f'{whole}.')}: ...}}'"
            )
        known = [f"{parent}.{each}".strip(".") for each in map(str, node)]
        groups = {group: list_group(group).values() for group in map(str, config) if (conf_dir() / group).is_dir()}
        keys = OmegaConf.to_container(config)
        assert isinstance(keys, dict)
        return explain_unknown(whole, known, keys, groups)
    if found := re.search(r"Ambiguous value for argument '([^=']+)=(.*?)'$", text, re.M):
        return MitofmError(
            f"{found[1]}={found[2]}: several values, and this command takes one; a list is '{found[1]}=[...]'"
        )
    if found := re.search(r"[Cc]ould not find '([\w.]+/[^']+)'", text):
        group, choice = _split_choice(found[1])
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
