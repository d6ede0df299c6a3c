"""What a reader must know before reading any number: synthetic tissue, random weights, leaks, confounded domains."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mitofm.reporting.finding import Found, Measured
from mitofm.reporting.measured.configurations import RANDOM, TWIN
from mitofm.reporting.measured.results import Result
from mitofm.reporting.numbers import format_interval

CHANCE = 0.5
_FEW = 3
SYNTHETIC = "synthetic"
"""The data set that is rendered, and the collection that what is pretrained on such tissue states."""


def find(measured: Measured) -> Found:
    """The cautions; those about confounded domains only if domains are compared."""
    said = describe(measured.done) + describe_left_out(measured.primary) + describe_reversed(measured.primary)
    if measured.domains:
        said += describe_confounding(measured.stored.collected.split(measured.done["cell"].iloc[0]))
    return Found(cautions=said)


def describe(done: pd.DataFrame) -> list[str]:
    """What follows from the labels of the finished cells of a data set."""
    said = []
    if (done["dataset"] == SYNTHETIC).any():
        said.append(
            "All of it is synthetic tissue, drawn by a program: no number here says anything about a real tumor."
        )
    leaky = sorted(set(done.loc[done["leaks"].eq(True), "split"]))
    if leaky:
        said.append(
            f"Tested on samples whose slides were trained on: split {', '.join(leaky)}. Such a number says what that leak is "
            "worth, and nothing about new slides."
        )
    random = sorted(set(done.loc[done["weights"] == RANDOM, "backbone"]))
    if random:
        said.append(
            f"Networks that were not pretrained: {', '.join(f'{name}{TWIN}' for name in random)}. "
            "Such a number says what the architecture does from random weights, and nothing about the pretrained model."
        )
    versions = sorted(set(done["protocol_version"]))
    if len(versions) > 1:
        said.append(
            f"Made under versions {' and '.join(map(str, versions))} of the protocol, which may give other results for the same "
            "configuration: they are reported apart, and never compared or averaged with each other."
        )
    pretrained = done[done["weights"] != RANDOM]
    of_a_kind = sorted({row.backbone for row in pretrained.itertuples() if row.seen and SYNTHETIC in row.seen})
    if of_a_kind:
        said.append(
            f"Pretrained on the same kind of synthetic tissue, without labels and on other slides: {', '.join(of_a_kind)}. What "
            "that is worth here may be more than a foundation model's pretraining is worth on slides of another laboratory."
        )
    seen = {
        (row.backbone, ", ".join(row.seen)) for row in pretrained.itertuples() if row.seen and SYNTHETIC not in row.seen
    }
    if seen:
        told = "; ".join(f"{backbone} on {collections}" for backbone, collections in sorted(seen))
        said.append(
            f"Pretrained on collections that this data set comes from, perhaps on its test slides: {told}. Such a number may "
            "be too good."
        )
    only = sorted({domain for domains in done["test_only"] if domains for domain in domains})
    if only:
        said.append(f"Domains that are only tested on, having too little to train on: {', '.join(only)}.")
    if (done["slide_unit"] == "patient").any():
        said.append(
            "Patients are known, and are what is drawn: tables count patients, each with all of its slides, as slides."
        )
    if (done["slide_unit"] == "image").any():
        said.append(
            "No slide or patient is known, so each image is its own unit: if several images come from one patient, "
            "the intervals are too narrow."
        )
    return said


def describe_left_out(results: Sequence[Result]) -> list[str]:
    """What left training with a domain that was left out: such a test set is of another scanner or species, too."""
    found = {one.configuration.left_out: one.confounded for one in results if one.confounded}
    if not found:
        return []
    told = "; ".join(f"with {domain}: {confounded}" for domain, confounded in sorted(found.items()))
    return [
        f"More is missing from training than the domain that is left out ({told}). What such a test set says may be due to "
        "either."
    ]


def describe_reversed(results: Sequence[Result]) -> list[str]:
    """The results whose whole interval of AUROC lies under 0.5."""
    found = [one for one in results if one.auroc.high is not None and one.auroc.high < CHANCE]
    if not found:
        return []
    told = "; ".join(f"{one.named} {format_interval(one.auroc)}" for one in found[:_FEW])
    return [
        f"An AUROC under {CHANCE}, interval and all, in {len(found)} of {len(results)} results ({told}): look-alikes score higher "
        "than what is looked for. The labels or the score may be reversed, or training and test slides differ in what goes "
        "with the label."
    ]


def describe_confounding(frame: pd.DataFrame) -> list[str]:
    """What of a data set's domains cannot be told from its scanners and species, in words.

    `frame` has one row per sample: domain, and if known scanner and species.
    """
    if frame["domain"].nunique() < 2:
        return []
    said, unknown = [], []
    for other, plural in (("scanner", "scanners"), ("species", "species")):
        if other not in frame:
            unknown.append(other)
            continue
        seen = frame.groupby("domain")[other].agg(lambda values: sorted(set(values)))
        single = seen[seen.map(len) == 1]
        if len(single) and frame[other].nunique() > 1:
            told = "; ".join(f"{domain}: {values[0]}" for domain, values in single.items())
            said.append(
                f"{len(single)} of {len(seen)} domains come from one {other} only ({told}): between these, a difference "
                f"of domains cannot be told from one of {plural}."
            )
    if unknown:
        said.append(
            f"No {' or '.join(unknown)} is known for these samples: a difference between domains may be one of those."
        )
    return said
