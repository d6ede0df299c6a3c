"""Where a backbone's weights are. No torch here: the identity of a finished cell needs only their sha256."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitofm.backbones.spec import BackboneSpec
from mitofm.errors import MitofmError
from mitofm.fingerprints import Remembered


@dataclass(frozen=True)
class Weights:
    """The weights of one backbone: `file` is None for random ones, whose `sha256` is the word `random`."""

    file: Path | None
    sha256: str


def find(spec: BackboneSpec, folder: Path, remembered: Remembered) -> Weights:
    """Find the weights: an explicit path, then the weights folder, then the hub's cache, then the hub.

    Raises:
        MitofmError: they are nowhere (the message says where to get them and where to put them), or their sha256 is not
            the one the spec states.
    """
    if spec.weights == "random":
        return Weights(None, "random")
    file = locate(spec, folder) or _hub(spec)
    if file is None:
        raise MitofmError(_missing(spec, folder))
    sha256 = remembered.file(file)
    if spec.sha256 and sha256 != spec.sha256:
        raise MitofmError(
            f"{file} is not the file that backbone {spec.name!r} states: sha256 {sha256}, expected {spec.sha256}. "
            "Fetch it again, or set backbone.sha256=null to use it as it is"
        )
    return Weights(file, sha256)


def locate(spec: BackboneSpec, folder: Path) -> Path | None:
    """The weights file that is already here: in `folder`, or at the path the spec gives."""
    if spec.file is None:
        return None
    # An absolute path wins over the folder by itself: Path("weights") / "/a/b" is "/a/b".
    for candidate in (folder / spec.file, Path(spec.file)):
        if candidate.is_file():
            return candidate
    return None


def _hub(spec: BackboneSpec) -> Path | None:
    if spec.hub is None:
        return None
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    cached = try_to_load_from_cache(spec.hub, spec.hub_file, revision=spec.revision)
    if isinstance(cached, str):
        return Path(cached)
    try:
        return Path(hf_hub_download(spec.hub, spec.hub_file, revision=spec.revision))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError):
        return None


def _missing(spec: BackboneSpec, folder: Path) -> str:
    places = [f"put {spec.file} into {folder} (paths.weights, MITOFM_WEIGHTS)"] if spec.file else []
    places.append("give its path with backbone.file=PATH")
    if spec.hub:
        terms = " after accepting the terms there, with a token (huggingface-cli login)" if spec.gated else ""
        places.append(f"let it be fetched from {spec.link} ({spec.hub_file}){terms}")
    places.append("or take the random twin with backbone.weights=random")
    return f"the weights of backbone {spec.name!r} are not on this machine: {'; '.join(places)}"
