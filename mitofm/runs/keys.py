"""The role of each key of a cell's config: part of its identity, compared in reports, a label, a path, or none of these.

Every key of `conf/train.yaml` is in one of these tables. A new key of a group in `WHOLE`, or in `COUNTED`, changes the id
of every cell unless `NEUTRAL` has it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mitofm.backbones.spec import CONTRACT
from mitofm.ground.errors import MitofmError

# Part of a cell's identity: groups whose keys all count (but `protocol.name`), single keys, and groups with the keys that do.
WHOLE = ("split", "adaptation", "augment", "fit", "protocol")
SINGLE = (
    "fraction",
    "seed",
    "split_seed",
    "training_seed",
)  # at null they stay out of it: 0.1 did not have the last two
COUNTED = {
    "data": ("name", "crop_px", "margin_px", "mpp", "image_mpp", "source", "proposals", "proposals_ratio"),
    "backbone": (*CONTRACT, "sha256"),  # the sha256 is that of the weights
}
# Keys of `data` that decide the content of the table, each with the value it has if it is left out. The content counts, and
# not the keys: cells whose tables are equal have one id.
CURATION = {"outside": "clip", "padded": "drop", "patients": None}
# The other keys of these groups: the content of the table, the split or the weights counts in their place, or they are
# checked against what is built, or they are information for people.
UNCOUNTED = {
    "data": (
        *CURATION, "authors_split", "download", "download_gb", "title", "url", "licence", "citation",
        "counts", "positive", "negative", "origin", "overlaps", "exhaustive", "area_mm2", "cut_offs",
    ),
    "backbone": (
        "file", "hub", "hub_file", "revision", "family", "embed_dim", "prefix_tokens", "depth", "parameters", "licence",
        "commercial", "redistribute_adapters", "gated", "link", "pretraining", "mpp",
    ),
}  # fmt: skip
# No part of the identity: where, how and for which study a cell runs. `debug` only chooses other values of the rest.
NO_PART = ("study", "comparisons", "on_error", "paths", "trainer", "logger", "hydra")

# Keys at any depth that are paths: the content of the file counts instead.
PLACES = ("root", "file")
# Keys of a source that only the table depends on, whose fingerprint counts; votes are in it for cells that learn from them.
IN_TABLE = ("file_url", "votes", "vote_words", "votes_file", "image_mpp", "patient")
ENSEMBLE = "ensemble"
"""The group of a config that says how an ensemble was made of its members; no key of `train`."""
# Reports compare these groups, without keys at any depth that are a path or a repetition.
COMPARED = (*WHOLE, *COUNTED, ENSEMBLE)
NOT_COMPARED = (*PLACES, "fold", "mode")
# The labels of a cell in reports, and the keys that they are the values of. The version of the protocol is no key.
LABELS = {
    "dataset": ("data.name",),
    "split": ("split.name",),
    "train_domain": ("split.domain", "split.count"),
    "augment": ("augment.name",),
    "fit": ("fit.name",),
    "protocol": ("protocol.confounders",),
    "protocol_version": (),
    "backbone": ("backbone.name",),
    "weights": ("backbone.weights",),
    "adaptation": ("adaptation.name",),
    "fraction": ("fraction",),
    "fraction_unit": ("split.fraction_unit",),
    "seed": ("seed",),
}
# Keys that are younger than 0.1, and the value at which they change nothing and stay out of a cell's id.
NEUTRAL = {
    "backbone.lora_alpha": None,
    "data.proposals": False,
    "data.proposals_ratio": 1.0,
    "fit.cooldown": None,
    "fit.labels": "majority",
    "split.slides": None,
    "split.columns": dict.fromkeys(("sample", "slide", "part", "evaluation_set")),
    "split.words": dict.fromkeys(("train", "validation", "test", "unused")),
    "split.listed": None,
    "split.others": "unused",
    "split.validation_share": None,
    "split.absent": "error",
    "split.sets_by": "domain",
}
# Former names of keys: older cells are read under today's names, and ids are computed under the former ones.
RENAMED = {
    "protocol.validation_cells": "protocol.validation_samples",
    "protocol.validation_cells_per_class": "protocol.validation_samples_per_class",
}
FORMER = {new: old for old, new in RENAMED.items()}


def counts(key: str) -> bool:
    """Whether a key such as `backbone.img_size` is part of a cell's identity."""
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
    """`config` (of a cell, choices, or stated comparisons) under other names of its keys, nested or joined by dots.

    `names` is `RENAMED` for today's names or `FORMER` for the former ones. `group` is the key above `config`, if any.
    """
    renamed = {}
    for key, value in config.items():
        within = names.get(f"{group}.{key}", "").rpartition(".")[2]
        renamed[within or names.get(key, key)] = rename(value, names, key) if isinstance(value, Mapping) else value
    return renamed


def check_names(config: Any, group: str = "") -> None:
    """Raise a MitofmError with today's name if a composed config uses a former one; `group` is the key above it, if any."""
    for key, value in config.items() if isinstance(config, Mapping) else ():
        for old in {key, f"{group}.{key}"} & RENAMED.keys():
            raise MitofmError(
                f"{old} is called {RENAMED[old]} since mitofm 0.2: rename it in the command, or in your YAML"
            )
        check_names(value, key)
