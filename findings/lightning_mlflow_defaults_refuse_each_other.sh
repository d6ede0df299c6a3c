#!/usr/bin/env bash
# MLFlowLogger of Lightning as it comes, with today's MLflow: its default place for runs, a folder beside the script, is one that MLflow
# no longer opens.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pytorch-lightning==2.6.6 torch==2.13.0 mlflow-skinny==3.17.2
cd "$work"
venv/bin/python - 2>/dev/null <<'PYTHON'
import sys
from importlib.metadata import version

from pytorch_lightning.loggers import MLFlowLogger

seen = "nothing raised"
try:
    MLFlowLogger().log_metrics({"loss": 1.0}, 0)
except Exception as error:
    seen = f"{type(error).__name__}: {str(error)[:90]}..."
print(f"pytorch-lightning {version('pytorch-lightning')}, mlflow-skinny {version('mlflow-skinny')}")
print("expected: a number is logged below ./mlruns")
print(f"seen:     {seen}")
sys.exit(None if seen.startswith("MlflowException") and "maintenance mode" in str(seen) else "no longer as stated")
PYTHON
