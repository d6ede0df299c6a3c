"""Writes a checkpoint as one network for other software, and compares its outputs with the checkpoint's."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import importlib.util
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor

from mitofm.backbones.spec import BackboneSpec
from mitofm.evaluation.threshold import read_logit
from mitofm.ground import below
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import write_json
from mitofm.ground.scratch import scratch
from mitofm.ground.tensors import load_tensors, save_tensors
from mitofm.inference.network import Network, Writable, count_views, fold, make_blank, make_classifier
from mitofm.inference.source_places import remove_from_onnx, remove_from_torchscript
from mitofm.inference.trained import Checkpoint

Run = Callable[[Tensor], Tensor]
DESCRIPTION = "model.json"
_ONE_ONNX_FILE = 1.5e9  # bytes; protobuf ends at 2 GiB


@dataclass(frozen=True)
class Exported:
    """An exported network: its folder, with the model and `model.json`.

    `difference` is the largest between its logits and the checkpoint's; `folded` says that no part of an adaptation is left.
    """

    folder: Path
    difference: float
    folded: bool


@dataclass(frozen=True)
class Ready:
    """A network that can be written.

    Attributes:
        name: in words, for messages.
        network: with everything folded into it that can be.
        empty: of the same kind, for its tensors.
        images: (B >= 2, 3, S, S) to compare on, transformed.
        wanted: (B,) the logits that it must give for them.
        folded: whether no part of an adaptation is left.
        facts: for `model.json`.
    """

    name: str
    network: Writable
    empty: Writable
    images: Tensor
    wanted: Tensor
    folded: bool
    facts: Mapping[str, Any]


def prepare(trained: Checkpoint, patches: Tensor) -> Ready:
    """The network of a checkpoint; `patches`, uint8 (B >= 2, H, W, 3), are to compare it on.

    Raises:
        MitofmError: the checkpoint is no network.
    """
    classifier = make_classifier(trained).eval()
    with torch.inference_mode():
        wanted = classifier(patches)
        backbone: Any = classifier.backbone
        images = backbone.transform(patches)
    fold(classifier)
    network = Network(classifier)
    empty, folded = make_blank(trained, network)
    name = f"adaptation {trained.adaptation.name!r} of backbone {trained.spec.name!r}"
    return Ready(name, network, empty, images, wanted, folded, describe(trained, folded))


def export(ready: Ready, format_: str, folder: Path, tolerance: float) -> Exported:
    """Write the network and its transform in a format of `FORMATS` into a new `folder`, which is absent if anything fails.

    Its logits may differ from those wanted by `tolerance`.

    Raises:
        MitofmError: the folder exists, it cannot be written in this format, or the outputs are not the same.
    """
    if folder.exists():
        raise MitofmError(f"{folder} exists: give another output, or delete it")
    below.check(folder).parent.mkdir(parents=True, exist_ok=True)
    with scratch(".export-", folder.parent) as temporary:
        made = temporary / "made"
        made.mkdir()
        file, write = FORMATS[format_]
        try:
            run = write(ready.network, ready.empty, ready.images[:2], made / file)
            with torch.inference_mode():
                difference = float((run(ready.images) - ready.wanted).abs().max())
        except Exception as error:  # tracers, compilers and runtimes raise anything
            raise MitofmError(
                f"{ready.name} cannot be written as {format_} "
                f"({type(error).__name__}: {shorten(str(error), 300)}): nothing was written. format=safetensors takes all"
            ) from error
        if not difference <= tolerance:
            raise MitofmError(
                f"the exported network's logits differ from the checkpoint's by up to {difference:.2g}, more than "
                f"{tolerance:.2g}: nothing was written. Another format may do, or a larger tolerance=..."
            )
        check = {"patches": len(ready.images), "largest_difference": difference, "tolerance": tolerance}
        write_json(made / DESCRIPTION, {"file": file, "format": format_, **ready.facts, "check": check})
        made.rename(folder)
    return Exported(folder, difference, ready.folded)


def _write_safetensors(network: Writable, empty: Writable, images: Tensor, file: Path) -> Run:
    save_tensors(file, network.tensors())
    empty.take(load_tensors(file))
    return empty


def _write_torchscript(network: Writable, empty: Writable, images: Tensor, file: Path) -> Run:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of shapes that are fixed by the image side, and of torch.export as the successor
        torch.jit.save(torch.jit.trace(network, images, check_trace=False), str(file))
        remove_from_torchscript(file)
        return torch.jit.load(str(file))


def _write_onnx(network: Writable, empty: Writable, images: Tensor, file: Path) -> Run:
    import onnxruntime

    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            (images,),
            input_names=["images"],
            output_names=["logits"],
            dynamo=True,
            dynamic_shapes=({0: batch},),
            verbose=False,
        )
        assert program is not None  # as it always is with dynamo
        remove_from_onnx(program)
        program.save(file, external_data=sum(value.nbytes for value in network.parameters()) > _ONE_ONNX_FILE)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run(["logits"], {"images": images.numpy()})[0])


FORMATS = {
    "safetensors": ("model.safetensors", _write_safetensors),
    "torchscript": ("model.pt", _write_torchscript),
    "onnx": ("model.onnx", _write_onnx),
}
"""By name: the file, and a function that writes it, reads it and returns what was read."""


def check_format(format_: str) -> None:
    """Raise a MitofmError if the packages of a format are not installed. Loads nothing."""
    if format_ == "onnx":
        absent = [name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None]
        if absent:
            raise MitofmError(f"format=onnx needs {', '.join(absent)}: pip install 'mitofm[onnx]'")


def check_licence(spec: BackboneSpec, for_own_use: bool) -> str:
    """What the licence of the backbone says of a network that holds its weights; "" if it asks for nothing.

    Raises:
        MitofmError: it forbids passing such a network on, and the network is not `for_own_use`.
    """
    if spec.weights == "random":
        return ""
    terms = f"licence of backbone {spec.name!r}: {spec.licence or 'not stated'} ({spec.link or 'no link'})"
    if spec.redistribute_adapters is False and not for_own_use:
        raise MitofmError(
            f"{terms}. It does not allow to pass on what was made from its weights, and an exported network holds them: "
            "add for_own_use=true to write one that stays with you"
        )
    passing = {True: "", None: "; whether it may be passed on is open", False: "; it may not be passed on"}
    commerce = {True: "", None: "; whether commercial use is allowed is open", False: "; no commercial use"}
    said = passing[spec.redistribute_adapters] + commerce[spec.commercial]
    return f"{terms}{said}" if said else ""


def describe(trained: Checkpoint, folded: bool) -> dict[str, Any]:
    """What `model.json` says of the network of a checkpoint: its input, its output, its threshold, its licence, its origin."""
    spec, facts = trained.spec, trained.facts
    return {
        "input": {
            "patch": {"crop_px": facts["patches"]["crop_px"], "mpp": facts["patches"]["mpp"]},
            "cut_to_centre": [trained.centre_px, trained.centre_px],
            "resize_to": [spec.img_size, spec.img_size],
            "interpolation": f"{spec.interpolation}, antialiased, rounded to 8 bits",
            "then": "divide by 255, subtract mean, divide by std; channels first",
            "mean": list(spec.mean),
            "std": list(spec.std),
        },
        "output": f"log-odds of: {facts['labels']['1']}",
        "mean_over_dihedral_views": count_views(trained),
        "threshold": facts["threshold"] | {"logit": read_logit(facts["threshold"])},
        "prior": facts.get("prior", {"logit": 0.0, "rule": "not recorded"}),
        "labels": facts["labels"],
        "network": {
            "timm": spec.architecture,
            **{key: getattr(spec, key) for key in ("kwargs", "embedding", "embed_dim", "prefix_tokens")},
            "adaptation": facts["adaptation"],
            "adaptation_folded_in": folded,
            "precision_of_training": facts["fit"]["precision"],
        },
        "licence": {
            "backbone": spec.name,
            **{key: getattr(spec, key) for key in ("licence", "link", "commercial", "redistribute_adapters")},
            "random_weights": spec.weights == "random",
        },
        "made_from": {"cell": facts.get("cell"), "backbone_fingerprint": facts["backbone_fingerprint"]},
    }
