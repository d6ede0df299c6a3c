"""Exported networks without the paths of the source files that they were traced from: these name users and machines.

torch 2.13.0 writes them unasked: `torch.jit.save` into a `.debug_pkl` beside each piece of code, `torch.onnx.export` into the
metadata of each node.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_DEBUG = ".debug_pkl"
_TRACE = "pkg.torch.onnx.stack_trace"


def remove_from_torchscript(file: Path) -> None:
    """Write a TorchScript archive again without its debug files. It loads as before; errors no longer show source lines."""
    kept = file.with_name(f"{file.name}.kept")
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(kept, "w") as copy:
        for entry in archive.infolist():
            if not entry.filename.endswith(_DEBUG):
                copy.writestr(entry.filename, archive.read(entry), entry.compress_type)
    kept.replace(file)


def remove_from_onnx(program: torch.onnx.ONNXProgram) -> None:
    """Remove the trace of each node, in functions too."""
    for graph in (program.model.graph, *(function.graph for function in program.model.functions.values())):
        for node in graph.all_nodes():
            node.metadata_props.pop(_TRACE, None)
