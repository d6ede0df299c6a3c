"""The built wheel, in an environment of its own: it carries its configs, studies and the weights of nano, and runs a cell."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_the_wheel_runs_a_cell(tmp_path: Path) -> None:
    def call(*words: str | Path) -> str:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, CHECKOUT)
    call(sys.executable, "-m", "venv", "--without-pip", tmp_path / "env")
    fresh = tmp_path / "env" / "bin"
    wheel = next(tmp_path.glob("mitofm-*.whl"))
    call(sys.executable, "-m", "pip", "--python", fresh / "python", "install", "--quiet", "--no-deps", wheel)
    site = next((tmp_path / "env").glob("lib/python*/site-packages"))
    # The libraries are borrowed: a path in a .pth is added without its own .pth files, so no other mitofm comes along.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")

    where = call(fresh / "python", "-c", "import mitofm; print(mitofm.__file__)")
    assert str(site) in where
    assert str(site / "mitofm" / "experiments" / "demo") in call(fresh / "mitofm", "experiments")
    tissue = [
        "data.source.domains=[canine lymphoma]",
        "data.source.slides_per_domain=6",
        "data.source.cells_per_slide=24",
    ]
    call(fresh / "mitofm", "train", "backbone=nano", *tissue, "logger=none", "trainer.threads=1")
    assert list(tmp_path.glob("runs/cells/*/DONE"))
