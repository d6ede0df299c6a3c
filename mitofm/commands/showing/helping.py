"""What `mitofm --help` and `mitofm COMMAND --help` print: the commands, and the keys of each. No Hydra here: it takes long to import."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from mitofm.ground.config import conf_dir, list_config_folders

COMMANDS = {
    "train": "fit one cell, or a grid of them with -m:  mitofm train -m backbone=a,b fraction=0.1,1.0 study=mine",
    "prepare": "cut a data set's patches once:            mitofm prepare data=synthetic",
    "embed": "a backbone's embeddings, by many at once:  mitofm embed backbone=uni data=midogpp launcher=local n_jobs=4",
    "report": "figures, tables and one HTML page:        mitofm report study=mine",
    "dashboard": "a study's W&B workspace and report:       mitofm dashboard study=mine dry_run=true",
    "agent": "a study's grid as a W&B sweep:            mitofm agent --config-dir experiments/demo --config-name sweep",
    "plan": "what a command would run, how long:       mitofm plan -m backbone=a,b fraction=0.1,1.0 study=mine",
    "status": "cells done, failed, skipped, unfinished:  mitofm status study=mine",
    "logs": "what a cell has logged, why it failed:    mitofm logs CELL",
    "retry": "what failed or was interrupted, again:    mitofm retry STUDY; mitofm retry CELL",
    "clean": "remove leftovers, after a list:           mitofm clean",
    "sync": "send W&B runs that were kept offline:     mitofm sync",
    "predict": "a trained cell on any data set:           mitofm predict CELL data=own_csv",
    "classify": "a stack of crops, as MIDOG 2025 asks:     mitofm classify CELL stack=FILE.tiff",
    "count": "the mitotic count of slides:          mitofm count CELL slides=FOLDER",
    "export": "a trained cell for other software:        mitofm export CELL format=onnx",
    "ensemble": "finished cells as one, their mean log-odds: mitofm ensemble STUDY over=seed study=ensembles",
    "compare": "one study minus another, pair by pair:    mitofm compare A B",
    "robustness": "do embeddings lie by class or scanner:    mitofm robustness backbone=nano,deit_tiny data=ami",
    "verify": "run a finished cell again and compare:    mitofm verify CELL",
    "check": "read all files, name what is damaged:     mitofm check study=mine; mitofm check FILE.zip",
    "bundle": "a study in one file, for reviewers:       mitofm bundle STUDY; then: mitofm report bundle=FILE",
    "models": "the backbones there are, or one of them:  mitofm models deit_tiny; mitofm models gated=false dim=..1024",
    "datasets": "the data sets there are:                  mitofm datasets",
    "doctor": "can this machine run that cell, and if not: mitofm doctor backbone=uni,virchow2 data=midogpp",
    "pretrain": "a small ViT, self-supervised, on synthetic tissue",
    "experiments": "the studies that ship, and their commands",
    "completion": 'what a shell completes at a Tab:          eval "$(mitofm completion bash)"',
}

CONFIGS = {
    "agent": "train",
    "plan": "train",
    "logs": "status",
    "retry": "status",
    "sync": "status",
}
"""The primary configs of commands that have none of their own."""


def describe(command: str) -> str:
    """The help of a command: its line, and the config that its keys are in, with the comment on each."""
    what, example = re.split(r":\s+(?=mitofm|eval)|$", COMMANDS[command], maxsplit=1)
    primary = CONFIGS.get(command, command)
    file = conf_dir() / f"{primary}.yaml"
    if not file.is_file():
        return f"mitofm {command}: {what}\n\n{example}".rstrip()
    shared = f"It takes the keys of `mitofm {primary}`.\n\n" if primary != command else ""
    keys = re.split(r"\nhydra:", file.read_text(encoding="utf-8"))[0].rstrip()
    groups = "\n".join(_list_groups()) if primary == "train" else ""
    return f"mitofm {command}: {what}\n\n{example}\n\n{shared}{keys}\n\n{groups}".rstrip()


def _list_groups() -> Iterator[str]:
    """The choices of each group, as `mitofm train` takes them."""
    yield "The choices of each group (mitofm train --cfg job prints the whole config, with choices as typed):"
    folders = list_config_folders()
    groups = {file.parent.relative_to(folder) for folder in folders for file in folder.glob("*/**/*.yaml")}
    for group in sorted(map(str, groups)):
        names = sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")})
        yield from textwrap.wrap(f"{group}: {', '.join(names)}", 100, subsequent_indent="  ")


def describe_all() -> str:
    """The help of all commands, a line for each."""
    lines = "\n".join(f"  {name:12} {text}" for name, text in COMMANDS.items())
    return f"""\
mitofm: which foundation model, adapted how, with how many labels, tells mitotic figures from look-alikes

usage: mitofm COMMAND [key=value ...]

{lines}

Every key is a Hydra override: mitofm COMMAND --help lists those of a command, mitofm train --help the groups too,
mitofm train --cfg job the whole config."""
