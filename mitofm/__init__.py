"""mitofm: which foundation model, adapted how, with how many labels, tells mitotic figures from look-alikes.

In Python, as in `docs/python.md`: `train`, `load`, `study`, `compare`, `figures`, `embed`. Each is imported when it is first used.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"
_ROOMS = {
    "train": "cells",
    "load": "cells",
    "Cell": "cells",
    "study": "studies",
    "Study": "studies",
    "compare": "studies",
    "figures": "studies",
    "embed": "embedding",
}
__all__ = [*_ROOMS, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'mitofm' has no attribute {name!r}")
    return getattr(import_module(f"mitofm.api.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})
