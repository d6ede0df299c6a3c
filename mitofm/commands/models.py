"""`mitofm models [NAME]`: the backbones there are, or everything about one."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import locate
from mitofm.commands.composing import compose, groups
from mitofm.errors import MitofmError, unknown
from mitofm.runs.resolve import plain


def main(arguments: list[str]) -> None:
    """Print the table of backbones, or the whole recipe of one."""
    names = groups("backbone")
    if len(arguments) > 1:
        raise MitofmError("mitofm models takes one name, or none")
    if arguments:
        if arguments[0] not in names:
            raise unknown("backbone", arguments[0], names)
        spec, _ = _spec(arguments[0])
        for key, value in vars(spec).items():
            print(f"{key:14} {value}")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("backbone", "parameters", "embedding", "input", "licence", "gated", "here"):
        table.add_column(column, justify="right" if column in ("parameters", "input") else "left")
    for name in names:
        spec, weights = _spec(name)
        here = "needs none" if spec.weights == "random" else "yes" if locate(spec, weights) else "no"
        table.add_row(
            name,
            f"{spec.parameters / 1e6:.1f} M",
            f"{spec.embedding} of {spec.embed_dim}",
            f"{spec.img_size} px",
            spec.licence,
            "yes" if spec.gated else "no",
            here,
        )
    Console().print(table)


def _spec(name: str) -> tuple[BackboneSpec, Path]:
    config = plain(compose("train", [f"backbone={name}"]))
    return BackboneSpec.from_config(config["backbone"]), Path(config["paths"]["weights"])
