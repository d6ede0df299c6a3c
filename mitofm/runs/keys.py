"""What each key of a cell's config is: part of its identity, compared in reports, a label, a place of a file, or none of these.

Every key of `conf/train.yaml` belongs into one of these tables. One that is added to a group of `WHOLE`, or to `COUNTED`,
changes the id of every cell unless `NEUTRAL` has it too. No torch here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mitofm.backbones.spec import CONTRACT
from mitofm.ground.errors import MitofmError

# Part of a cell's identity: groups of which every key counts (but `protocol.name`), single keys, and groups of which only
# these keys count.
WHOLE = ("split", "adaptation", "augment", "fit", "protocol")
SINGLE = ("fraction", "seed")
COUNTED = {
    "data": ("name", "crop_px", "margin_px", "mpp", "image_mpp", "source"),
    "backbone": (*CONTRACT, "sha256"),  # the sha256 is that of the weights
}
# Keys of `data` that decide the content of the table, each with the value it has if it is left out. The content counts, and
# not the keys: cells whose tables are equal have one id.
CURATION = {"outside": "clip", "padded": "drop", "patients": None}
# The other keys of these groups: what they decide counts as the content of the table, of the split or of the weights, or is
# checked against what is built; the rest is for people.
UNCOUNTED = {
    "data": (
        *CURATION, "authors_split", "download", "download_gb", "title", "url", "licence", "citation",
        "counts", "positive", "negative", "origin", "overlaps",
    ),
    "backbone": (
        "file", "hub", "hub_file", "revision", "family", "embed_dim", "prefix_tokens", "depth", "parameters", "licence",
        "commercial", "redistribute_adapters", "gated", "link", "pretraining", "mpp",
    ),
}  # fmt: skip
# No part of what a cell is: where, how and for which study it runs. `debug` is none of these, it only chooses other values.
NO_PART = ("study", "comparisons", "on_error", "paths", "trainer", "logger", "hydra")

# Keys, however deep, that say where a file lies: its content counts instead.
PLACES = ("root", "file")
# Keys of a source that only the table depends on, whose fingerprint counts; votes count in it for whoever learns from them.
IN_TABLE = ("file_url", "votes", "vote_words", "votes_file", "image_mpp", "patient")
# What reports compare: these groups, less keys that say, however deep, where a file lies or which repetition a cell is.
COMPARED = (*WHOLE, *COUNTED)
NOT_COMPARED = (*PLACES, "fold", "mode")
# Labels of a cell that reports show, and the keys whose values they are.
LABELS = {
    "dataset": ("data.name",),
    "split": ("split.name",),
    "train_domain": ("split.domain", "split.count"),
    "augment": ("augment.name",),
    "fit": ("fit.name",),
    "protocol": ("protocol.confounders",),
    "backbone": ("backbone.name",),
    "weights": ("backbone.weights",),
    "adaptation": ("adaptation.name",),
    "fraction": ("fraction",),
    "fraction_unit": ("split.fraction_unit",),
    "seed": ("seed",),
}
# Keys that were added after 0.1, and the value at which they change nothing: there they stay out of a cell's id.
NEUTRAL = {
    "fit.labels": "majority",
    "split.columns": dict.fromkeys(("sample", "slide", "part", "evaluation_set")),
    "split.words": dict.fromkeys(("train", "validation", "test", "unused")),
    "split.listed": None,
    "split.others": "unused",
    "split.validation_share": None,
    "split.absent": "error",
    "split.sets_by": "domain",
}
# Keys that had other names before: cells of then are read under today's names, and ids are computed under the old ones.
RENAMED = {
    "protocol.validation_cells": "protocol.validation_samples",
    "protocol.validation_cells_per_class": "protocol.validation_samples_per_class",
}
FORMER = {new: old for old, new in RENAMED.items()}


def counts(key: str) -> bool:
    """Whether a key of a config (`backbone.img_size`) is part of a cell's identity."""
    group, _, rest = key.partition(".")
    if group in COUNTED:
        return rest.partition(".")[0] in COUNTED[group]
    return group in (*WHOLE, *SINGLE) and key != "protocol.name"  # two names for the same rules are one protocol


def may_change_results(key: str, first: Any, second: Any) -> bool:
    """Whether two cells may have different results because `key` has these values; None stands for a key that is left out."""
    group, _, rest = key.partition(".")
    curates = group == "data" and rest.partition(".")[0] in CURATION
    if_absent = CURATION.get(rest) if curates else NEUTRAL.get(key)
    first, second = (if_absent if value is None else value for value in (first, second))
    return first != second and (curates or counts(key))


def rename(config: Mapping[str, Any], names: Mapping[str, str] = RENAMED, group: str = "") -> dict[str, Any]:
    """`config` with its keys under the other of their two `names`, be they nested or joined by dots.

    Args:
        config: the config of a cell, choices, or the comparisons of a study.
        names: by full key, the other one: `RENAMED` gives today's, `FORMER` the old ones.
        group: the key under which `config` stands, if it is part of another one.
    """
    renamed = {}
    for key, value in config.items():
        within = names.get(f"{group}.{key}", "").rpartition(".")[2]
        renamed[within or names.get(key, key)] = rename(value, names, key) if isinstance(value, Mapping) else value
    return renamed


def check_names(config: Any, group: str = "") -> None:
    """Check that a composed config, as plain data, uses no name of before; `group` is the key under which it stands, if any.

    Raises:
        MitofmError: it does; the message gives today's name.
    """
    for key, value in config.items() if isinstance(config, Mapping) else ():
        for old in {key, f"{group}.{key}"} & RENAMED.keys():
            raise MitofmError(
                f"{old} is called {RENAMED[old]} since mitofm 0.2: rename it in the command, or in your YAML"
            )
        check_names(value, key)
