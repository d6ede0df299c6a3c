from __future__ import annotations

import resource
import sys
from types import SimpleNamespace

import pytest

from mitofm.ground.peak_memory import read_peak_memory


@pytest.mark.parametrize(("platform", "unit"), [("darwin", 1), ("linux", 2**10)])
def test_it_is_in_mib_on_every_system(platform: str, unit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(resource, "getrusage", lambda _who: SimpleNamespace(ru_maxrss=300 * 2**20 // unit))
    assert read_peak_memory() == 300
