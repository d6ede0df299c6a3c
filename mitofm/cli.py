"""`mitofm <command> [overrides]`: imports a command only when it is typed."""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys

import mitofm
from mitofm.ground.config import conf_dir
from mitofm.ground.errors import MitofmError, describe_fault, describe_unforeseen, unknown, wants_traceback
from mitofm.ground.garbage import collect_rarely
from mitofm.ground.home import ensure_home
from mitofm.ground.terminal import guard_terminal, tell

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
    "count": "the mitotic count of slides:          mitofm count CELL slides=FOLDER",
    "export": "a trained cell for other software:        mitofm export CELL format=onnx",
    "compare": "one study minus another, pair by pair:    mitofm compare A B",
    "verify": "run a finished cell again and compare:    mitofm verify CELL",
    "check": "read all files, name what is damaged:     mitofm check study=mine; mitofm check FILE.zip",
    "bundle": "a study in one file, for reviewers:       mitofm bundle STUDY; then: mitofm report bundle=FILE",
    "models": "the backbones there are, or one of them:  mitofm models deit_tiny; mitofm models gated=false dim=..1024",
    "datasets": "the data sets there are:                  mitofm datasets",
    "doctor": "can this machine run that cell, and if not: mitofm doctor backbone=uni data=midogpp",
    "pretrain": "a small ViT, self-supervised, on synthetic tissue",
    "experiments": "the studies that ship, and their commands",
}


def main() -> None:
    """Run the command that was typed; an error is one line, with exit code 2 if it was foreseen and else 1."""
    try:
        _answer(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has closed the pipe: mitofm models | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("mitofm: stopped by Ctrl-C; the same command goes on", file=sys.stderr)
        raise SystemExit(128 + signal.SIGINT) from None
    except (MitofmError, OSError) as error:
        tell(f"mitofm: {describe_fault(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    except Exception as error:
        if wants_traceback():
            raise
        tell(f"mitofm: {describe_unforeseen(error)}", file=sys.stderr)
        raise SystemExit(1) from None


def _answer(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return
    if arguments[0] == "--version":
        print(mitofm.__version__)
        return
    collect_rarely()
    guard_terminal()
    ensure_home()
    if arguments[0] not in COMMANDS:
        raise unknown("command", arguments[0], COMMANDS)
    if arguments[0] != "train" and {"-h", "--help"} & set(arguments[1:]):
        print(_help_of(arguments[0]))
        return
    if arguments[0] == "train" and importlib.import_module("mitofm.commands.skipping").skip(arguments[1:]):
        return
    importlib.import_module(f"mitofm.commands.{arguments[0]}").main(arguments[1:])


def _help_of(command: str) -> str:
    """The help of a command: its line, and its config with the comment on each key."""
    primary = conf_dir() / f"{command}.yaml"
    keys = primary.read_text(encoding="utf-8") if primary.is_file() else ""
    what, example = re.split(r":\s+(?=mitofm)|$", COMMANDS[command], maxsplit=1)
    return f"mitofm {command}: {what}\n\n{example}\n\n{keys}".rstrip()


def _help() -> str:
    lines = "\n".join(f"  {name:12} {text}" for name, text in COMMANDS.items())
    return f"""\
mitofm: which foundation model, adapted how, with how many labels, tells mitotic figures from look-alikes

usage: mitofm COMMAND [key=value ...]

{lines}

Every key is a Hydra override: mitofm train --help lists the groups, mitofm train --cfg job the whole config."""
