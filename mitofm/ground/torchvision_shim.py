"""Makes `import torchvision` possible if its compiled operators do not load.

The torchvision wheel of the ordinary package index is a CUDA build. Beside a CPU-only torch its operators cannot load,
and registering their fake versions dies with `operator torchvision::nms does not exist`, which takes timm, torchmetrics,
Lightning and peft down with it. None of them uses those operators here: declaring them is enough.
"""

from __future__ import annotations

import importlib.util
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from pathlib import Path

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
declared: list[torch.library.Library] = []  # a Library takes its definitions with it when it is collected


def declare_missing_operators() -> bool:
    """Declare the operators that torchvision cannot load; False if it is absent or loads. Call it before torchvision is imported."""
    if declared or _operators_load():
        return False
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS.values():
        library.define(schema)
    declared.append(library)
    return True


def _operators_load() -> bool:
    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None:
        return True
    finder = FileFinder(str(Path(package.origin).parent), (ExtensionFileLoader, EXTENSION_SUFFIXES))
    extension = finder.find_spec("_C")
    if extension is None or extension.origin is None:
        return False
    try:
        torch.ops.load_library(extension.origin)  # what torchvision itself does; a second time is harmless
    except OSError:
        return False
    return True


declare_missing_operators()
