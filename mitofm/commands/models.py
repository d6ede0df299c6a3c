"""`mitofm models [NAME | gated=false commercial=true dim=..1024]`: the backbones, those that meet conditions, or all about one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import GrammarParseError
from rich.console import Console
from rich.table import Table

from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import locate
from mitofm.commands.composing.compose import compose, list_group
from mitofm.commands.composing.yaml_files import explain, load
from mitofm.commands.showing.choosing_models import SHORT, read_conditions
from mitofm.commands.showing.listing import end_with, pick_name, read_each
from mitofm.ground.errors import MitofmError
from mitofm.ground.terminal import make_row, tell
from mitofm.runs.resolve import plain


def main(arguments: list[str]) -> None:
    """Print the table of backbones, of all or of those that meet every condition, or the whole recipe of one."""
    names = list_group("backbone")
    words = [one for one in arguments if re.search("[=<>]", one) or one in SHORT]
    conditions = read_conditions(words)
    if words and len(words) < len(arguments):
        raise MitofmError("mitofm models takes one name, or conditions such as gated=false, or nothing")
    if name := pick_name(arguments if not words else [], "models", "backbone", names):
        for key, value in vars(_read_spec(name, names[name])).items():
            tell(f"{key:22} {value}")
        return
    specs, wrong = read_each("backbone", lambda name: _read_spec(name, names[name]))
    chosen = {name: spec for name, spec in specs.items() if all(meets(spec) for meets in conditions)}
    if words and not chosen:
        raise MitofmError(
            f"no backbone has {' '.join(words)}: what its YAML does not state meets no condition but null"
        )
    weights = Path(plain(compose("train", []))["paths"]["weights"])
    table = Table(box=None, pad_edge=False)
    for column in ("backbone", "params", "embedding", "input", "licence", "gated", "here"):
        number = column in ("params", "input")
        table.add_column(column, justify="right" if number else "left", no_wrap=True, max_width=16)
    table.columns[0].max_width = table.columns[0].min_width = min(
        32, max(map(len, chosen), default=0)
    )  # names are typed
    for name, spec in chosen.items():
        entries = (
            name,
            f"{spec.parameters / 1e6:.1f} M" if spec.parameters else "-",
            f"{spec.embedding} {spec.embed_dim or '-'}",
            f"{spec.img_size}",
            spec.licence or "-",
            {True: "yes", False: "no", None: "?"}[spec.gated],
            "-" if spec.weights == "random" else "yes" if locate(spec, weights) else "no",
        )
        table.add_row(*make_row(entries))
    Console().print(table)
    end_with(wrong)


def _read_spec(name: str, file: Path) -> BackboneSpec:
    alone = load(file)  # dozens of them: composing each takes Hydra seconds
    group = compose(f"backbone/{name}", []) if "defaults" in alone else OmegaConf.create({"backbone": alone})
    # What the command line must add (`custom` has no architecture) stays `???`.
    try:
        config: Any = OmegaConf.to_container(group["backbone"], resolve=True)
    except GrammarParseError as error:
        raise explain(error, [file]) from error
    return BackboneSpec.from_config(config)
