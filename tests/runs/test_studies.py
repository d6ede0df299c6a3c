from __future__ import annotations

from pathlib import Path

import pytest

from mitofm.errors import MitofmError
from mitofm.runs import studies

FAMILY = {"metric": "auroc", "margin": 0.02}


def test_what_a_study_states_stays(tmp_path: Path) -> None:
    assert studies.stated(tmp_path, "mine") is None
    studies.state(tmp_path, "mine", None)
    assert studies.stated(tmp_path, "mine") is None
    for _ in range(2):
        studies.state(tmp_path, "mine", FAMILY)
    studies.state(tmp_path, "mine", None)  # one more cell by hand states nothing
    assert studies.stated(tmp_path, "mine") == FAMILY
    with pytest.raises(MitofmError, match=r"study 'mine' stated other comparisons before its first cell ran"):
        studies.state(tmp_path, "mine", FAMILY | {"margin": 0.1})
    assert studies.stated(tmp_path, "mine") == FAMILY
