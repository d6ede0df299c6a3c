"""`mitofm models [NAME]`: the backbones, or everything about one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import GrammarParseError
from rich.console import Console
from rich.table import Table

from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import locate
from mitofm.commands.composing import compose, list_group, pick_name
from mitofm.commands.yaml_files import explain, load
from mitofm.ground.terminal import make_row, tell
from mitofm.runs.resolve import plain


def main(arguments: list[str]) -> None:
    """Print the table of backbones, or the whole recipe of one."""
    names = list_group("backbone")
    if name := pick_name(arguments, "models", "backbone", names):
        for key, value in vars(_read_spec(name, names[name])).items():
            tell(f"{key:22} {value}")
        return
    weights = Path(plain(compose("train", []))["paths"]["weights"])
    table = Table(box=None, pad_edge=False)
    for column in ("backbone", "params", "embedding", "input", "licence", "gated", "here"):
        number = column in ("params", "input")
        table.add_column(column, justify="right" if number else "left", no_wrap=True, max_width=16)
    for name, file in names.items():
        spec = _read_spec(name, file)
        entries = (
            name,
            f"{spec.parameters / 1e6:.1f} M" if spec.parameters else "-",
            f"{spec.embedding} {spec.embed_dim or '-'}",
            f"{spec.img_size}",
            spec.licence or "-",
            "yes" if spec.gated else "no",
            "-" if spec.weights == "random" else "yes" if locate(spec, weights) else "no",
        )
        table.add_row(*make_row(entries))
    Console().print(table)


def _read_spec(name: str, file: Path) -> BackboneSpec:
    alone = load(file)  # 49 of them: composing each takes Hydra seconds
    group = compose(f"backbone/{name}", []) if "defaults" in alone else OmegaConf.create({"backbone": alone})
    # What the command line must add (`custom` has no architecture) stays `???`.
    try:
        config: Any = OmegaConf.to_container(group["backbone"], resolve=True)
    except GrammarParseError as error:
        raise explain(error, [file]) from error
    return BackboneSpec.from_config(config)
