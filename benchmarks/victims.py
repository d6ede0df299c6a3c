"""The commands that `torture_commands.py` kills: each with the files that it starts from.

All are typed in one folder `home`, so that paths are the same in every run. What a command starts from is made once and copied
there again before each series of kills.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra

from mitofm import cli
from mitofm.ground.locks import find_holder

TISSUE = (
    "data.source.domains=[canine lymphoma]",
    "data.source.slides_per_domain=6",
    "data.source.cells_per_slide=24",
)
MANY = (TISSUE[0], "data.source.slides_per_domain=8", "data.source.cells_per_slide=1200")
MACHINE = ("trainer.threads=1", "trainer.progress=false", "trainer.accelerator=cpu", "trainer.checkpoint_seconds=0")
FIT = ("fit.max_epochs=1", "fit.min_steps=20", "augment=dihedral", "backbone=toy_vit_p16", "logger=csv", *MACHINE)
STUDY = ("train", "-m", "seed=0,1", "study=torture", *TISSUE, *FIT)
MARK = "MITOFM_TORTURE"  # a variable by which the processes of a command are known, whatever group they join
STAND_IN = '''"""Stands in for W&B's client, which would need a server: sends runs, each in some time, and then marks it as sent."""
import pathlib, sys, time
for record in sorted(record for run in sys.argv[2:] for record in pathlib.Path(run).glob("*.wandb")):
    time.sleep(0.3)
    sent = pathlib.Path("server") / record.name
    sent.parent.mkdir(exist_ok=True)
    sent.write_bytes(record.read_bytes())
    record.with_name(f"{record.name}.synced").touch()
'''


class Home:
    """The folder in which commands are typed, and copies of it from which they start."""

    def __init__(self, place: Path) -> None:
        self.place, self.folder = place, place / "home"
        self.said = place / "said.txt"

    def start(self, words: tuple[str, ...]) -> Typed:
        """Type a command, in a process with a group of its own."""
        return Typed(self, words)

    def type(self, *words: str) -> None:
        """Type a command and wait for its end; SystemExit with what it said if it fails."""
        typed = self.start(words)
        if typed.wait() != 0:
            raise SystemExit(f"{' '.join(words)}\n{self.said.read_text(errors='replace')[-3000:]}")

    def keep(self, name: str) -> None:
        """Keep the folder as it is now."""
        shutil.rmtree(self.place / name, ignore_errors=True)
        shutil.copytree(self.folder, self.place / name, symlinks=True)

    def restore(self, name: str) -> None:
        """Make the folder as it was kept, with the times of its files."""
        self.clear()
        shutil.copytree(self.place / name, self.folder, symlinks=True)

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def cells(self, adaptation: str) -> list[Path]:
        return sorted((self.folder / "runs" / "cells").glob(f"*-{adaptation}-*"))

    def list_held(self) -> list[Path]:
        """The locks that a living process holds."""
        return [lock for lock in self.folder.rglob("*.lock") if lock.stat().st_size and find_holder(lock)]


class Typed:
    """A command under way."""

    def __init__(self, home: Home, words: tuple[str, ...]) -> None:
        self._home, self._words = home, words
        self.process: BaseProcess = get_context("fork").Process(target=self._live)
        os.environ[MARK] = f"{os.getpid()}-{time.monotonic_ns()}"  # inherited by what it starts
        self._mark = f"{MARK}={os.environ[MARK]}".encode()
        self.process.start()

    def _live(self) -> None:
        os.setsid()
        os.chdir(self._home.folder)
        for name in ("data", "cache", "runs"):
            os.environ[f"MITOFM_{name.upper()}"] = str(self._home.folder / name)
        os.environ |= {"WANDB_MODE": "offline", "TMPDIR": str(self._home.folder / "tmp"), "NO_COLOR": "1"}
        os.environ["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(self._home.folder / "stand_in"), os.environ.get("PYTHONPATH")])
        )
        tempfile.tempdir = None
        vars(sys.modules["__main__"]).pop(
            "__file__", None
        )  # or processes of the launcher would import this script first
        sink = os.open(self._home.said, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(sink, stream)
        os.close(sink)
        sys.argv = ["mitofm", *self._words]
        try:
            cli.main()
        finally:
            GlobalHydra.instance().clear()
            sys.stdout.flush()
            sys.stderr.flush()

    def kill(self, parent_alone: bool) -> bool:
        """Kill its group, or the process alone that was typed. False if it had ended before."""
        pid = self.process.pid
        assert pid
        if not self.process.is_alive():
            return False
        if parent_alone:
            os.kill(pid, signal.SIGKILL)
        else:
            os.killpg(pid, signal.SIGKILL)
        self.process.join()
        return self.process.exitcode == -signal.SIGKILL

    def kill_worker(self, choose: Callable[[list[int]], int]) -> bool:
        """Kill one of the processes that it has started. False if there is none (any more)."""
        workers = [one for one in self.list_alive() if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]
        if not workers:
            return False
        os.kill(choose(workers), signal.SIGKILL)
        return True

    def wait(self) -> int:
        """The code with which it ends."""
        self.process.join()
        code = self.process.exitcode
        assert code is not None
        return code

    def list_alive(self) -> list[int]:
        """Its processes, and those that they have started, that have not ended."""
        return [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit() and self._is_ours(one)]

    def _is_ours(self, process: Path) -> bool:
        with suppress(OSError):
            state, *fields = (process / "stat").read_text().rpartition(")")[2].split()
            if state in "ZX":
                return False
            same_session = fields[2] == str(self.process.pid)
            return same_session or self._mark in (process / "environ").read_bytes().split(b"\0")
        return False


def make_empty(home: Home) -> None:
    for name in ("tmp", "stand_in"):
        (home.folder / name).mkdir(parents=True, exist_ok=True)


def make_study(home: Home) -> None:
    """A trained study: two frozen and two trained cells."""
    make_empty(home)
    home.type(*STUDY, "adaptation=linear_probe,full")


def make_store(home: Home) -> None:
    """A patch store."""
    make_empty(home)
    home.type("prepare", *TISSUE, "look=false")


def make_large_store(home: Home) -> None:
    """A patch store of five shares of embeddings."""
    make_empty(home)
    home.type("prepare", *MANY, "look=false")


def fail_cells(home: Home) -> None:
    """The study with a failed and an interrupted cell."""
    failed, interrupted = home.cells("full")
    for cell in (failed, interrupted):
        for file in sorted(cell.rglob("*"), reverse=True):
            if file.is_file() and file.name not in ("config.yaml", "log.txt", "cell.json"):
                file.unlink()
    (failed / "FAILED").write_text("ValueError: no luck\n")


def leave_files(home: Home) -> None:
    """The study with files that `clean` removes."""
    for cell in (*home.cells("full"), *home.cells("linear_probe")):
        (cell / "checkpoint").mkdir(exist_ok=True)
        (cell / "checkpoint" / "resume.ckpt").write_bytes(bytes(1000))
        for number in range(50):
            (cell / f".metrics.json.{number:012d}.part").write_bytes(bytes(100))


def keep_runs_offline(home: Home) -> None:
    """Six runs that W&B has kept offline, and a stand-in for its client."""
    for number in range(6):
        folder = home.folder / "runs" / "wandb" / f"offline-run-2026-{number}"
        folder.mkdir(parents=True)
        (folder / f"run-{number}.wandb").write_bytes(bytes([number]) * 1000)
    package = home.folder / "stand_in" / "wandb"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(STAND_IN)


@dataclass(frozen=True)
class Victim:
    """A command that is killed.

    Attributes:
        base: of what it starts from: a function that makes it in an empty folder.
        words: the command, which may name a cell of the study.
        change: what is done to the base before.
        parent_alone: whether its other processes are to notice by themselves.
        worker_alone: whether one of its other processes is killed in its place, after which it is left alone.
        over: what it says, with exit code 2, if it is given again although all is done.
    """

    base: Callable[[Home], None]
    words: Callable[[Home], tuple[str, ...]]
    change: Callable[[Home], None] = lambda home: None
    parent_alone: bool = False
    worker_alone: bool = False
    over: str = ""


def _train(home: Home) -> tuple[str, ...]:
    return (*STUDY, "adaptation=full", "hydra/launcher=local", "hydra.launcher.n_jobs=2")


def _embed(home: Home) -> tuple[str, ...]:
    return ("embed", "backbone=toy_vit_p16", "launcher=local", "n_jobs=4", *MANY, MACHINE[0], MACHINE[2])


def _predict(home: Home) -> tuple[str, ...]:
    cell, out = home.cells("full")[0].name, home.folder / "scores" / "all.geojson"
    return ("predict", cell, "data=synthetic", *TISSUE, MACHINE[0], MACHINE[2], f"output={out}")


def _pretrain(home: Home) -> tuple[str, ...]:
    sizes = ("crops=1280", "batch_size=32", "tissue.slides_per_domain=1", "tissue.cells_per_slide=8", "log_every=7")
    return ("pretrain", *sizes, "accelerator=cpu", "threads=1", "progress=false", "checkpoint_seconds=0")


VICTIMS = {
    "prepare": Victim(make_empty, lambda home: ("prepare", *TISSUE, "jittered.per_cell=1", "jittered.offset_px=8")),
    "embedding": Victim(
        make_store, lambda home: ("train", "adaptation=linear_probe", "seed=0", "study=one", *TISSUE, *FIT)
    ),
    "embed": Victim(make_large_store, _embed, worker_alone=True),
    "report": Victim(make_study, lambda home: ("report", "study=torture", "out=report")),
    "bundle": Victim(make_study, lambda home: ("bundle", "torture", "output=torture.zip")),
    "export": Victim(
        make_study,
        lambda home: ("export", home.cells("full")[0].name, "format=safetensors"),
        over="exists: give another",
    ),
    "predict": Victim(make_study, _predict),
    "pretrain": Victim(make_empty, _pretrain),
    "clean": Victim(make_study, lambda home: ("clean", "yes=true"), leave_files),
    "sync": Victim(make_empty, lambda home: ("sync",), keep_runs_offline),
    "retry": Victim(make_study, lambda home: ("retry", "torture"), fail_cells),
    "launcher": Victim(make_store, _train, parent_alone=True),
}
