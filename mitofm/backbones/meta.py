"""Models without memory and numbers, on torch's meta device: to see that they can be built, and how large they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_DRAWING = (torch.Tensor.uniform_, torch.Tensor.normal_, torch.Tensor.erfinv_, torch.Tensor.clamp_)


@contextmanager
def on_meta() -> Iterator[None]:
    """Build what is built in the block on the meta device, at full size.

    Drawing numbers is left out: there is no place for them, and it takes longer than all else.
    """
    with torch.device("meta"), _NothingDrawn():
        yield


class _NothingDrawn(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _DRAWING:
            return args[0]
        return func(*args, **(kwargs or {}))
