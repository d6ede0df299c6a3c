"""What is said of a command line that Hydra cannot compose."""

import pytest

from mitofm.commands.composing.compose import compose
from mitofm.ground.errors import MitofmError


@pytest.mark.parametrize(
    ("command", "typed", "said"),
    [
        ("clean", "--yes", "--yes: there is no such flag. Keys are given as yes=VALUE"),
        ("report", "--study=demo", "Keys are given as study=demo"),
        ("report", "study=a,b", "study=a,b: several values, and this command takes one"),
        ("train", "data=/my/slides", "unknown data '/my/slides' in conf/. There is: ami,"),
        ("train", "backbone=weights/uni.pth", "unknown backbone 'weights/uni.pth' in conf/. There is: conch,"),
        (
            "train",
            "protocol/confounders=nosuch",
            "unknown protocol/confounders 'nosuch' in conf/. There is: annotation_",
        ),
    ],
)
def test_a_wrong_word_is_named_with_what_is_right(command: str, typed: str, said: str) -> None:
    with pytest.raises(MitofmError) as error:
        compose(command, [typed])
    assert said in str(error.value)
    assert "\n" not in str(error.value)
