"""Which key was meant."""

from __future__ import annotations

import pytest

from mitofm.commands.composing.command_line import read_command_line
from mitofm.commands.composing.compose import compose
from mitofm.ground.errors import MitofmError

CELL = ("data=synthetic", "backbone=toy_vit_p16")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("trainer.max_epochs=3", r"Did you mean 'fit\.max_epochs'\?$"),
        ("epochs=3", r"Did you mean 'fit\.max_epochs'\?$"),
        ("fit.lr=1", r"Did you mean 'adaptation\.lr' \(of adaptation=.*full, lora.*\)\?$"),
        ("adaptation.rank=4", r"'adaptation\.rank' in this config: it is one of adaptation=lora$"),
        ("fit.batchsize=2", r"Did you mean 'fit\.batch_size'\? There is: fit\.batch_size"),
        ("adaptation.rnk=4", r"in this config\. There is: adaptation\._target_"),
        ("nothing_like_it=1", r"in this config\. There is: adaptation, augment"),
    ],
)
def test_a_key_of_another_group_or_choice_is_found(typed: str, said: str) -> None:
    with pytest.raises(MitofmError, match=said):
        compose("train", [*CELL, "adaptation=linear_probe", typed])


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("lora", r"^'lora' has no key: give adaptation=lora$"),
        ("default", "give fit=default or logger=default or "),
        ("mine", "give KEY=mine, such as study=mine"),
    ],
)
def test_a_word_without_a_key_is_told_its_group(word: str, said: str) -> None:
    with pytest.raises(MitofmError, match=said):
        compose("doctor", [*CELL, word])
    with pytest.raises(MitofmError, match=said):
        read_command_line("train", [*CELL, word], None)
