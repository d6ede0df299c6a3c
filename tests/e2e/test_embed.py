"""`mitofm embed` as a user types it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

QUICK = ("trainer.threads=1", "trainer.accelerator=cpu", "backbone=toy_vit_p16", "data.source.slides_per_domain=6",
         "data.source.cells_per_slide=24", "data.source.domains=[canine lymphoma]")  # fmt: skip


def test_a_plan_says_time_disk_and_jobs_and_the_embeddings_are_those_of_cells(
    tmp_path: Path,
    typed: Callable[..., tuple[str, str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("data", "runs", "cache"):  # other tests look for the only data set of their shared home
        monkeypatch.setenv(f"MITOFM_{name.upper()}", str(tmp_path / name))
    out, _ = typed("embed", *QUICK, "plan=true", "crops=100000000", "hours=2")
    measured, time, disk = out.splitlines()[-3:]  # the store is built first
    assert re.match(r"measured: [\d,]+ crops a second in one process on cpu \(\d+ crops in ", measured)
    assert (found := re.match(r"time: 100,000,000 crops take ([\d.e+]+) h of one process: ([\d,]+) jobs of 2 h", time))
    assert abs(float(found[1]) / 2 - int(found[2].replace(",", ""))) < 1 + 0.01 * float(found[1])
    assert disk.startswith("disk: 76.8 GB of embeddings, and 1.23e+03 GB of patches, in ")
    kept = tmp_path / "cache" / "embeddings"
    before = set(kept.glob("*"))
    out, _ = typed("embed", *QUICK)
    (made,) = {file for file in kept.glob("*.npy") if file not in before}
    assert out == f"embeddings: {made} (144 x 192, 0.000111 GB)\n"
    typed("train", *QUICK, "trainer.progress=false", "logger=none")
    assert set(kept.glob("*")) - before == {made, made.with_suffix(".json")}
    for wrong, said in (
        ("adaptation=full", "adaptation=full trains the backbone, so its cells have no embeddings in common"),
        ("launcher=slurm", "unknown launcher 'slurm'. There is: basic, local"),
        ("n_jobs=0", "n_jobs=0: give a number of processes"),
        ("crops=0", "crops=0"),
    ):
        with pytest.raises(SystemExit) as ended:
            typed("embed", *QUICK, wrong)
        assert ended.value.code == 2
        assert said in capsys.readouterr().err
