#!/usr/bin/env bash
# submitit learns that a job has died from sacct alone. On a Slurm without accounting (accounting_storage/none, its default)
# sacct ends with an error, and a job that was killed stays in the state UNKNOWN: it is never done, however long it has been
# gone, so that results() would wait without end; a warning says that the status may be inaccurate. `sacct` stands in for that of Slurm 22.05 there, word for word.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check submitit==1.5.4
mkdir "$work/bin" "$work/jobs"
cat >"$work/bin/sacct" <<'SACCT'
#!/bin/sh
if [ -e "$ACCOUNTS" ]; then
    printf 'JobID|State|NodeList\n1001|FAILED|here\n'
else
    echo "Slurm accounting storage is disabled" >&2
    exit 1
fi
SACCT
chmod +x "$work/bin/sacct"
cd "$work"
ACCOUNTS=$work/accounts PATH=$work/bin:$PATH venv/bin/python - 2>/dev/null <<'PYTHON'
import importlib.metadata as metadata
import os
import sys
from pathlib import Path

from submitit.slurm.slurm import SlurmJob

job = SlurmJob(folder="jobs", job_id="1001", tasks=[0])


def look():
    """What is said, at five looks, of a job that has left no result, since it died."""
    return {(job.done(force_check=True), job.state) for _ in range(5)}


without = look()
Path(os.environ["ACCOUNTS"]).touch()
within = look()
print(f"submitit {metadata.version('submitit')}")
print(f"expected: a job that left no result and is in no queue is done, and failed; so it is if Slurm keeps accounts: {within}")
print(f"seen:     without accounts, at every look: {without}")
sys.exit(None if without == {(False, "UNKNOWN")} and within == {(True, "FAILED")} else "no longer as stated")
PYTHON
