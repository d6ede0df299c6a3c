from __future__ import annotations

from pathlib import Path

from mitofm.reporting import findings


def test_every_file_is_a_finding_that_is_listed_once() -> None:
    files = {path.stem for path in Path(findings.__file__).parent.glob("*.py")} - {"__init__"}
    assert sorted(finding.__name__.rpartition(".")[2] for finding in findings.FINDINGS) == sorted(files)
