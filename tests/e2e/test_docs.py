"""Pages that a command writes are what it would write now."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from mitofm.commands.composing import groups

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def adaptations() -> ModuleType:
    found = importlib.util.spec_from_file_location("adaptations", ROOT / "benchmarks" / "adaptations.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_table_of_adaptations_is_up_to_date(adaptations: ModuleType) -> None:
    page = adaptations.PAGE.read_text()
    assert adaptations.written(page) == page, "make adaptations"
    assert all(f"| `{name}` |" in page for name in groups("adaptation"))
