"""`mitofm doctor [overrides of train]`: can this machine run that cell, and if not, what has to be done?"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from mitofm.backbones.spec import BackboneSpec
from mitofm.commands.composing.compose import compose, register_user_configs
from mitofm.commands.composing.several import split
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import find_existing
from mitofm.ground.fingerprints import Remembered
from mitofm.ground.settings import read
from mitofm.ground.terminal import tell
from mitofm.runs.resolve import resolve
from mitofm.training.settings import Settings

OK, NOTE, BAD = "ok", "note", "BAD"
_TERMS = {
    "commercial": ("commercial use", "commercial"),
    "redistribution": ("passing on what is trained on it", "redistribute_adapters"),
}  # of a use: in words, and the key of a backbone's YAML
_PATIENCE = 20  # seconds that sinfo may take
_ROOM_GB = 5  # a smaller room is soon filled by checkpoints and patches


@dataclass(frozen=True)
class Finding:
    """What one check found, and how to mend it. With the status BAD the cell cannot run."""

    status: str
    message: str
    fix: str = ""


@dataclass(frozen=True)
class DoctorSettings:
    """The key of `conf/doctor.yaml` that `conf/train.yaml` does not have."""

    use: Literal["research", "commercial", "redistribution"]


def main(arguments: list[str]) -> None:
    """Print the finding of every check; exit with 1 if one is BAD."""
    register_user_configs()
    asked = [_read(words) for words in split(arguments, "backbone")]
    use, settings = asked[0]
    found = [(name, _run_check(check, settings)) for name, check in CHECKS.items()]
    for use, each in asked:
        found.append(("weights", _run_check(_check_weights, each)))
        found.append(("licence", _check_licence(each.backbone, use)))
    width = max(len(name) for name, _ in found)
    for name, one in found:
        fix = [f"{'':{width + 8}}{one.fix}"] if one.fix else []
        tell(f"{one.status:5} {name:{width}}  {one.message}", *fix)
    bad = list(dict.fromkeys(name for name, one in found if one.status == BAD))
    backbones = ",".join(each.backbone.name for _, each in asked)
    cell = f"data={settings.dataset.card.name} backbone={backbones} adaptation={settings.adaptation_name}"
    tell("", f"{cell}: {'cannot run here yet: ' + ', '.join(bad) if bad else 'can run here'}")
    if bad:
        raise SystemExit(1)


def _read(arguments: list[str]) -> tuple[str, Settings]:
    """The use that is asked for, and the cell."""
    config: dict[str, Any] = resolve(compose("doctor", arguments))
    return read(DoctorSettings, {"use": config.pop("use")}).use, Settings.read(config)


def _run_check(check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    """The finding of a check; an exception of it is one too."""
    try:
        return check(settings)
    except MitofmError as error:
        return Finding(BAD, str(error))
    except Exception as error:
        return Finding(BAD, f"{type(error).__name__}: {error}")


def _check_torch(settings: Settings) -> Finding:
    import torch

    from mitofm.ground import torchvision_shim

    import torchvision  # isort: skip  after the shim

    pair = f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    missing = " (its operators do not load beside this torch; none is needed here)" if torchvision_shim.declared else ""
    return Finding(OK, pair + missing)


def _check_device(settings: Settings) -> Finding:
    import torch

    if torch.cuda.is_available():
        free, total = (size / 2**30 for size in torch.cuda.mem_get_info())
        bf16 = "bf16" if torch.cuda.is_bf16_supported() else "no bf16: fit.precision=fp32"
        return Finding(OK, f"{torch.cuda.get_device_name()}, {free:.0f} of {total:.0f} GiB free, {bf16}")
    cpu = f"CPU, {os.cpu_count()} cores, trainer.threads={settings.trainer.threads}"
    if settings.trainer.accelerator == "cuda":
        built = torch.version.cuda
        reason = f"torch is built for CUDA {built}, but sees no GPU" if built else "this torch is built without CUDA"
        return Finding(BAD, reason, "install the torch build of your driver's CUDA version, or trainer.accelerator=cpu")
    return Finding(NOTE, f"{cpu}; no GPU", "large backbones want one")


def _check_weights(settings: Settings) -> Finding:
    from mitofm.backbones.access import ask_hub
    from mitofm.backbones.weights import check_sum, locate, refuse_absent

    spec, folder = settings.backbone, settings.paths.weights
    if spec.weights == "random":
        return Finding(OK, f"{spec.name}: random, none needed")
    if file := locate(spec, folder):
        if spec.sha256 is None:
            return Finding(OK, f"{spec.name}: {file}, of which no sha256 is stated")
        check_sum(spec, file, Remembered(settings.paths.cache / "fingerprints"))
        return Finding(OK, f"{spec.name}: {file}, sha256 as stated")
    refuse_absent(spec)
    by_hand = f"put {f'its {spec.hub_file} as ' if spec.hub else ''}{spec.file} into {folder}" if spec.file else ""
    if spec.hub is None:
        return Finding(BAD, f"{spec.name}: not on this machine", f"{by_hand}, or backbone.file=PATH")
    access = ask_hub(spec)
    fix = "" if access.granted else "; or ".join(filter(None, (access.way_out, by_hand)))
    return Finding(OK if access.granted else BAD, f"{spec.name}: not on this machine; {access.said}", fix)


def _check_licence(spec: BackboneSpec, use: str) -> Finding:
    """Whether the terms of the weights allow what they are asked for; random weights have none."""
    if spec.weights == "random":
        return Finding(OK, f"{spec.name}: random, no terms")
    terms = f"{spec.name}: {spec.licence or 'licence not stated'}"
    if use in _TERMS:
        what, key = _TERMS[use]
        if getattr(spec, key) is False:
            return Finding(BAD, f"{terms} forbids {what} (use={use})", f"`mitofm models {key}=true` lists others")
        if getattr(spec, key) is None:
            return Finding(NOTE, f"{terms} leaves {what} open (use={use})", f"read the terms: {spec.page}")
    forbidden = [what for what, key in _TERMS.values() if getattr(spec, key) is False]
    return Finding(NOTE if forbidden else OK, terms + (f" forbids {' and '.join(forbidden)}" if forbidden else ""))


def _check_token(settings: Settings) -> Finding:
    if _has_token():
        return Finding(OK, "a token of the Hugging Face hub is there")
    return Finding(NOTE, "no token of the Hugging Face hub", "gated weights need one: `hf auth login`, or HF_TOKEN")


def _has_token() -> bool:
    from huggingface_hub import get_token

    return get_token() is not None


def _check_data(settings: Settings) -> Finding:
    dataset = settings.dataset
    if dataset.present():
        return Finding(OK, f"{dataset.card.name}: annotations in {dataset.source.root}")
    try:
        dataset.files()
    except MitofmError as error:
        download = f"mitofm prepare data={dataset.card.name} download=true" if dataset.download else ""
        return Finding(BAD, str(error), download)
    return Finding(OK, f"{dataset.card.name}: was not here, and was made in {dataset.source.root}")


def _check_wandb(settings: Settings) -> Finding:
    if not settings.logger.wandb:
        return Finding(OK, "switched off")
    from mitofm.training.copies.wandb_run import choose_mode

    if choose_mode() == "online":
        return Finding(OK, "online")
    fix = "`wandb login`, or WANDB_API_KEY, for online; `mitofm sync` later"
    return Finding(NOTE, "offline: runs are kept on disk", fix)


def _check_disk(settings: Settings) -> Finding:
    free = {}
    for name in ("runs", "cache"):
        folder = getattr(settings.paths, name).absolute()
        there = find_existing(folder)
        if not (there.is_dir() and os.access(there, os.W_OK)):
            return Finding(BAD, f"paths.{name}={folder} cannot be written", f"choose another: paths.{name}=FOLDER")
        free[name] = shutil.disk_usage(there).free / 1e9
    told = ", ".join(f"{size:.0f} GB free for {name}" for name, size in free.items())
    if min(free.values()) < _ROOM_GB:
        return Finding(NOTE, told, "make room, or move paths.runs and paths.cache")
    return Finding(OK, told)


def _check_slurm(settings: Settings) -> Finding:
    if shutil.which("sinfo") is None:
        return Finding(OK, "not installed; not needed for the basic and the local launcher")
    command = ["sinfo", "--noheader", "--format=%P %a %D"]
    try:
        seen = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        silent = (seen.stderr.strip() or f"exit status {seen.returncode}") if seen.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        silent = str(error)
    if silent:
        return Finding(
            NOTE, f"installed, but does not answer: {silent.splitlines()[-1]}", "ask whoever runs the cluster"
        )
    return Finding(OK, "; ".join(seen.stdout.split("\n")[:4]).strip("; "))


CHECKS: dict[str, Callable[[Settings], Finding]] = {
    "torch": _check_torch,
    "device": _check_device,
    "data": _check_data,
    "hub": _check_token,
    "W&B": _check_wandb,
    "disk": _check_disk,
    "Slurm": _check_slurm,
}
