"""A home folder for the libraries that want one, if there is none: W&B's service would write twenty lines of its log."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from pathlib import Path

from mitofm.ground.scratch import make_scratch

_CACHES = ("MPLCONFIGDIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR", "XDG_CACHE_HOME")
"""The variables by which libraries are told where to keep what can be made again."""


def ensure_home() -> None:
    """Give this process and those that it starts a temporary home, removed at the end, if it has none.

    A home that cannot be written stays, with its tokens and weights: only caches of libraries go elsewhere.
    """
    logging.getLogger("matplotlib").setLevel(logging.WARNING)
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it tells whenever it lists its fonts
    try:
        home = Path.home()
    except RuntimeError:  # HOME is not set, and the system does not know this user
        home = Path("/nowhere")
    try:
        with tempfile.TemporaryFile(dir=home):
            return
    except OSError:
        folder = str(make_scratch("mitofm-home-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if not home.is_dir():
        os.environ["HOME"] = folder
        return
    weights = Path(os.environ.get("XDG_CACHE_HOME", home / ".cache")) / "huggingface"
    os.environ.setdefault("HF_HOME", str(weights))
    for name in _CACHES:
        os.environ.setdefault(name, folder)
