"""What every adaptation trains and stores, from the modes themselves: `make adaptations` writes docs/adaptations.md.

`make adaptations ARGS=--measure` prints what a step of each costs in place of writing: that differs from run to run.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mitofm.adaptation.frozen import FrozenAdaptation, Labelled
from mitofm.adaptation.gradient import GradientAdaptation
from mitofm.backbones.build import build
from mitofm.backbones.meta import on_meta
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.commands.composing.compose import compose, list_group
from mitofm.ground.config import instantiate
from mitofm.runs.resolve import resolve

PAGE = Path(__file__).parent.parent / "docs" / "adaptations.md"
BEGIN, END = "<!-- written by `make adaptations` -->\n", "<!-- end -->\n"
BACKBONES = {"ViT-S": "vit_small", "ViT-H": "vit_huge"}


def table() -> str:
    """The table of all modes, in Markdown."""
    sizes = [f"{column} on {size}" for column in ("trained", "stored") for size in BACKBONES]
    lines = [f"| `adaptation=` | what it is | {' | '.join(sizes)} | tensors stored | settings tried |"]
    lines.append("|---" * (len(sizes) + 4) + "|")
    for name, file in list_group("adaptation").items():
        what = next(line for line in file.read_text().splitlines() if not line.startswith("# @package"))
        found = facts(name)
        tensors, trials = found[0][2:]
        numbers = [found[size][kind] for kind in (0, 1) for size in range(len(BACKBONES))]
        lines.append(f"| `{name}` | {what.removeprefix('# ')} | {' | '.join(numbers)} | {tensors} | {trials} |")
    return "\n".join(lines) + "\n"


def facts(name: str) -> list[tuple[str, str, str, int]]:
    """Of a mode on either backbone: parameters trained, numbers stored, names of the tensors stored, settings tried."""
    adaptation = instantiate(resolve(compose("train", [f"adaptation={name}"]))["adaptation"])
    facts_of = describe_gradient if isinstance(adaptation, GradientAdaptation) else describe_frozen
    return [facts_of(adaptation, spec) for spec in specs()]


@cache
def specs() -> list[BackboneSpec]:
    """The backbones of the table, with random weights."""
    configs = [compose("train", [f"backbone={name}", "backbone.weights=random"]) for name in BACKBONES.values()]
    return [BackboneSpec.from_config(resolve(config)["backbone"]) for config in configs]


def count_trials(adaptation: Any) -> int:
    """Among how many values of its setting a mode chooses."""
    return len(getattr(getattr(adaptation, "probe", adaptation), "values", [1]))


def describe_gradient(adaptation: GradientAdaptation, spec: BackboneSpec) -> tuple[str, str, str, int]:
    """Built on the meta device, at full size and without memory."""
    with on_meta():
        classifier = adaptation.adapt(build(adaptation.adapt_spec(spec), Weights(None, "random"), 0), 0)
    trained = sum(parameter.numel() for parameter in classifier.parameters() if parameter.requires_grad)
    state = adaptation.state(classifier)
    whole = len(state) == len(classifier.state_dict())
    names = ["everything"] if whole else list(dict.fromkeys(short(tensor) for tensor in state))
    return (
        thousands(trained),
        thousands(sum(one.numel() for one in state.values())),
        ", ".join(names),
        count_trials(adaptation),
    )


def describe_frozen(adaptation: FrozenAdaptation, spec: BackboneSpec) -> tuple[str, str, str, int]:
    """Fitted to noise as wide as the backbone's features, once with a sample more, to see what grows with the samples."""
    trials, quick = count_trials(adaptation), copy(adaptation)
    for setting, value in (("values", getattr(adaptation, "values", [])[:1]), ("steps", 1)):
        if hasattr(quick, setting):
            setattr(quick, setting, value)
    with on_meta():
        width = adaptation.embedder(build(spec, Weights(None, "random"), 0)).shape[-1]
    heads = []
    for n in (20, 21):
        shape = (n, 4, width) if adaptation.of_tokens else (n, width)
        features = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        labelled = Labelled(features, np.arange(n) % 2, np.arange(n).astype(str))
        heads.append(quick.fit(labelled, None, balanced=True, seed=0))
    few, more = (sum(array.size for array in head.state().values()) for head in heads)
    stored = thousands(few - 20 * (more - few)) + (f" + {thousands(more - few)} per sample" if more > few else "")
    return thousands(heads[0].trained_parameters), stored, ", ".join(heads[0].state()), trials


def short(tensor: str) -> str:
    """What says which tensor this is, whatever layer it is in."""
    if tensor.startswith("head."):
        return "head"
    parts = tensor.split(".")
    return parts[parts.index("default") - 1] if "default" in parts else parts[-1]


def thousands(number: int) -> str:
    """A number for people."""
    return f"{number:,}"


def write_table(page: str) -> str:
    """The page with the table as it is now."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


def measure(backbone: str, img_size: int, batch: int, repeats: int) -> None:
    """Print what a training step of each gradient mode costs beside one of `full`, in alternation."""
    typed = [f"backbone={backbone}", "backbone.weights=random", f"backbone.img_size={img_size}"]
    patches = torch.randint(0, 256, (batch, 64, 64, 3), dtype=torch.uint8)
    labels = torch.arange(batch) % 2.0
    adaptations, spec = {}, BackboneSpec.from_config(resolve(compose("train", typed))["backbone"])
    for name in list_group("adaptation"):
        adaptations[name] = instantiate(resolve(compose("train", [*typed, f"adaptation={name}"]))["adaptation"])

    def step(adaptation: GradientAdaptation) -> Callable[[], None]:
        classifier = adaptation.adapt(build(adaptation.adapt_spec(spec), Weights(None, "random"), 0), 0)
        optimiser = torch.optim.AdamW(adaptation.parameter_groups(classifier))

        def taken() -> None:
            adaptation.set_train_mode(classifier)
            optimiser.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(classifier(patches), labels).backward()
            optimiser.step()

        return taken

    def beside_full(one: Callable[[], None]) -> float:
        one()
        return statistics.median(seconds(one) / seconds(full) for _ in range(repeats))

    full = step(adaptations["full"])
    full()
    print(
        f"{backbone} at {img_size} px, batches of {batch}, CPU, {torch.get_num_threads()} threads; medians of {repeats} pairs"
    )
    for name, adaptation in adaptations.items():
        if isinstance(adaptation, GradientAdaptation):
            print(f"| `{name}` | {beside_full(step(adaptation)):.2f} |", flush=True)
    frozen = build(spec, Weights(None, "random"), 0).eval()
    print(
        f"| the features of a batch, once, for all frozen modes | {beside_full(lambda: forward(frozen, patches)):.2f} |"
    )


def forward(frozen: torch.nn.Module, patches: torch.Tensor) -> None:
    """A pass without gradients."""
    with torch.inference_mode():
        frozen(patches)


def seconds(work: Callable[[], None]) -> float:
    """CPU time of `work`, which says more than wall time if others use the machine."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Write the page, or print what steps cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--backbone", default="vit_small")
    parser.add_argument("--img-size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    if asked.measure:
        measure(asked.backbone, asked.img_size, asked.batch, asked.repeats)
    else:
        import peft_methods  # beside this script

        PAGE.write_text(peft_methods.write_table(write_table(PAGE.read_text())))


if __name__ == "__main__":
    main()
