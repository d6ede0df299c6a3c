"""What the studies that ship ask."""

from __future__ import annotations

from mitofm.ground.config import experiments_dir


def find_question(study: str) -> str:
    """The first line of the sweep.yaml of a study; "" if none of that name ships."""
    sweep = experiments_dir() / study / "sweep.yaml"
    return sweep.read_text(encoding="utf-8").splitlines()[0].lstrip("# ") if sweep.is_file() else ""
