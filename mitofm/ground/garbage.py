"""How often a process of ours looks for reference cycles to free."""

import atexit
import gc

_NEW_OBJECTS = 10_000


def collect_rarely() -> None:
    """Let Python look for garbage every 10,000 new objects, not every 700, before anything large is imported, and not at the end.

    Torch, Lightning, timm and peft make a million objects that stay. Passing over them again and again takes a sixth of the CPU
    time of their imports, and a last time, when the process ends, a fifth of the whole. The memory of a cell stays the same:
    arrays and tensors are freed by their reference counts.
    """
    gc.set_threshold(_NEW_OBJECTS)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)  # what is frozen is not looked through
