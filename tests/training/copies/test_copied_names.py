from __future__ import annotations

import re

from mitofm.training.copies.copied_names import describe_compared, spell_name, summarise

LABELS = {"backbone": "nano", "weights": "pretrained", "adaptation": "lora", "n_train": 30, "n_validation": 10}


def test_names_have_no_blank_and_no_colon() -> None:
    assert spell_name("domain:canine lymphoma") == "domain_canine_lymphoma"
    assert spell_name("midog/all/nano (random weights)/1.0") == "midog/all/nano_random_weights_/1.0"
    assert spell_name("乳がん: 1") == "乳がん_1"


def test_a_model_is_told_from_its_random_twin() -> None:
    own, twin = describe_compared(LABELS), describe_compared(LABELS | {"weights": "random"})
    assert own == {"model": "nano", "compared": "nano/lora"}
    assert twin == {"model": "nano-random", "compared": "nano-random/lora"}


def test_the_summary_holds_what_a_cell_cost() -> None:
    metrics = {"sets": {"domain:canine lymphoma": {"auroc": 0.8, "n": 4}}, "threshold": {"value": 0.4}}
    found = summarise(metrics, {"seconds": 2.0, "trained_parameters": 7, "pieces_per_batch": 1}, LABELS)
    assert found == {
        "domain_canine_lymphoma/auroc": 0.8, "domain_canine_lymphoma/n": 4, "threshold": 0.4,
        "cost/seconds": 2.0, "cost/trained_parameters": 7, "cost/labels": 40,
    }  # fmt: skip
    assert not [name for name in found if re.search(r"[\s:]", name)]
