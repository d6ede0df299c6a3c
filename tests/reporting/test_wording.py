from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mitofm.reporting.wording import tell_confounded


def test_what_is_missing_with_many_domains_is_counted_by_domain() -> None:
    def left_out(name: str, also: str) -> Any:
        return SimpleNamespace(configuration=SimpleNamespace(left_out=name), confounded=also)

    lung, skin, brain = (left_out(name, "scanner A (100 % of it)") for name in ("lung", "skin", "brain"))
    assert (
        tell_confounded([lung, lung, skin, left_out("colon", "")])
        == " (missing from training, too: scanner A (100 % of it))"
    )
    assert tell_confounded([lung, skin, brain, brain]).startswith(" (with 3 of the domains left out more is missing")
    assert tell_confounded([left_out("colon", "")]) == ""
