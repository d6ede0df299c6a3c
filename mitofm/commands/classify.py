"""`mitofm classify CELL stack=FILE.tiff`: a stack of crops in, class and confidence out, as MIDOG 2025, track 2, asks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitofm.commands.composing.asking import ask_about
from mitofm.commands.predict import read_model
from mitofm.ground.terminal import tell
from mitofm.ground.versions import Way
from mitofm.training.settings import Paths, Trainer


@dataclass(frozen=True, kw_only=True)
class ClassifySettings:
    """`conf/classify.yaml`."""

    trainer: Trainer
    paths: Paths
    stack: Path
    output: Path | None
    versions: Way
    weights_file: str | None


def main(arguments: list[str]) -> None:
    """Write the JSON, and print how many of the crops are atypical and where it is."""
    (given,), settings = ask_about(
        ClassifySettings, "classify", arguments, "a cell, an ensemble or a checkpoint's folder"
    )
    import json

    from mitofm.ground.files import write_text
    from mitofm.inference import outputs
    from mitofm.inference.stack import CLASSES, NAME, classify, read_stack

    crops = read_stack(settings.stack)
    out = settings.output or settings.stack.parent / NAME
    outputs.check_folder(out.parent)
    model = read_model(given, settings)
    found = classify(model, crops, settings.trainer)
    write_text(out, json.dumps(found, indent=1) + "\n")
    tell(f"{len(found)} crops of {crops.shape[1]} px, {sum(one['class'] == 'atypical' for one in found)} atypical")
    words = model.facts["labels"]
    tell(", ".join(f"{name}: what the cell calls {words[str(label)]}" for label, name in enumerate(CLASSES)))
    tell(out)
