#!/usr/bin/env bash
# Two offline runs of W&B in one process, each with dir="runs" and the working folder changed between them, as a
# sweep does that gives every job a folder of its own. The service behind wandb keeps the folder it was started in:
# the second run's folder is made where it belongs, and its data are written nowhere, without an error.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check wandb==0.31.0
cd "$work"
WANDB_SILENT=true venv/bin/python - <<'PYTHON'
import os
import sys
from pathlib import Path

import wandb

base = Path.cwd()


def recorded(name, directory):
    """The data files of an offline run that is started from a folder of this name."""
    (base / name / "runs").mkdir(parents=True)
    os.chdir(base / name)
    run = wandb.init(mode="offline", dir=directory, project="p", settings=wandb.Settings(console="off"))
    run.log({"x": 1})
    run.finish()
    return [file.relative_to(base).parts[0] for file in base.rglob(f"run-{run.id}.wandb")]


first, second = recorded("first", "runs"), recorded("second", "runs")
absolute = recorded("third", base / "third" / "runs")
made = sorted(folder.relative_to(base).parts[0] for folder in base.rglob("offline-run-*"))
print(f"wandb {wandb.__version__}")
print("expected: a file of data in each of first, second and third")
print(f"seen:     first {first}, second {second}, third (an absolute dir) {absolute}; folders of runs in {made}")
stated = (first, second, absolute) == (["first"], [], ["third"]) and made == ["first", "second", "third"]
sys.exit(None if stated else "no longer as stated")
PYTHON
