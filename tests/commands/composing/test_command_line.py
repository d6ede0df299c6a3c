"""Flags and overrides of a command line, in any order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitofm.commands.composing.command_line import read_arguments
from mitofm.ground.errors import MitofmError

FLAGS = [["-m"], ["--config-name", "sweep"], ["-cd", "experiments/demo"], ["--cfg", "job"]]
OVERRIDES = ["backbone=nano", "seed=1,2", "+fit.x=-1", "~augment", "hydra/launcher=local", "seed=1,2"]


@given(
    st.permutations(FLAGS), st.permutations(OVERRIDES), st.lists(st.integers(0, len(OVERRIDES)), min_size=4, max_size=4)
)
def test_the_order_of_flags_and_overrides_does_not_matter(
    flags: list[list[str]], overrides: list[str], places: list[int]
) -> None:
    typed: list[str] = []
    for place in range(len(OVERRIDES) + 1):
        typed += [word for flag, at in zip(flags, places, strict=True) if at == place for word in flag]
        typed += overrides[place : place + 1]
    found, ordered = read_arguments(typed)
    assert (found.overrides, found.multirun, found.config_name) == (overrides, True, "sweep")
    assert (found.config_dir, found.cfg) == ("experiments/demo", "job")
    assert ordered[-len(overrides) :] == overrides
    assert sorted(ordered) == sorted(typed)
    assert read_arguments(ordered) == (found, ordered)


@pytest.mark.parametrize("typed", [["--nosuch"], ["backbone=nano", "--config-name"], ["--cfg", "everything"]])
def test_a_flag_that_hydra_has_not_is_told_in_one_line(typed: list[str]) -> None:
    with pytest.raises(MitofmError, match="--") as error:
        read_arguments(typed)
    assert "\n" not in str(error.value)
