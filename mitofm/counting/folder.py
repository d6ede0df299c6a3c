"""The folder of a count: one per cell, slides and settings, so that nothing in it is of another's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mitofm.counting.settings import Counting
from mitofm.counting.slides import Slide
from mitofm.data.images.open import files_of
from mitofm.ground import fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import read_json, write_json
from mitofm.ground.fingerprints import Remembered
from mitofm.inference.model import Model

MARKER = "settings.json"
VERSION = 1  # raised whenever equal settings give another count


def claim(out: Path, wanted: Mapping[str, Any]) -> None:
    """Take the folder `out`, new or of the same count.

    Raises:
        MitofmError: it holds something else.
    """
    if not out.exists():
        write_json(out / MARKER, wanted)
        return
    if out.is_dir() and not any(file for file in out.iterdir() if not file.name.startswith(".")):
        write_json(out / MARKER, wanted)
        return
    held: Mapping[str, Any] = {}
    with suppress(OSError, ValueError):
        held = read_json(out / MARKER)
    if not held:
        raise MitofmError(f"output={out}: this is no folder of a count. Give another one")
    differ = [key for key in sorted({*held, *wanted}) if held.get(key) != wanted.get(key)]
    if differ:
        raise MitofmError(
            f"output={out}: it holds another count (of other {', '.join(differ)}). Give another output=FOLDER, or delete it"
        )


def describe(
    model: Model,
    slides: Sequence[Slide],
    regions: Sequence[Path],
    settings: Counting,
    remembered: Remembered,
) -> dict[str, Any]:
    """All that a count depends on, by the content of the files: plain data."""
    read = [Path(settings.file)] if settings.file else []
    return {
        "version": VERSION,
        "cell": {"name": model.name, "tensors_sha256": model.facts["tensors_sha256"]},
        "slides": {slide.image: _fingerprint(slide, remembered) for slide in slides},
        "files": {path.name: remembered.file(path) for path in [*read, *regions]},
        "settings": fingerprints.of(asdict(settings) | {"proposals": "file" if read else settings.proposals}),
    }


def name_slides(slides: Sequence[Slide]) -> list[str]:
    """A folder name for each slide, none twice."""
    stems = [slide.path.stem for slide in slides]
    if len({stem.casefold() for stem in stems}) == len(stems):
        return stems
    return [f"{slide.path.stem}-{fingerprints.of(slide.image)[:8]}" for slide in slides]


def _fingerprint(slide: Slide, remembered: Remembered) -> str:
    """Of its pixels, and of what is written beside its counts: a data set knows more of a slide than a folder does."""
    files = files_of(slide.path)
    content = remembered.get("slide", files, lambda: fingerprints.of([fingerprints.of_file(file) for file in files]))
    return fingerprints.of([content, slide.mpp, slide.slide, slide.domain, slide.trained_on, slide.notes])
