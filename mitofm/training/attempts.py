"""Tries whether the parts of a model can be built, without weights and memory: here, or in another process, which gives its memory back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mitofm.ground.errors import Infeasible, MitofmError
from mitofm.ground.peak_memory import read_peak_memory

Attempt = Callable[[str, Mapping[str, Any], int], None]
"""Builds a part once: the group of its config, its config, and the side of a crop (px); errors as `attempt`."""
_CHILD = [sys.executable, "-P", "-c", "from mitofm.training.attempts import serve; serve()"]
_MOST_GROWN_MB = 125
"""A child that has grown by more since its first answer is followed by another, and that of augmentations by one for the rest."""
_BUILT, _WRONG, _INFEASIBLE, _UNFORESEEN = "built", "wrong", "infeasible", "unforeseen"


def attempt(group: str, part: Mapping[str, Any], crop_px: int) -> None:
    """Build an adaptation, augmentation or backbone. Imports torch.

    Raises:
        MitofmError: it cannot be built.
        Infeasible: the backbone lacks what its recipe needs.
    """
    import mitofm.ground.torchvision_shim  # noqa: F401  before timm, which some adaptations import

    if group == "adaptation":  # whether it fits the backbone is checked when the cell runs
        from mitofm.ground.config import instantiate

        instantiate(part, group)
    elif group == "augment":
        from mitofm.data.augment import Augment

        Augment(part["transforms"], crop_px)
    else:
        from mitofm.backbones.build import build
        from mitofm.backbones.meta import on_meta
        from mitofm.backbones.spec import BackboneSpec
        from mitofm.backbones.weights import Weights

        with on_meta():
            build(BackboneSpec.from_config(part), Weights(None, "none"), 0)


@contextmanager
def attempting_apart() -> Iterator[Attempt]:
    """Yield an `attempt` by another process, which starts when it is first asked; here if this one has imported torch anyway."""
    children: list[subprocess.Popen[str]] = []

    def ask(group: str, part: Mapping[str, Any], crop_px: int) -> None:
        asked = json.dumps([group, part, crop_px])
        if "torch" in sys.modules or json.loads(asked) != [group, part, crop_px]:
            attempt(group, part, crop_px)
            return
        if not children:
            children.append(subprocess.Popen(_CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        answer = _exchange(children[0], asked)
        if not answer or answer["grown_mb"] > _MOST_GROWN_MB or group == "augment":
            children.pop().communicate()
        if not answer or answer["told"] == _UNFORESEEN:  # it was killed, or its error is to be seen whole
            attempt(group, part, crop_px)
        elif answer["told"] != _BUILT:
            raise (Infeasible if answer["told"] == _INFEASIBLE else MitofmError)(answer["why"])

    try:
        yield ask
    finally:
        for child in children:
            child.communicate()


def _exchange(child: subprocess.Popen[str], asked: str) -> dict[str, Any]:
    """What the other process answers; nothing if it has ended."""
    ears, mouth = child.stdin, child.stdout
    if ears is None or mouth is None:
        return {}
    try:
        ears.write(f"{asked}\n")
        ears.flush()
        return json.loads(mouth.readline() or "{}")
    except (BrokenPipeError, ValueError):
        return {}


def serve() -> None:
    """Try what is asked, a line each, until there is no more: the other process of `attempting_apart`."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    first = None
    for line in sys.stdin:
        told, why = _answer(*json.loads(line))
        peak = read_peak_memory()
        first = first or peak  # imports take another amount on every machine
        answers.write(json.dumps({"told": told, "why": why, "grown_mb": peak - first}) + "\n")
        answers.flush()


def _answer(group: str, part: Mapping[str, Any], crop_px: int) -> tuple[str, str]:
    try:
        attempt(group, part, crop_px)
    except (Infeasible, MitofmError) as error:
        return _INFEASIBLE if isinstance(error, Infeasible) else _WRONG, str(error)
    except Exception:  # not lost: `ask` tries again in its own process, where it is raised
        return _UNFORESEEN, ""
    return _BUILT, ""
