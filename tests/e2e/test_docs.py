"""Pages that a command writes are what it would write now."""

import importlib.util
import os
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from mitofm.commands.composing.compose import list_group

ROOT = Path(__file__).parents[2]


def benchmark(name: str) -> ModuleType:
    """A script of the folder benchmarks, as a module."""
    found = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def adaptations() -> ModuleType:
    return benchmark("adaptations")


def test_the_table_of_adaptations_is_up_to_date(adaptations: ModuleType) -> None:
    page = adaptations.PAGE.read_text()
    assert adaptations.write_table(page) == page, "make adaptations"
    assert all(f"| `{name}` |" in page for name in list_group("adaptation"))


def test_the_table_of_published_files_is_up_to_date() -> None:
    published = benchmark("published")
    page = published.PAGE.read_text()
    if not published.PUBLISHED.is_dir():
        pytest.skip("the published files are not beside the project")
    assert published.write_table(page, published.PUBLISHED) == page, "make published"
    assert all(f"| `{path.name}` |" in page for path in published.PUBLISHED.iterdir() if path.suffix != ".md")


def test_a_published_file_is_read_or_refused_in_its_row(tmp_path: Path) -> None:
    row = benchmark("published").row
    table = tmp_path / "MIDOGpp.csv"
    table.write_text(
        "x,y,label,filename,slide,tumortype\n-1,5,1,001.tiff,1,human melanoma\n7,8,2,002.tiff,2,human melanoma\n"
    )
    command, read = row(table)
    assert command == "`mitofm prepare data=study_midogpp`"
    assert read.startswith("2 samples: 1 × mitotic figure, 1 × hard negative, 2 slides, 2 images, 1 with their centre")
    assert "domain 'human melanoma': 2 images, the card says 49" in read
    table.write_text("x,y\n1,2\n")
    assert row(table)[1].startswith("refused: MIDOGpp.csv lacks the column(s)")
    assert row(tmp_path / "other.csv") == ("none", "no card reads it")


def test_every_finding_has_one_line_and_can_be_run() -> None:
    scripts = {file.stem: file for file in (ROOT / "findings").glob("*.sh")}
    listed = re.findall(r"(?m)^- `(\w+)\.sh`: ", (ROOT / "findings" / "README.md").read_text())
    assert sorted(listed) == sorted(scripts)
    for name, script in scripts.items():
        assert os.access(script, os.X_OK), name
        text = script.read_text()
        assert re.search(r"\n    [\w-]+==\d|install .*==\d", text), name  # of pinned versions
        assert "mktemp -d" in text, name
