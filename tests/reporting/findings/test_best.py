from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mitofm.reporting.finding import Measured
from mitofm.reporting.findings import best
from mitofm.reporting.wording import name_one

if TYPE_CHECKING:
    from conftest import Study


def test_training_domains_that_one_configuration_leads_share_a_sentence(
    study: Study, measure: Callable[[Study], Measured]
) -> None:
    domains = ("breast", "lung", "lymphoma")
    study.grid(adaptation=["lora", "linear_probe"], train_domain=domains, seed=[42, 43], domains=[domains])
    measured = measure(study)
    inside, outside = best.describe(measured.primary, measured.stored)
    assert inside.startswith(
        "With 100 % of the labels (5,000 samples), tested in-domain: uni with lora reaches these AUROCs"
    )
    for sentence in (inside, outside):
        assert ", the highest of 2 (the interval allows for the choice), by what it was trained on: " in sentence
        assert [sentence.count(word) for word in ("uni", "lora", "trained", "breast", "lung", "lymphoma")] == [1] * 6
    told = [float(word.split(" (")[0].split()[-1]) for word in inside.split(": ")[-1].split("; ")]
    assert told == sorted(told, reverse=True)


def test_a_class_has_the_article_that_it_is_read_with() -> None:
    assert name_one("mitotic figure") == "a mitotic figure"
    assert name_one("atypical mitotic figure") == "an atypical mitotic figure"
