"""Where a backbone's weights are. No torch here: the identity of a finished cell needs only their sha256."""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

from mitofm.backbones.spec import BackboneSpec
from mitofm.ground.errors import MitofmError
from mitofm.ground.fingerprints import Remembered
from mitofm.ground.terminal import tell

SHIPPED = Path(__file__).parent / "shipped"
"""Weights that come with the package."""
_PATIENCE = 60.0
"""Seconds in which the hub is not asked again for what it refused: a grid asks for each of its cells."""
_refused: dict[tuple[str | None, ...], tuple[float, str]] = {}


@dataclass(frozen=True)
class Weights:
    """The weights of one backbone: `file` is None for random ones, whose `sha256` is the word `random`."""

    file: Path | None
    sha256: str


def find(spec: BackboneSpec, folder: Path, remembered: Remembered) -> Weights:
    """Find the weights: an explicit path, then the weights folder, then the hub's cache, then the hub.

    Says once, on stderr, which file it is.

    Raises:
        MitofmError: they are nowhere (the message says where to get them and where to put them), or their sha256 is not
            the one the spec states.
    """
    if spec.weights == "random":
        return Weights(None, "random")
    found = locate(spec, folder)
    file = found or _fetch(spec, folder)
    sha256 = check_sum(spec, file, remembered)
    _say(f"weights of {spec.name}: {file}{'' if found else f' (fetched from {spec.hub})'}")
    return Weights(file, sha256)


def check_sum(spec: BackboneSpec, file: Path, remembered: Remembered) -> str:
    """The sha256 of a weights file.

    Raises:
        MitofmError: it is not the one that the spec states.
    """
    sha256 = remembered.file(file)
    if spec.sha256 and sha256 != spec.sha256:
        raise MitofmError(
            f"{file} is not the file that backbone {spec.name!r} states: sha256 {sha256}, expected {spec.sha256}. "
            "Fetch it again, or set backbone.sha256=null to use it as it is"
        )
    return sha256


def locate(spec: BackboneSpec, folder: Path) -> Path | None:
    """The weights file that is already on this machine: at the spec's path, in `folder`, shipped, or in the hub's cache."""
    if spec.file is not None:
        given = Path(spec.file).expanduser()
        for candidate in (given, folder / given) if _is_path(spec) else (folder / given, SHIPPED / given):
            if candidate.is_file():
                return candidate
    if _is_path(spec) or spec.hub is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    # If its sha256 is stated, any snapshot's file will do: the hash decides.
    for revision in (spec.revision, None) if spec.sha256 else (spec.revision,):
        cached = try_to_load_from_cache(spec.hub, spec.hub_file, revision=revision)
        if isinstance(cached, str):
            return Path(cached)
    return None


def refuse_absent(spec: BackboneSpec) -> None:
    """Raise a MitofmError if the spec's file, which was not found, is a path: then the hub is not asked."""
    if _is_path(spec):
        raise MitofmError(f"backbone.file={spec.file} of backbone {spec.name!r}: there is no such file")


def _is_path(spec: BackboneSpec) -> bool:
    """Whether `file` says where to look, and not only under which name."""
    return spec.file is not None and Path(spec.file).name != spec.file


def _fetch(spec: BackboneSpec, folder: Path) -> Path:
    refuse_absent(spec)
    if spec.hub is None:
        raise MitofmError(_describe_missing(spec, folder))
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # the error below says it once
    asked = (spec.hub, spec.hub_file, spec.revision)
    since, said = _refused.get(asked, (-_PATIENCE, ""))
    if time.monotonic() - since > _PATIENCE:
        try:
            return Path(hf_hub_download(spec.hub, spec.hub_file, revision=spec.revision))
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
            said = shorten(str(error), 200)
            _refused[asked] = (time.monotonic(), said)
    raise MitofmError(f"{_describe_missing(spec, folder)}. The hub said: {said}")


def _describe_missing(spec: BackboneSpec, folder: Path) -> str:
    ways = []
    if spec.hub:
        terms = "accept the terms and log in with `hf auth login`" if spec.gated else "be online"
        ways.append(f"{terms}, and {spec.hub_file} is fetched from {spec.link or spec.hub}")
    if spec.file:
        named = f"its {spec.hub_file} as {spec.file}" if spec.hub else spec.file
        ways.append(f"put {named} into {folder} (paths.weights, MITOFM_WEIGHTS)")
    ways += ["give its path with backbone.file=PATH", "take the random twin with backbone.weights=random"]
    return f"the weights of backbone {spec.name!r} are not on this machine: {'; or '.join(ways)}"


said: set[str] = set()
"""Which files were named, by this process or the one that started it."""


def _say(line: str) -> None:
    if line not in said:
        said.add(line)
        tell(line, file=sys.stderr)
