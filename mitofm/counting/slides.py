"""The slides to count on, opened and checked before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mitofm.data import survey as surveys
from mitofm.data.annotations import units
from mitofm.data.dataset import Dataset
from mitofm.data.images.open import is_readable, open_image
from mitofm.ground.errors import MitofmError
from mitofm.inference import positions
from mitofm.inference.model import Model

FAR = 0.2
"""By which share the resolution of a slide may differ from that of training."""
_SAME = 0.05  # `mitofm.data.cutting` does not resample for less


@dataclass(frozen=True)
class Slide:
    """One slide or region.

    Attributes:
        image: its name, a path relative to the folder or the data set's root.
        path: the file.
        slide: the unit of independence that it belongs to.
        domain: of its tumor, or "".
        mpp: micrometre per px.
        width: px.
        height: px.
        trained_on: whether the cell was trained or chosen on samples of it; None if it is not known.
        notes: what is to be said of it.
    """

    image: str
    path: Path
    slide: str
    domain: str
    mpp: float
    width: int
    height: int
    trained_on: bool | None
    notes: tuple[str, ...] = ()


def list_of_data(dataset: Dataset, model: Model, other_resolution: bool) -> list[Slide]:
    """The images of a data set.

    Raises:
        MitofmError: its samples are crops, a slide cannot be opened or does not say its resolution, or that is far from that of
            training and `other_resolution` is false.
    """
    dataset.files()
    positions.refuse_crops(dataset.source.table())
    images = dataset.table().drop_duplicates("image").sort_values("image")
    unit, learned = units(images), _list_learned(dataset.card.name, model)
    known = images.assign(unit=unit, trained_on=None if learned is None else unit.isin(learned)).set_index("image")
    seen = surveys.survey(dataset.source.root, images, dataset.card.image_mpp)
    surveys.refuse(dataset.source.root, seen, None)
    return [
        _make(image, dataset.source.root / image, row, known.loc[image], model, other_resolution, "data.image_mpp")
        for image, row in seen.iterrows()
    ]


def list_unannotated(slides: Sequence[Slide]) -> list[Path]:
    """The images beside those of a data set, of the same endings: no sample names them, so that they are none of its slides.

    None of DICOM: there the files beside one are of the same slide.
    """
    known, endings = (
        {slide.path.resolve() for slide in slides},
        {slide.path.suffix.lower() for slide in slides} - {".dcm"},
    )
    beside = (path for folder in sorted({slide.path.parent for slide in slides}) for path in sorted(folder.iterdir()))
    return [one for one in beside if one.suffix.lower() in endings and one.resolve() not in known and one.is_file()]


def list_of_folder(place: Path, image_mpp: float | None, model: Model, other_resolution: bool) -> list[Slide]:
    """A slide, or all slides in a folder.

    Raises:
        MitofmError: there is none, or as `list_of_data`.
    """
    paths = [place] if place.is_file() else sorted(path for path in place.glob("*") if is_readable(path))
    if not paths:
        raise MitofmError(f"slides={place}: there is no slide here. Give a file, or a folder with files that are read")
    root = place.parent if place.is_file() else place
    names = [path.relative_to(root).as_posix() for path in paths]
    table = pd.DataFrame({"image": names, "slide": [path.stem for path in paths], "domain": ""}, index=names)
    seen = surveys.survey(root, table, image_mpp)
    surveys.refuse(root, seen, None)
    known = table.assign(unit=table["slide"], trained_on=None)
    return [
        _make(image, root / image, row, known.loc[image], model, other_resolution, "image_mpp")
        for image, row in seen.iterrows()
    ]


def _make(
    image: object,
    path: Path,
    seen: pd.Series,
    known: pd.Series,
    model: Model,
    other_resolution: bool,
    key: str,
) -> Slide:
    mpp = float(seen["mpp"])
    if np.isnan(mpp):
        raise MitofmError(
            f"{path}: this file does not say its resolution, and without it an area cannot be counted on. State micrometres "
            f"per px with {key}=0.25, for instance"
        )
    with open_image(path) as opened:
        empty, tiles = (
            opened.empty_tiles,
            -(-opened.width // opened.tile_width) * -(-opened.height // opened.tile_height),
        )
    notes = [str(seen["notes"])] if seen["notes"] else []
    notes += _compare_resolutions(path, mpp, model.facts["patches"]["mpp"], other_resolution)
    if empty:
        notes.append(
            f"{empty} of its {tiles} tiles hold nothing: they were taken for glass, and nothing is counted there"
        )
    trained_on = None if known["trained_on"] is None else bool(known["trained_on"])
    if trained_on:
        notes.append("the cell was trained or chosen on samples of this slide: its count is not that of a new one")
    slide, domain = str(known["unit"]), str(known["domain"])
    return Slide(
        str(image), path, slide, domain, mpp, int(seen["width"]), int(seen["height"]), trained_on, tuple(notes)
    )


def _compare_resolutions(path: Path, own: float, trained: float | None, other: bool) -> Iterator[str]:
    """What is to be said of a resolution that is not that of training."""
    if trained is None:
        yield "the cell does not state the resolution that it was trained at: patches are cut as if it were this slide's"
        return
    if abs(own / trained - 1) > FAR:
        if not other:
            raise MitofmError(
                f"{path}: this slide has {own:g} micrometre per px, and the cell was trained at {trained:g}: more than "
                f"{FAR:.0%} apart. Take a cell of this resolution; other_resolution=true resamples the slide, and says so"
            )
        yield f"resampled from {own:g} to {trained:g} micrometre per px: the cell has seen no slide of such a resolution"
    elif abs(own / trained - 1) > _SAME:
        yield f"resampled from {own:g} to {trained:g} micrometre per px"


def _list_learned(data: str, model: Model) -> set[str] | None:
    """The slides of training and validation; None if a checkpoint lies in no cell, or was trained on other data."""
    frame = _read_split(data, model, [])
    return None if frame is None else set(frame.loc[frame["part"].isin(["train", "validation"]), "slide"])


def read_sides(data: str, model: Model) -> dict[str, tuple[str, str]] | None:
    """By slide of the cell the part ("train", "validation", "test", "unused") and the set that it is tested in; None as above.

    Raises:
        MitofmError: a slide is on two sides.
    """
    frame = _read_split(data, model, ["evaluation_set"])
    if frame is None:
        return None
    used = frame[frame["part"] != "unused"].groupby("slide")
    if (used["part"].nunique() > 1).any():
        raise MitofmError(
            "evaluate=true: this cell was tested or chosen on slides that it was trained on. Take one whose split keeps slides "
            "together; of an ensemble of folds, its members"
        )
    return dict(zip(used.groups, zip(used["part"].first(), used["evaluation_set"].first(), strict=True), strict=True))


def _read_split(data: str, model: Model, columns: list[str]) -> pd.DataFrame | None:
    return model.read_split(["part", *columns]) if data == model.facts["patches"]["dataset"] else None
