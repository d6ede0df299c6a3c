"""What `docs/reporting_guidelines.md` names is there, and no item of TRIPOD+AI is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mitofm.commands.composing.compose import compose
from mitofm.commands.showing.helping import COMMANDS
from mitofm.data.annotations import OPTIONAL, REQUIRED
from mitofm.data.card import Card
from mitofm.reporting.measured.results import METRICS
from mitofm.runs.bundle import OF_A_CELL

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reporting_guidelines.md"
TEXT = PAGE.read_text()
TRIPOD = TEXT[TEXT.index("## TRIPOD+AI") : TEXT.index("## Metrics Reloaded")]
SUBITEMS = {
    3: "abc",
    5: "ab",
    6: "abc",
    8: "abc",
    9: "abc",
    12: "abcdefg",
    18: "abcdef",
    20: "abc",
    23: "ab",
    27: "abc",
}
ITEMS = [f"{item}{part}" for item in range(1, 28) for part in SUBITEMS.get(item, [""])]
ANSWERS = ("met", "in part", "the author's", "not met")
SOURCE = "".join(path.read_text() for path in (ROOT / "mitofm").rglob("*.py"))
# Files, keys and columns that a cell, a checkpoint, a study or a table of scores holds.
STORED = {*OF_A_CELL, "checkpoint/", "checkpoint.json", "sweep.yaml", "reference.csv"}
WRITTEN = {
    "comparisons",
    "confounded_with",
    "prior",
    "n",
    "n_positive",
    "n_slides",
    "logit",
    "probability",
    "predicted",
}
CODE = sorted(set(re.findall(r"`([^`]+)`", TEXT)))
TITLES = sorted(set(re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", TEXT)))


def is_a_setting(name: str) -> bool:
    """Whether `train` has a key of that name; one of a group counts without the group."""
    config = compose("train", ["data=own_csv", "backbone=uni", "data.source.root=.", "data.source.file=x.csv"])
    places = [config, config["backbone"], config["data"]]
    for place in places:
        found = place
        for key in name.split("."):
            found = found[key] if hasattr(found, "keys") and key in found else None
            if found is None:
                break
        else:
            return True
    return name in {key for place in places for key in place}


def is_there(named: str) -> bool:
    """Whether it is a command, a target, a file, a metric, a column, a word of the card, or a setting."""
    program, _, rest = named.partition(" ")
    if program == "mitofm":
        return rest.split(" ")[0] in COMMANDS
    group, chosen, choice = named.partition("=")
    if chosen:
        return (ROOT / "conf" / group / f"{choice}.yaml").is_file()
    if program == "make":
        return f"\n{rest}:" in (ROOT / "Makefile").read_text()
    columns = {*METRICS, *REQUIRED, *OPTIONAL, *Card.__dataclass_fields__}
    if named.removeprefix("data.") in columns or named in STORED or (ROOT / named).is_file():
        return True
    return f'"{named}"' in SOURCE if named in WRITTEN else is_a_setting(named)


@pytest.mark.parametrize("named", CODE)
def test_what_is_named_is_there(named: str) -> None:
    assert is_there(named)


@pytest.mark.parametrize("named", ["mitofm nosuch", "make nosuch", "docs/nosuch.md", "nosuch", "fit.nosuch"])
def test_what_is_not_there_would_be_found(named: str) -> None:
    assert not is_there(named)


@pytest.mark.parametrize("title", TITLES)
def test_a_report_has_a_part_of_that_title(title: str) -> None:
    assert f'"{title}"' in SOURCE


def test_data_sets_that_are_named_have_a_card() -> None:
    for name in re.findall(r"mitofm datasets (\w+)", TEXT):
        assert (ROOT / "conf" / "data" / f"{name}.yaml").is_file()


def test_pages_that_are_linked_are_there_and_link_back() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links
    assert all((PAGE.parent / link).is_file() for link in links)
    assert f"docs/{PAGE.name}" in (ROOT / "README.md").read_text()
    assert f"]({PAGE.name})" in (PAGE.parent / "protocol.md").read_text()


def test_headings_that_are_named_are_there() -> None:
    for page, heading in re.findall(r"\]\((\w+\.md)\), ([A-Z][a-z]+(?: [a-z]+)*)", TEXT):
        text = (PAGE.parent / page).read_text()
        assert f"\n## {heading}\n" in text, (page, heading)


def test_every_item_of_tripod_has_its_answer() -> None:
    assert len(ITEMS) == 52
    rows = [line.strip("|").split(" | ") for line in TRIPOD.splitlines() if re.match(r"\| \d", line)]
    assert [item.strip() for item, *_ in rows] == ITEMS
    assert all(answer.lstrip().startswith(ANSWERS) for _, _, answer in rows)
