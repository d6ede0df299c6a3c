"""What an infeasible split ends with works, whatever the table; or the table is said to have too little."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from mitofm.commands.composing.compose import compose
from mitofm.data.splits.domain_count import DomainCount
from mitofm.data.splits.in_domain import InDomain
from mitofm.data.splits.kfold import KFold
from mitofm.data.splits.leave_one_out import LeaveOneOut
from mitofm.data.splits.make import make
from mitofm.data.splits.part import Strategy
from mitofm.data.splits.single_domain import SingleDomain
from mitofm.data.splits.suggestion import _quote, make_or_suggest
from mitofm.ground.config import instantiate
from mitofm.ground.errors import Infeasible, MitofmError
from mitofm.runs.execute import run
from mitofm.runs.folder import State
from mitofm.runs.foresight import foresee
from mitofm.runs.resolve import resolve
from mitofm.training.settings import Settings

DEFAULT = InDomain(name="in_domain")


def table(positive: int, negative: int, **slides: int) -> pd.DataFrame:
    """`slides` of each domain, each with that many samples."""
    rows = [
        {"domain": domain, "slide": f"{domain}{number}", "label": label}
        for domain, count in slides.items()
        for number in range(count)
        for label in [1] * positive + [0] * negative
    ]
    samples = pd.DataFrame(rows)
    return samples.assign(sample_id=[f"s{i:04d}" for i in range(len(samples))], image=samples["slide"])


def suggested(strategy: Strategy, samples: pd.DataFrame, fraction: float = 1.0) -> tuple[str, str]:
    """The reason, and what to type instead: seen here to compose and to work."""
    with pytest.raises(Infeasible) as plain:
        make(strategy, samples, fraction, 7)
    with pytest.raises(Infeasible) as told:
        make_or_suggest(strategy, samples, fraction, 7)
    reason, _, typed = str(told.value).partition(". What works at seed 7: ")
    assert reason == str(plain.value)
    if typed and "split=" in typed:
        config = resolve(compose("train", [*shlex.split(typed)]))
        make(instantiate(config["split"]), samples, config["fraction"] if "fraction=" in typed else fraction, 7)
    return reason, typed


@pytest.mark.parametrize(
    ("samples", "typed"),
    [
        (table(5, 10, a=2, b=2, c=2), "split=kfold split.folds=5"),
        (table(6, 14, a=2, b=2), "split=kfold split.folds=4"),
        (table(4, 16, a=5), "split=kfold split.folds=5 split.validation_share=0.5"),
        (table(2, 18, a=5), "split=kfold split.folds=5 split.validation_share=null"),
        (table(9, 9, a=2), "split=kfold split.folds=2 split.validation_share=null"),
    ],
)
def test_few_slides_or_few_positives_get_a_split_that_works(samples: pd.DataFrame, typed: str) -> None:
    assert suggested(DEFAULT, samples)[1] == typed


def test_five_slides_of_twenty_samples_just_work_if_each_has_five_of_a_class() -> None:
    assert len(make_or_suggest(DEFAULT, table(6, 14, a=5), 1.0, 7).rows("test")) == 20


@pytest.mark.parametrize(
    ("strategy", "samples", "typed"),
    [
        (KFold(name="kfold", folds=20), table(6, 6, a=10), "split=in_domain"),
        (LeaveOneOut(name="l", domain="a"), table(6, 6, a=10), "split=in_domain"),
        (SingleDomain(name="s", domain="tiny"), table(6, 6, tiny=2, b=5), "split=in_domain"),
        (DomainCount(name="d", count=1, domain="a"), table(6, 6, a=10), "split=in_domain"),
        (InDomain(name="i", fraction_unit="slide"), table(6, 6, a=5, b=5), "fraction=4"),
        (LeaveOneOut(name="l", domain="a", by="scanner"), table(6, 6, a=2, b=2).assign(scanner=["a", "b"] * 24), None),
    ],
)
def test_other_splits(strategy: Strategy, samples: pd.DataFrame, typed: str | None) -> None:
    if typed is None:
        with pytest.raises(MitofmError, match="lies in more than one scanner"):
            make_or_suggest(strategy, samples, 1.0, 7)
    else:
        assert suggested(strategy, samples, 9 if strategy.fraction_unit == "slide" else 1.0)[1] == typed


def test_if_the_fraction_is_in_the_way_the_split_stays() -> None:
    reason, typed = suggested(DEFAULT, table(6, 14, a=5), 0.01)
    assert "fraction 0.01: training holds" in reason
    assert re.fullmatch(r"fraction=0\.\d+", typed)
    make(DEFAULT, table(6, 14, a=5), float(typed.partition("=")[2]), 7)


def test_a_domain_of_any_name_can_be_typed() -> None:
    samples = pd.concat([table(1, 0, a=1), table(0, 1, b=1), table(9, 9, c=3)]).replace({"domain": {"c": "it's, 2021"}})
    samples = samples.assign(sample_id=[f"s{i:04d}" for i in range(len(samples))])
    strategy = LeaveOneOut(name="l", domain="it's, 2021")
    assert suggested(strategy, samples)[1] == "split=in_domain"
    for name in (
        "human melanoma",
        "2021",
        "it's, 2021",
        'a "b" $c',
        "null",
        "canine tumör",
        "Tübingen",
        "a\\b",
        "a\\'b\\",
    ):
        (word,) = shlex.split(_quote("split.domain", name))
        assert compose("train", ["split=leave_one_out", word]).split.domain == name


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (table(9, 9, a=1), r"3 slides with at least 5 positive and 5 negative .* it has 1 \(1 in all, 1 with posit"),
        (table(9, 0, a=4), "No split works for this table: all of its 36 samples are of one class"),
        (pd.concat([table(9, 0, a=1), table(0, 9, b=2)]).assign(sample_id=lambda t: [f"{i:02}" for i in range(len(t))]),
         r"it has 0 \(3 in all, 1 with positive and 2 with negative samples\)"),
    ],
)  # fmt: skip
def test_if_nothing_works_it_is_said_what_is_missing(samples: pd.DataFrame, says: str) -> None:
    with pytest.raises(Infeasible, match=says) as told:
        make_or_suggest(DEFAULT, samples, 1.0, 7)
    assert "\n" not in str(told.value)


def test_a_skipped_cell_says_it_and_what_it_says_trains(
    small: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    few = ["data.source.domains=[human melanoma]", "data.source.slides_per_domain=5", "data.source.cells_per_slide=8",
           "backbone=toy_vit_p16", "adaptation=prototype"]  # fmt: skip
    assert run(small(*few)) is State.SKIPPED
    typed = re.search(r"Domains too small to train on: human melanoma\. What works at seed 42: (.*)", caplog.text)
    assert typed
    assert run(small(*few, *shlex.split(typed.group(1)))) is State.DONE


def test_a_plan_says_it_before_anything_runs(resolved: Callable[..., dict[str, Any]]) -> None:
    few = ["data.source.domains=[human melanoma]", "data.source.slides_per_domain=5", "data.source.cells_per_slide=8"]
    configs = [
        resolved(*few, f"adaptation={one}", split) for one in ("knn", "lora") for split in ("split=kfold", "seed=1")
    ]
    lines = list(foresee(map(Settings.read, configs)))
    assert lines[0] == "4 cells: 4 to do"
    assert lines[1].startswith("cannot be split: 4 of the 4 ahead. The first: ")
    assert "What works at seed 42: split=kfold split.folds=5 split.validation_share=" in lines[1]
    assert not any(
        "cannot" in line
        for line in foresee([Settings.read(resolved(*few, "split=kfold", "split.validation_share=0.5"))])
    )
