"""Curation: the annotation table of a source, checked against its images before it is split and learned from.

Samples outside their image are clipped or dropped; padded crops are dropped; samples that show the very same cell are kept
together, and those among them that one data set labels both ways are dropped; a patient's slides are one unit. This is done
once per state of the files and kept: splits are made from it before any patch is cut.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mitofm.data.outside import RULES, clip
from mitofm.data.pixels import NOTHING, digest_samples
from mitofm.ground.errors import MitofmError, unknown

CLIPPED, OUTSIDE, PADDED, TWIN, SHARED, OPPOSITE = "clipped", "outside", "padded", "twin", "shared", "opposite"
PADDING = ("drop", "keep")


@dataclass(frozen=True)
class Rules:
    """What a card says about curation.

    Attributes:
        patients: the patient of a slide, if the table does not say: a regular expression searched in the slide's name, whose
            first group (or whole match) names the patient; or a map from slide to patient. None: not known.
    """

    outside: str  # one of `mitofm.data.outside.RULES`
    padded: str  # what happens to crops whose border is padded, one of `PADDING`
    patients: str | Mapping[str, str] | None
    crop_px: int  # side of what a model sees, px
    mpp: float | None  # micrometre per px of the patches; None: the images' own

    def __post_init__(self) -> None:
        if not isinstance(self.patients, str | Mapping | None):
            raise MitofmError(
                f"data.patients={self.patients!r}: give a regular expression in quotes, or a map from slide to patient"
            )
        if self.outside not in RULES:
            raise unknown("data.outside", self.outside, RULES)
        if self.padded not in PADDING:
            raise unknown("data.padded", self.padded, PADDING)


@dataclass(frozen=True)
class Curated:
    """A table that was checked against its images.

    Attributes:
        table: annotation table of the samples that are left; with `unit` if that is not the slide of every sample.
        remarks: what was noticed of samples, one row each: sample_id; what (`CLIPPED`, `OUTSIDE`, `PADDED`, `TWIN`: it
            equals another of its data set; `SHARED`: another data set holds it too; `OPPOSITE`: it equals one of another
            label); place, in words.
    """

    table: pd.DataFrame
    remarks: pd.DataFrame


def curate(root: Path, table: pd.DataFrame, seen: pd.DataFrame, rules: Rules) -> Curated:
    """Check `table`, as its source gives it, against its images and apply the rules.

    `seen` is what `mitofm.data.survey.survey` saw of the images, all of which can be read. MitofmError if a rule is "error"
    and is met, a slide has no patient by a rule that should name it, or nothing is left.
    """
    remarks: list[pd.DataFrame] = []

    def remark(samples: pd.DataFrame, what: str) -> None:
        places = [describe_place(row) for _, row in samples.iterrows()]
        remarks.append(pd.DataFrame({"sample_id": samples["sample_id"], "what": what, "place": places}, dtype=str))

    inside, moved, dropped = clip(root, table, seen, rules.outside, rules.crop_px, rules.mpp)
    remark(table[moved], CLIPPED)
    remark(table[dropped], OUTSIDE)
    if inside.empty:
        raise MitofmError(
            f"{root}: every sample lies outside its image. Check that x and y are level-0 pixels of these images"
        )
    digest, padded = digest_samples(root, inside)
    if rules.padded == "drop" and padded.any():
        remark(inside[padded], PADDED)
        inside, digest = inside[~padded], digest[~padded]
        if inside.empty:
            raise MitofmError(f"{root}: every crop is padded at its border; data.padded=keep keeps them")
    twins = _find_twins(inside, digest)
    opposite = inside.groupby([twins, inside["dataset"]])["label"].transform("nunique") > 1
    sets = inside.groupby(twins)["dataset"].transform("nunique")
    size = inside.groupby([twins, inside["dataset"]])["dataset"].transform("size")
    remark(inside[opposite], OPPOSITE)
    remark(inside[~opposite & (size > 1)], TWIN)
    remark(inside[~opposite & (sets > 1)], SHARED)
    kept = inside[~opposite].copy()
    if kept.empty:
        raise MitofmError(f"{root}: every sample equals one of the opposite label; nothing can be learned from them")
    if rules.patients is not None and "patient" not in kept:
        kept["patient"] = _name_patients(kept["slide"], rules.patients)
    # Units that hold twins, or samples of one slide or image, are joined under their first name.
    unit = kept["patient"] if "patient" in kept else kept["slide"]
    unit = unit.groupby(_connect(unit, kept["slide"], kept["image"], twins[kept.index])).transform("min")
    if (unit != kept["slide"]).any():
        kept["unit"] = unit
    return Curated(kept.reset_index(drop=True), pd.concat(remarks, ignore_index=True))


def describe_place(sample: pd.Series) -> str:
    """Where to look at a sample."""
    if "crop" in sample:
        return f"{sample['sample_id']}: {sample['crop']}"
    return f"{sample['sample_id']} at ({sample['x']:g}, {sample['y']:g}) in {sample['image']}"


def _find_twins(table: pd.DataFrame, digest: pd.Series) -> pd.Series:
    """A number (N,) that samples share if they show the same cell.

    They do if their pixels are equal, or their positions in one image, or in one slide that two data sets hold.
    """
    own = pd.Series(np.arange(len(table)), index=table.index).astype(str)
    alike = own.where(digest == NOTHING, "pixels " + digest.astype(str))
    at = " " + np.floor(table["x"]).astype(str) + " " + np.floor(table["y"]).astype(str)
    in_image, in_slide = table["image"] + at, table["slide"] + at
    # A slide may have several images, each with positions of its own: only another data set's position in it is the same.
    in_slide = in_slide.where(table.groupby(in_slide)["dataset"].transform("nunique") > 1, own)
    spots = [in_image, in_slide]
    if "crop" in table:  # a crop of unknown origin has itself as its image, and its position says nothing
        spots = [spot.where(table["image"] != table["crop"], own) for spot in spots]
    return pd.Series(_connect(alike, *spots), index=table.index)


def _connect(*keys: pd.Series) -> np.ndarray:
    """Numbers (N,) that two rows share if a chain of rows links them in which each shares a key with the next."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(keys[0])
    codes, values = pd.factorize(pd.concat([f"{number} " + key.astype(str) for number, key in enumerate(keys)]))
    edges, size = (np.tile(np.arange(n), len(keys)), n + codes), n + len(values)
    graph = coo_array((np.ones(len(codes), dtype=np.int8), edges), shape=(size, size))
    return connected_components(graph, directed=False)[1][:n]


def _name_patients(slides: pd.Series, rule: str | Mapping[str, str]) -> pd.Series:
    if isinstance(rule, Mapping):
        found = {slide: str(rule.get(slide, "")) for slide in slides.unique()}
    else:
        try:
            pattern = re.compile(rule)
        except re.error as error:
            raise MitofmError(f"data.patients={rule!r} is no regular expression: {error}") from error
        met = {slide: pattern.search(slide) for slide in slides.unique()}
        found = {slide: (one[min(pattern.groups, 1)] or "") if one else "" for slide, one in met.items()}
    without = [slide for slide, patient in found.items() if not patient]
    if without:
        raise MitofmError(
            f"data.patients={rule!r} names no patient of slide {without[0]!r} ({len(without)} of {len(found)} slides). Mend "
            "the expression or the map, or leave data.patients=null: then each slide is its own"
        )
    return slides.map(found)
