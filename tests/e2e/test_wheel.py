"""The built wheel, outside the repository: it carries its configs, studies and the weights of nano, and runs a cell.

With MITOFM_WHEEL=1 (`make test-wheel`) its environment is empty, its libraries come from the package index, and it runs a study's
smoke variant and a report, too. Without, it borrows the libraries of this environment.
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
WHOLE = os.environ.get("MITOFM_WHEEL") == "1"


def test_the_wheel_runs_a_cell(tmp_path: Path) -> None:
    def call(*words: str | Path) -> str:
        unset = {"PYTHONPATH", "PIP_CONSTRAINT", *(name for name in os.environ if name.startswith("MITOFM_"))}
        environment = {key: value for key, value in os.environ.items() if key not in unset}
        done = subprocess.run(
            words,
            cwd=tmp_path,
            env=environment | {"WANDB_MODE": "offline"},
            capture_output=True,
            text=True,
            timeout=3600 if WHOLE else 300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, CHECKOUT)
    call(sys.executable, "-m", "venv", "--without-pip", tmp_path / "env")
    fresh = tmp_path / "env" / "bin"
    wheel = next(tmp_path.glob("mitofm-*.whl"))
    alone = ["--constraint", CHECKOUT / "constraints.txt"] if WHOLE else ["--no-deps"]
    call(sys.executable, "-m", "pip", "--python", fresh / "python", "install", "--quiet", "--no-compile", *alone, wheel)
    site = next((tmp_path / "env").glob("lib/python*/site-packages"))
    if not WHOLE:  # a path in a .pth is added without its own .pth files, so no other mitofm comes along
        (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")

    where = call(fresh / "python", "-c", "import mitofm; print(mitofm.__file__)")
    assert str(site) in where
    studies = site / "mitofm" / "experiments"
    assert str(studies / "demo") in call(fresh / "mitofm", "experiments")
    tissue = [
        "data.source.domains=[canine lymphoma]",
        "data.source.slides_per_domain=6",
        "data.source.cells_per_slide=24",
    ]
    call(fresh / "mitofm", "train", "backbone=nano", *tissue, "logger=none", "trainer.threads=1")
    assert list(tmp_path.glob("runs/cells/*/DONE"))
    if not WHOLE:
        return
    smoke = ["--config-dir", studies / "data_scaling", "--config-name", "smoke", "study=smoke"]
    call(fresh / "mitofm", "train", *smoke, "logger=none")
    assert "smoke" in call(fresh / "mitofm", "status", "study=smoke")
    call(fresh / "mitofm", "report", "study=smoke")
    assert (tmp_path / "runs" / "reports" / "smoke" / "report.html").stat().st_size > 10_000
