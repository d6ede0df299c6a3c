"""Which differences of versions are said, and which are refused."""

from typing import Any

import pytest

from mitofm.ground import versions
from mitofm.ground.errors import MitofmError

HERE = {"peft": "0.21.2", "opencv": "5.0.0", "torch": "2.13.0+cpu"}
OFT = {"adaptation": {"method": "oft"}}
LORA = {"adaptation": {"method": "lora"}}
TURNED = {
    "augment": {
        "transforms": [{"_target_": "albumentations.OneOf", "transforms": [{"_target_": "albumentations.Rotate"}]}]
    }
}
FLIPPED = {"augment": {"transforms": [{"_target_": "albumentations.D4"}]}}


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "list_installed", lambda: HERE)


def said(stored: dict[str, str] | None, config: dict[str, Any], way: Any = "check") -> tuple[str, ...]:
    return versions.compare(stored, way, "the cell", config["adaptation"], config.get("augment", {}))


@pytest.mark.parametrize(
    ("library", "version", "config"),
    [
        ("peft", "0.17.1", OFT),
        ("peft", "0.19.1", {"adaptation": {"method": "tinylora"}}),
        ("peft", "0.19.0", {"adaptation": {"method": "adamss"}}),
        ("opencv", "4.12.0", LORA | TURNED),
    ],
)
def test_a_difference_known_to_matter_is_refused_and_may_be_ignored(
    library: str, version: str, config: dict[str, object]
) -> None:
    stored = HERE | {library: version}
    with pytest.raises(MitofmError, match=rf"trained with {library} {version}.*versions=ignore") as refused:
        said(stored, config)
    assert "\n" not in str(refused.value)
    assert said(stored, config, "ignore")[0] == f"{library} {HERE[library]} here, {version} when it was trained"


@pytest.mark.parametrize(
    ("stored", "config"),
    [
        ({"peft": "0.18.0"}, OFT),
        ({"peft": "0.17.1"}, LORA),
        ({"peft": "0.17.1"}, {"adaptation": {"method": "oft", "use_cayley_neumann": False}}),
        ({"opencv": "4.12.0"}, LORA | FLIPPED),
        ({"torch": "2.13.0+cu130"}, OFT | TURNED),
    ],
)
def test_another_difference_is_said_in_one_line(stored: dict[str, str], config: dict[str, object]) -> None:
    ((name, version),) = stored.items()
    assert said(HERE | stored, config) == (f"{name} {HERE[name]} here, {version} when it was trained",)


def test_what_is_the_same_or_not_stated() -> None:
    assert said(HERE, OFT | TURNED) == ()
    assert said(None, OFT) == ("the cell does not state the versions it was trained with",)
    (line,) = said({"peft": "0.21.2"}, OFT | TURNED)
    assert line.startswith(
        "its version of opencv is not stated, and Rotate is not the same before and since opencv 5.0"
    )
    assert said(HERE | {"cwevals": "1"}, OFT) == ("cwevals is absent here, 1 when it was trained",)


def test_every_transform_of_the_table_is_one_of_albumentations() -> None:
    import albumentations

    named = {name for change in versions.CHANGES for name in change.transforms}
    assert [name for name in named if not hasattr(albumentations, name)] == []
