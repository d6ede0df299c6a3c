"""A user without a home: libraries get a temporary one, and say nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mitofm.ground.home import ensure_home

PROGRAM = """
import os, pwd
def nobody(*_): raise KeyError("uid not found")
pwd.getpwuid = nobody
from mitofm.ground.home import ensure_home
ensure_home()
import matplotlib.font_manager
print(os.environ["HOME"])
"""


def test_without_a_home_libraries_say_nothing_and_nothing_stays(tmp_path: Path) -> None:
    alone = {key: value for key, value in os.environ.items() if key in ("PATH", "PYTHONPATH")}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=alone | {"TMPDIR": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stderr == ""
    assert Path(ran.stdout.strip()).parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_is_written_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    before = dict(os.environ)
    ensure_home()
    assert dict(os.environ) == before
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_cannot_be_written_keeps_its_tokens_and_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MPLCONFIGDIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR", "XDG_CACHE_HOME", "HF_HOME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/proc")  # not even root writes there
    ensure_home()
    assert os.environ["HOME"] == "/proc"
    assert os.environ["HF_HOME"] == "/proc/.cache/huggingface"
    assert Path(os.environ["WANDB_CACHE_DIR"]).is_dir()
