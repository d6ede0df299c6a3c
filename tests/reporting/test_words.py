from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mitofm.evaluation.statistics import Estimate
from mitofm.reporting import words
from mitofm.reporting.configurations import Configuration, groups
from mitofm.reporting.contrasts import Contrast
from mitofm.reporting.counts import Counts
from mitofm.reporting.estimates import Stored, measure, primary
from mitofm.reporting.kept import Kept
from mitofm.runs.collect import collect

if TYPE_CHECKING:
    from conftest import Study

KEY = Configuration("midog", "", "", 0.1, "uni", "lora")
SURE = Estimate(0.03, 0.01, 0.05, 0.01, 19, 20, 3, 0.002)


def contrast(difference: Estimate, **changes: object) -> Contrast:
    return Contrast(replace(KEY, **changes), "all", "lora", "linear_probe", difference)


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.01, 0.05, "higher"), (-0.05, -0.01, "lower"), (-0.01, 0.05, "not decided")]
)
def test_an_interval_that_includes_zero_decides_nothing(low: float, high: float, verdict: str) -> None:
    found = contrast(replace(SURE, value=(low + high) / 2, low=low, high=high))
    (sentence,) = words.compared([found])
    assert sentence.endswith(f"{verdict}.")
    assert sentence.startswith("lora − linear_probe")


def test_a_difference_without_an_interval_is_not_called_anything_else() -> None:
    (sentence,) = words.compared([contrast(replace(SURE, low=None, high=None, why="under 6 slides"))])
    assert sentence.endswith("with 10 % of the labels, AUROC on the same cells, uni: +0.030, no interval.")


def test_many_differences_are_counted() -> None:
    unsure = replace(SURE, value=-0.01, low=-0.03, high=0.01)
    found = [contrast(SURE, model=f"m{number}") for number in range(6)] + [contrast(unsure)]
    (sentence,) = words.compared(found)
    assert "higher in 6, not decided in 1 of 7 comparisons; differences from −0.010 to +0.030" in sentence


def test_differences_are_told_at_the_largest_fraction() -> None:
    (sentence,) = words.compared([contrast(SURE), contrast(replace(SURE, value=0.07), fraction=1.0)])
    assert "with 100 % of the labels" in sentence
    assert "+0.070" in sentence
    assert "+0.030" not in sentence


def test_what_differences_share_is_said_once() -> None:
    found = [contrast(SURE, train_domain=domain) for domain in ("breast", "lung", "skin")]
    (sentence,) = words.compared(found)
    assert sentence.count("uni") == 1
    assert (
        "the same cells, uni: trained on breast +0.030 (+0.010 to +0.050), higher; trained on lung +0.030" in sentence
    )


def test_training_domains_that_one_configuration_leads_share_a_sentence(study: Study) -> None:
    study.grid(adaptation=["lora", "linear_probe"], train_domain=["breast", "lung", "lymphoma"], seed=[42, 43])
    collected = collect(study.runs, study.name)
    results = primary(measure(Stored(collected, Kept(study.runs / "cache")), groups(collected)))
    inside, outside = words.best_per_fraction(results, Counts(collected))
    assert inside.startswith(
        "With 100 % of the labels (5,000 cells), tested in-domain: uni with lora reaches these AUROCs"
    )
    for sentence in (inside, outside):
        assert ", the highest of 2, by what it was trained on: " in sentence
        assert [sentence.count(word) for word in ("uni", "lora", "trained", "breast", "lung", "lymphoma")] == [1] * 6
    told = [float(word.split(" (")[0].split()[-1]) for word in inside.split(": ")[-1].split("; ")]
    assert told == sorted(told, reverse=True)


def test_cautions_say_random_weights_test_only_domains_and_images_as_units(study: Study) -> None:
    study.add(weights="random", backbone="toy_vit", test_only=["melanoma"], slide_unit="image")
    said = " ".join(words.cautions(collect(study.runs).done))
    assert "Random weights, not pretrained ones: toy_vit." in said
    assert "melanoma" in said
    assert "each image is its own unit" in said


def test_a_test_set_that_pretraining_may_have_seen_is_a_caution(study: Study) -> None:
    study.add(backbone="gpfm", seen=["MIDOG 2021"])
    study.add(backbone="uni", seen=[])
    (said,) = words.cautions(collect(study.runs).done)
    assert "gpfm on MIDOG 2021" in said
    assert "uni" not in said


def test_synthetic_tissue_and_pretraining_on_its_kind_are_cautions(study: Study) -> None:
    study.add(dataset="synthetic", backbone="nano", seen=["synthetic"])
    study.add(dataset="synthetic", backbone="uni", seen=[])
    tissue, kind = words.cautions(collect(study.runs).done)
    assert "All of it is synthetic tissue" in tissue
    assert "Pretrained on the same kind of synthetic tissue, without labels and on other slides: nano." in kind
    assert "too good" not in kind


def test_a_complete_pretrained_study_needs_no_caution(study: Study) -> None:
    study.add()
    collected = collect(study.runs, study.name)
    assert words.cautions(collected.done) == []
    assert words.completeness(collected.cells, groups(collected)) == []


def test_missing_seeds_are_said(study: Study) -> None:
    study.add(seed=42)
    labels = study.labels | {"seed": 43}
    folder = study.folder(labels)
    folder.mkdir(parents=True)
    study.write(folder, "cell.json", {"labels": labels})
    (folder / "FAILED").write_text("out of memory")
    collected = collect(study.runs, study.name)
    first, second = words.completeness(collected.cells, groups(collected))
    assert first.startswith("1 of 2 cells are finished (1 failed).")
    assert second.startswith("Some seeds are missing in 1 configuration:")
