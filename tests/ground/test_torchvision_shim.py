import subprocess
import sys


def test_everything_that_needs_torchvision_imports() -> None:
    code = "import mitofm.ground.torchvision_shim, timm, peft, torchmetrics, pytorch_lightning, torchvision"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_where_the_operators_load_nothing_is_declared() -> None:
    """A library that defines torchvision::nms by itself stands for a torchvision that loads."""
    code = (
        "import torch, mitofm.ground.torchvision_shim as shim\n"
        "assert shim.declare_missing_operators() is False\n"  # declared or loaded at import, never twice
        "shim.declared.clear(); shim._operators_load = lambda: True\n"
        "assert shim.declare_missing_operators() is False and not shim.declared"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
