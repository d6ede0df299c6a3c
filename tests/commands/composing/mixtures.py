"""Random command lines: mixtures of YAMLs, values, lists, interpolations, `+`, `~`, studies and a user's own folder."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from mitofm.commands.composing.compose import list_group
from mitofm.commands.composing.loading import Loader
from mitofm.ground.config import experiments_dir

GROUPS = ("data", "split", "backbone", "adaptation", "augment", "fit", "protocol", "trainer", "logger", "debug")
SCALARS = (
    "0",
    "1",
    "7",
    "0.25",
    "1.0",
    "1e-3",
    "true",
    "false",
    "null",
    "word",
    "'two words'",
    "'3'",
    "-2",
    "0.30000000000000004",
)
OTHERS = ("[]", "[1,2]", "[a,'b c']", "[[1],[2]]", "{a:1}", "{a:{b:[1]},c:null}", "[{a:1}]")
READING = (
    "${seed}",
    "${backbone.name}",
    "${oc.env:MITOFM_DATA,here}",
    "a-${fraction}-b",
    "${oc.select:no.such,3}",
    "'${times:${trainer.threads},2}'",
    "${data}",
    "${.no_such}",
    "???",
)

OWN = {
    "backbone/own.yaml": "defaults: [vit_small, _self_]\nname: own\nimg_size: 64\nkwargs: {img_size: '${..img_size}'}\n",
    "paths/here.yaml": "defaults: [default, _self_]\ncache: ${oc.env:OWN_CACHE,own}/cache\nruns: ${.cache}/runs\n",
    "fit/own.yaml": "# @package _global_\ndefaults: [/fit/default@fit, _self_]\nfit: {name: own, batch_size: '${seed}'}\n",
    "split/own.yaml": "defaults: [in_domain, _self_]\nname: own\nonly: '${oc.select:data.source.domains,all}'\n",
}


def write_own(folder: Path) -> None:
    """Write a user's own configs into `folder`."""
    for name, text in OWN.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def list_studies() -> list[tuple[str, str]]:
    """Every shipped study: the name of its primary config, and its folder."""
    return sorted((file.stem, str(file.parent)) for file in experiments_dir().glob("*/*.yaml"))


def mix(draw: random.Random, turn: int, loader: Loader) -> tuple[list[str], list[str]]:
    """The overrides of two cells, most of them for the same keys; each YAML of each group is in one of the first 60 turns."""
    chosen = draw.sample(GROUPS, draw.randint(1, 5)) if turn >= 60 else [*GROUPS[:4], *draw.sample(GROUPS[4:], 2)]
    groups = [f"{group}={_list_yamls(group)[turn % len(_list_yamls(group))]}" for group in chosen]
    if draw.random() < 0.15:
        groups.append(f"paths={draw.choice(['here', 'default'])}")
    if draw.random() < 0.2:
        few = draw.sample(_list_yamls("protocol/confounders"), draw.randint(0, 2))
        groups.append(f"protocol/confounders=[{','.join(few)}]")
    composed = loader.compose(OverridesParser.create().parse_overrides(groups))
    plain = dict(_list_keys(OmegaConf.to_container(composed)))
    groups += [f"{key}=open" for key, value in plain.items() if value == "???"]
    keys = [key for key in plain if re.fullmatch(r"[\w.]+", key) or draw.random() < 0.05]
    typed = draw.sample(keys, draw.randint(1, 4))
    first = [f"{key}={draw.choice(SCALARS)}" for key in typed]
    second = [
        one if draw.random() < 0.2 else f"{key}={draw.choice(SCALARS)}" for key, one in zip(typed, first, strict=True)
    ]
    odd = [_spell_oddly(draw, draw.choice(keys))] if draw.random() < 0.5 else []
    cells = [[*groups, *odd, *one, f"seed={draw.randint(0, 9)}"] for one in (first, second)]
    if draw.random() < 0.2:
        draw.shuffle(cells[1])
    return cells[0], cells[1]


@cache
def _list_yamls(group: str) -> list[str]:
    names = sorted(list_group(group))
    return random.Random(group).sample(names, len(names))


def _spell_oddly(draw: random.Random, key: str) -> str:
    sort = draw.random()
    if sort < 0.3:
        return f"{key}={draw.choice(OTHERS)}"
    if sort < 0.6:
        return f"{key}={draw.choice(READING)}"
    if sort < 0.7:
        return f"~{key}"
    return f"{draw.choice(['+', '++'])}{draw.choice([key, f'{key}_more', 'data.more.deep'])}={draw.choice(SCALARS + OTHERS)}"


def _list_keys(config: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """The keys of a config at any depth, with their values; without the groups themselves."""
    for key, value in config.items():
        if above or not isinstance(value, dict):
            yield f"{above}{key}", value
        if isinstance(value, dict):
            yield from _list_keys(value, f"{above}{key}.")
