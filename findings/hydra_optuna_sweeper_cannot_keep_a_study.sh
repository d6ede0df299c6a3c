#!/usr/bin/env bash
# hydra-optuna-sweeper with a storage, as its documentation shows it, installed as pip resolves it: it wants optuna below 3, which
# does not bound SQLAlchemy. With today's SQLAlchemy the study cannot be kept: an AssertionError before the first job.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    hydra-core==1.3.8 hydra-optuna-sweeper==1.3.0 optuna==2.10.1 sqlalchemy==2.1.9 'setuptools<81'
"$work/venv/bin/pip" check >/dev/null && agreed="pip check finds nothing" || agreed="pip check complains"
cd "$work"
cat > app.py <<'PYTHON'
import hydra


@hydra.main(version_base="1.3", config_path=None)
def main(config):
    return config.x**2


main()
PYTHON
ask() { venv/bin/python app.py -m hydra/sweeper=optuna hydra.sweeper.n_trials=3 hydra.sweeper.direction=minimize '+x=interval(-1,1)' "$@" 2>&1; }
alone=$(ask >/dev/null && echo "3 trials" || echo "fails")
kept=$(ask hydra.sweeper.storage=sqlite:///study.db hydra.sweeper.study_name=x || true)
last=$(tail -1 <<<"$kept")
echo "hydra-optuna-sweeper 1.3.0, optuna 2.10.1, SQLAlchemy 2.1.9: $agreed"
echo "expected: three trials, kept in study.db"
echo "seen:     without a storage $alone; with one, last line: $last"
[ "$alone" = "3 trials" ] && grep -q AssertionError <<<"$kept"
