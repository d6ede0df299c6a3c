"""Commands as a user types them; in processes of their own if these are what is tested, as imports take seconds."""

import io
import json
import os
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from huggingface_hub import constants
from hydra.core.global_hydra import GlobalHydra

from mitofm import cli
from mitofm.commands.showing.helping import COMMANDS

MITOFM = [str(Path(sys.executable).parent / "mitofm")]
QUICK = ["trainer.threads=1", "trainer.progress=false", "logger=none", "fit.max_epochs=1", "fit.min_steps=1",
         "data.source.domains=[canine lymphoma]", "data.source.slides_per_domain=6", "data.source.cells_per_slide=24"]  # fmt: skip


def variables(cwd: Path, env: dict[str, str] | None) -> dict[str, str]:
    return {"MITOFM_DATA": str(cwd / "data"), "NO_COLOR": "1", **(env or {})}


def started(*words: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """What a command does in a process of its own."""
    return subprocess.run(
        [*MITOFM, *words],
        cwd=cwd,
        env=os.environ | variables(cwd, env),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def typed(*words: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """What a command does in this process."""
    done = subprocess.CompletedProcess[str](words, 0)
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
    ):
        patch.chdir(cwd)
        patch.setattr("sys.argv", ["mitofm", *words])
        for name, value in variables(cwd, env).items():
            patch.setenv(name, value)
        try:
            cli.main()
        except SystemExit as ended:
            done.returncode = int(ended.code or 0)
        finally:
            GlobalHydra.instance().clear()
    done.stdout, done.stderr = out.getvalue(), err.getvalue()
    return done


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("user")


def test_help_answers_in_under_a_second(place: Path) -> None:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        assert "mitofm COMMAND" in started("--help", cwd=place).stdout
        times.append(time.perf_counter() - start)
    assert min(times) < 1


def test_every_command_says_what_it_does(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for command in COMMANDS:
        monkeypatch.setattr("sys.argv", ["mitofm", command, "--help"])
        cli.main()
        assert capsys.readouterr().out.startswith(f"mitofm {command}: ")


ALONE = ["fractoin=0.5"]  # one of all


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["adaptation=lora", "adaptation.rnak=8"],
            "unknown key 'adaptation.rnak' in this config. Did you mean 'adaptation.rank'?",
        ),
        (["fractoin=0.5"], "Did you mean 'fraction'?"),
        (["backbone=deit_tinny"], "unknown backbone 'deit_tinny' in conf/. Did you mean 'deit_tiny'?"),
        (["split=in_domian"], "There is: annotation, annotation_kfold, "),
        (["fraction=0"], "fraction"),
        (["fraction=1.5"], "fraction"),
        (["fraction=-1"], "fraction"),
        (["-m", "fraction=0.5,1.5"], "fraction"),
        (["-m", "backbone=toy_vit_p8,unii"], "unknown backbone 'unii'"),
        (["split=single_domain", "split.domain=lung", *QUICK], "unknown domain 'lung'"),
        (["split=single_domain"], "split.domain is not set"),
        (
            ["split=single_domain", "split.domain=1", *QUICK],
            "split.domain=1: give text. A number is text in two quotes",
        ),
        (["backbone=deit_tiny"], "the weights of backbone 'deit_tiny' are not on this machine"),
        (["data=mf"], "data set 'mf' is not here"),
        (["backbone=mobilenetv2", "backbone.weights=random", "adaptation=lora", *QUICK], "finds nothing to adapt"),
        (["--config-dir", "nowhere", "--config-name", "sweep"], "there is no such folder"),
    ],
)
def test_a_mistake_is_one_screen_and_not_success(
    place: Path, words: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = started if words == ALONE else typed
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # which is read once in a process
    done = call("train", *words, cwd=place, env={"MITOFM_WEIGHTS": "none", "HF_HUB_OFFLINE": "1"})
    assert says in done.stderr + done.stdout
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) < 25
    assert "Traceback" not in done.stderr


def test_unknown_commands_and_studies_list_what_there_is(place: Path) -> None:
    assert "Did you mean 'train'?" in typed("trian", cwd=place).stderr
    assert "unknown study 'x'" in typed("status", "study=x", cwd=place).stderr
    assert "unknown backbone" in typed("models", "x", cwd=place).stderr


def test_lists_name_what_ships(place: Path) -> None:
    assert "deit_tiny" in typed("models", cwd=place).stdout
    assert "embed_dim              192\n" in typed("models", "deit_tiny", cwd=place).stdout
    assert "synthetic" in typed("datasets", cwd=place).stdout
    assert "data_scaling" in typed("experiments", cwd=place).stdout


def test_a_users_own_yaml_is_found(place: Path) -> None:
    own = place / "mine" / "backbone"
    own.mkdir(parents=True)
    toy = typed("train", "backbone=toy_vit_p16", "--cfg", "job", "-p", "backbone", cwd=place).stdout
    (own / "my_vit.yaml").write_text(toy.replace("name: toy_vit_p16", "name: my_vit"))
    env = {"MITOFM_CONF": str(place / "mine")}
    assert "my_vit" in typed("models", cwd=place, env=env).stdout
    done = typed("train", "backbone=my_vit", "study=own", *QUICK, cwd=place, env=env)
    assert done.returncode == 0, done.stderr
    assert list((place / "runs" / "cells").glob("synthetic-my_vit-random-linear_probe-*/DONE"))


GRID = ["train", "-m", "adaptation=linear_probe,full", "fraction=0.5,1.0", "study=grid", *QUICK]


def results(place: Path) -> dict[str, bytes]:
    return {
        f"{done.parent.name}/{name}": (done.parent / name).read_bytes()
        for done in place.glob("runs/cells/*/DONE")
        for name in ("metrics.json", "predictions.parquet")
    }


@pytest.fixture(scope="module")
def swept(place: Path) -> Path:
    assert typed(*GRID, cwd=place).returncode == 0
    return place


def test_a_finished_sweep_trains_nothing_and_imports_no_torch(swept: Path, tmp_path: Path) -> None:
    before = results(swept)
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    for name in ("torch", "pytorch_lightning", "timm", "peft"):
        (blocked / f"{name}.py").write_text(f"raise RuntimeError('{name} was imported')")
    path = os.pathsep.join([str(blocked), *filter(None, [os.environ.get("PYTHONPATH")])])
    again = started(*GRID, cwd=swept, env={"PYTHONPATH": path})
    assert again.returncode == 0, again.stderr
    assert (again.stdout + again.stderr).count("(already)") == 4
    assert results(swept) == before


def test_flags_may_stand_after_and_between_overrides_of_a_grid_that_is_half_done(swept: Path) -> None:
    grid = ["adaptation=linear_probe", "fraction=0.25,0.5", "study=anywhere", *QUICK]
    after = typed("train", *grid, "-m", cwd=swept)
    assert (after.returncode, after.stdout.count("(already)"), after.stdout.count("DONE")) == (0, 1, 2), after.stderr
    between = typed("train", grid[0], "-m", *grid[1:], cwd=swept)
    assert (between.returncode, between.stdout.count("(already)")) == (0, 2), between.stderr


def test_a_finished_cell_is_known_before_hydra_is_imported(swept: Path, tmp_path: Path) -> None:
    one = [*(word.partition(",")[0] for word in GRID if word != "-m"), "study=alone"]
    assert started(*one, cwd=swept).stdout.count("(already)") == 1
    for name in ("hydra", "torch"):
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('{name} was imported')")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    again = started(*one, cwd=swept, env={"PYTHONPATH": path})
    assert (again.returncode, again.stdout.count("(already)")) == (0, 1), again.stderr
    assert typed("status", "study=alone", cwd=swept).stdout.splitlines()[1].split() == [
        "alone",
        "1",
        "1",
        "0",
        "0",
        "0",
    ]
    refused = typed(*one, "study=a/b", cwd=swept)
    assert (refused.returncode, refused.stdout) == (2, ""), refused.stderr


def test_one_failing_cell_does_not_stop_the_others(place: Path, tmp_path: Path) -> None:
    model = ["backbone=mobilenetv2", "backbone.weights=random", "backbone.img_size=32"]
    grid = ["train", "-m", "adaptation=lora,linear_probe", *model, "study=bad", *QUICK]
    done = typed(*grid, cwd=tmp_path, env={"MITOFM_DATA": str(place / "data")})
    assert done.returncode != 0
    counted, cause = done.stderr.strip().splitlines()[-2:]
    assert counted.startswith("1 of 2 cells of study bad failed")
    assert "finds nothing to adapt" in cause
    counts = typed("status", "study=bad", cwd=tmp_path).stdout.splitlines()
    assert counts[1].split() == ["bad", "2", "1", "1", "0", "0"]
    failed = next(tmp_path.glob("runs/cells/*lora*/FAILED")).read_text()
    assert "Traceback" in failed


def test_report_of_a_grid(swept: Path) -> None:
    done = typed("report", "study=grid", "logger=default", cwd=swept)
    assert done.returncode == 0, done.stderr
    page = Path(done.stdout.split()[-1])
    html = (swept / page).read_text()
    assert "random" in html
    values = [json.loads(file.read_text())["sets"]["all"]["auroc"] for file in swept.glob("runs/cells/*/metrics.json")]
    assert values
    assert list(swept.glob("runs/wandb/offline-run-*/*.wandb"))


def test_doctor_says_whether_a_cell_can_run_and_what_mends_it(place: Path) -> None:
    able = typed("doctor", *QUICK, cwd=place)
    assert able.returncode == 0, able.stdout + able.stderr
    assert "can run here" in able.stdout.splitlines()[-1]
    asked = ["backbone=uni", "data=midogpp", "trainer.accelerator=cuda", "paths.runs=/dev/null/runs"]
    unable = started(
        "doctor", *asked, cwd=place, env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(place / "hf"), "HF_TOKEN": ""}
    )
    assert unable.returncode == 1
    assert "https://huggingface.co/MahmoodLab/UNI" in unable.stdout
    assert "mitofm prepare data=midogpp download=true" in unable.stdout
    assert "cannot run here yet: device, data, disk, weights" in unable.stdout.splitlines()[-1]
    assert "Did you mean 'backbone'" in typed("doctor", "bakbone=uni", cwd=place).stderr
