from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mitofm.ground.errors import MitofmError
from mitofm.reporting.narrowing import describe_narrowing, narrow, parse_where
from mitofm.runs.books import studies
from mitofm.runs.collect import collect

if TYPE_CHECKING:
    from conftest import Study


def test_words_are_keys_as_typed_elsewhere_and_domains_may_have_blanks() -> None:
    assert parse_where("backbone=uni  adaptation=lora,full fraction=0.1,1") == {
        "backbone": ["uni"], "adaptation": ["lora", "full"], "fraction": ["0.1", "1"]
    }  # fmt: skip
    assert parse_where("split.domain=canine lymphoma,lung backbone.weights=random") == {
        "train_domain": ["canine lymphoma", "lung"], "weights": ["random"]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lora", "'lora' is no choice; type KEY=VALUE"),
        ("adaptation=", "is no choice"),
        ("adaptaton=lora", "adaptation"),
    ],
)
def test_what_is_no_choice_is_refused_in_a_line(text: str, said: str) -> None:
    with pytest.raises(MitofmError, match=said):
        parse_where(text)


def test_cells_of_other_values_are_left_out_and_so_are_planned_ones(study: Study) -> None:
    study.grid(adaptation=["linear_probe", "lora"], fraction=[0.1, 1.0], train_domain=["all but lung"])
    studies.note_grid(study.runs, study.name, {}, {"adaptation": ["lora", "full"], "fraction": ["1.0"]})
    whole = collect(study.runs, study.name)
    wanted = parse_where("adaptation=lora split.domain=lung fraction=1")
    part = narrow(whole, wanted)
    assert part.done[["adaptation", "fraction"]].to_numpy().tolist() == [["lora", 1.0]]
    assert list(part.unfinished["cell"]) == ["adaptation=lora, fraction=1.0"]
    assert f"2 of its {len(whole.cells)} cells" in describe_narrowing(wanted, whole, part)
    with pytest.raises(MitofmError, match=r"'dora'.*linear_probe, lora"):
        narrow(whole, parse_where("adaptation=lora,dora"))
    with pytest.raises(MitofmError, match="no cell has all of these"):
        narrow(whole, parse_where("adaptation=full fraction=0.1"))
