"""What a reviewer types: run a cell again, open a bundle, compare two studies."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mitofm.runs.identity import identify
from mitofm.runs.keys import FORMER, rename
from mitofm.training.settings import Settings

Typed = Callable[..., tuple[str, str]]
Refused = Callable[..., str]


@pytest.fixture
def refused(typed: Typed, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Types a command that must end with a code that is not 0; gives its error."""

    def command(*words: str | Path) -> str:
        with pytest.raises(SystemExit) as ended:
            typed(*words)
        assert ended.value.code not in (0, None)
        return capsys.readouterr().err

    return command


@pytest.mark.parametrize("mode", ["linear_probe", "lora"])
def test_a_cell_run_again_is_the_same_to_the_last_bit(typed: Typed, tried: Path, mode: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in tried.rglob("*")}
    said, _ = typed("verify", mode)
    assert "largest difference of logits:  0\n" in said
    assert "largest difference of metrics: 0\n" in said
    assert {path: path.stat().st_mtime_ns for path in tried.rglob("*")} == before


@pytest.fixture
def copied(tried: Path, tmp_path: Path) -> Path:
    """A copy of a cell, to be changed: of before DONE held checksums."""
    folder = next(tried.glob("*-linear_probe-*"))
    copy = Path(shutil.copytree(folder, tmp_path / "runs" / "cells" / folder.name))
    (copy / "DONE").write_text("")
    return copy


def test_a_cell_that_does_not_come_out_the_same_is_told(
    copied: Path, typed: Typed, refused: Refused, home: Path, tmp_path: Path
) -> None:
    predictions = pd.read_parquet(copied / "predictions.parquet")
    predictions.loc[3, "logit"] += 0.25
    predictions.to_parquet(copied / "predictions.parquet", index=False)
    config = rename(yaml.safe_load((copied / "config.yaml").read_text()), FORMER)  # as mitofm 0.1 has written it
    assert config["protocol"]["validation_cells"] == 10
    (copied / "config.yaml").write_text(yaml.safe_dump(config))
    shutil.copytree(home / "data", tmp_path / "elsewhere")  # where config.yaml does not look for them
    assert "0.25 is more than tolerance=1e-05" in refused("verify", copied, f"paths.data={tmp_path}/elsewhere")
    said, _ = typed("verify", copied, "tolerance=0.3", f"scratch={tmp_path}/kept")
    assert "largest difference of logits:  0.25\n" in said
    assert (tmp_path / "kept" / "cell" / "metrics.json").is_file()
    assert "is not empty" in refused("verify", copied, f"scratch={tmp_path}/kept")


def test_a_damaged_cell_is_refused_before_anything_is_fitted_or_written(
    tried: Path, refused: Refused, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(home / "runs", tmp_path / "runs")
    monkeypatch.setenv("MITOFM_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr("mitofm.training.fit.fit_cell", lambda *_: pytest.fail("it is fitted"))
    monkeypatch.setattr("mitofm.reporting.report.make_report", lambda *_: pytest.fail("a report is made"))
    (cell,) = (tmp_path / "runs" / "cells").glob("*-lora-*")
    for name, commands in {
        "checkpoint/checkpoint.json": ("verify", "predict", "export"),
        "split.parquet": ("verify", "bundle"),
    }.items():
        whole = (cell / name).read_bytes()
        (cell / name).write_bytes(whole[:-2] + whole[-1:] + whole[-2:-1])
        for command in commands:
            said = refused(
                command, "tried" if command == "bundle" else cell.name, *(["data=synthetic"] * (command == "predict"))
            )
            assert f"is not the file that the cell was finished with: `mitofm retry {cell.name}`" in said
        (cell / name).write_bytes(whole)


def test_what_is_not_that_cell_is_not_run(copied: Path, refused: Refused) -> None:
    config = yaml.safe_load((copied / "config.yaml").read_text())

    def stored(**changes: object) -> str:
        (copied / "config.yaml").write_text(yaml.safe_dump({**config, **changes}))
        return refused("verify", copied)

    assert "is another cell" in stored(seed=43)
    assert "not allowed" in stored(split={"_target_": "os.system", "command": "true"})
    (copied / "config.yaml").write_text("split: !!python/object/apply:os.system ['true']")
    assert "cannot be read" in refused("verify", copied)
    (copied / "DONE").unlink()
    assert "only a finished cell" in stored()


def test_versions_are_said_once_and_refused_before_it_is_run(
    tried: Path, typed: Typed, refused: Refused, tmp_path: Path
) -> None:
    (source,) = tried.glob("*-lora-*")
    cell = Path(shutil.copytree(source, tmp_path / "runs" / "cells" / source.name))
    (cell / "DONE").write_text("")  # of before it held checksums
    about = json.loads((cell / "environment.json").read_text())
    about["packages"] |= {"opencv": "4.12.0", "timm": "1.0.20"}
    states = {json.loads((one / "environment.json").read_text())["annotations"] for one in tried.glob("*/")}
    assert states == {about.pop("annotations")}  # cells of before did not state it
    (cell / "environment.json").write_text(json.dumps(about))
    said, _ = typed("verify", cell)  # its eight symmetries are the same under both
    assert [line for line in said.splitlines() if "opencv" in line] == ["opencv 5.0.0 here, 4.12.0 when it was trained"]
    assert said.count("timm") == 1
    assert "annotations" not in said

    config = yaml.safe_load((cell / "config.yaml").read_text())
    config["augment"]["transforms"] = [{"_target_": "albumentations.Rotate", "p": 0.5}]
    (cell / "config.yaml").write_text(yaml.safe_dump(config))
    cell_id = identify(Settings.read(config)).id
    (cell / "cell.json").write_text(json.dumps(json.loads((cell / "cell.json").read_text()) | {"id": cell_id}))
    assert "Rotate is not the same before and since opencv 5.0" in refused("verify", cell)


def test_a_bundle_gives_the_same_numbers_elsewhere_and_a_changed_byte_is_refused(
    tried: Path, typed: Typed, refused: Refused, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said, _ = typed("bundle", "tried")
    assert said.startswith("tried.zip  ")
    first = Path("tried.zip").read_bytes()
    assert b"safetensors" not in first
    for name in ("data", "runs", "cache"):  # a machine that has nothing but the bundle
        monkeypatch.setenv(f"MITOFM_{name.upper()}", str(tmp_path / "elsewhere" / name))
    said, _ = typed("report", "bundle=tried.zip")
    assert "no byte has changed" in said
    with zipfile.ZipFile("tried.zip") as archive:
        tables = [name for name in archive.namelist() if name.startswith("report/") and name.endswith(".csv")]
        assert len(tables) > 3
        for name in tables:
            assert Path(name.replace("report", "tried-report", 1)).read_bytes() == archive.read(name)

    changed = bytearray(first)
    changed[len(changed) // 2] ^= 1
    Path("changed.zip").write_bytes(changed)
    assert "a byte of it has changed" in refused("report", "bundle=changed.zip")
    assert not Path("changed-report").exists()
    assert "unknown study 'nothing'" in refused("bundle", "nothing")


def test_two_studies_are_compared(tried: Path, typed: Typed, refused: Refused, home: Path, tmp_path: Path) -> None:
    listed = home / "runs" / "studies" / "half" / "cells.csv"
    listed.parent.mkdir(exist_ok=True)
    listed.write_text(f"cell\n{next(tried.glob('*-lora-*')).name}\n")
    said, _ = typed("compare", "tried", "half", f"out={tmp_path}")
    assert "tried minus half" in said
    assert "nothing: the same cells" in (tmp_path / "compare.csv").read_text()
    assert "| lora |" in (tmp_path / "compare.md").read_text()
    assert "give two studies" in refused("compare", "tried", "tried")
    assert "give a study and another" in refused("compare", "tried")
