"""A folder with data, runs and cache in which commands are typed, each time from the same state."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra

from mitofm import cli
from mitofm.ground.files import write_text
from mitofm.reporting.drawing import style
from mitofm.runs.books import journal

TISSUE = (
    "data.source.domains=[canine lymphoma]",
    "data.source.slides_per_domain=7",
    "data.source.cells_per_slide=24",
)
FIT = ("fit.max_epochs=1", "fit.min_steps=4", "augment=none", "backbone=toy_vit_p16")
MACHINE = ("trainer.threads=1", "trainer.progress=false", "trainer.accelerator=cpu", "logger=csv")
SETTINGS = (*TISSUE, *FIT, *MACHINE)
SWEEP = ("train", "-m", "adaptation=linear_probe,full", "seed=0,1", "fraction=1.0", *SETTINGS)
CELLS = [(f"adaptation={mode}", "seed=0", "fraction=1.0", "study=torture") for mode in ("linear_probe", "full")]
"""Those whose files are damaged."""
PLAN = ("plan", *SWEEP[1:], "study=torture")
NEW = ("train", "adaptation=linear_probe", "seed=0", "fraction=0.5", *TISSUE, *FIT, *MACHINE, "study=new")


@dataclass(frozen=True)
class Said:
    """How a command has ended, and all that it printed."""

    code: int
    text: str


def clear(file: Path) -> None:
    if file.is_dir():
        shutil.rmtree(file)
    file.unlink(missing_ok=True)


class Place:
    """A folder with data, runs and cache, in which commands are typed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs, self.cache = folder, folder / "runs", folder / "cache"
        self.bundle = folder / "bundles" / "torture.zip"

    def type(self, *commands: tuple[str, ...]) -> list[Said]:
        """Type commands one after the other in a process of their own."""
        answers = self.folder / "answers.json"
        child = get_context("fork").Process(target=self._live, args=(commands, answers))
        child.start()
        child.join()
        return [Said(**one) for one in json.loads(answers.read_text())]

    def _live(self, commands: tuple[tuple[str, ...], ...], answers: Path) -> None:
        os.chdir(self.folder)
        os.environ.update({f"MITOFM_{name.upper()}": str(self.folder / name) for name in ("data", "cache", "runs")})
        style._keep = lambda _, stem: write_text(Path(f"{stem}.svg"), "<svg/>")  # type: ignore[assignment]
        found = []
        for words in commands:
            log = self.folder / "said.txt"
            sink = os.open(log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
            for stream in (1, 2):
                os.dup2(sink, stream)
            os.close(sink)
            sys.argv = ["mitofm", *words]
            try:
                cli.main()
                code = 0
            except SystemExit as ended:
                code = 0 if ended.code is None else ended.code if isinstance(ended.code, int) else 1
            except BaseException:  # shown as Python shows it at the end of a process, and counted as a traceback
                sys.excepthook(*sys.exc_info())
                code = 1
            finally:
                GlobalHydra.instance().clear()
                journal.warn.cache_clear()  # as in a process of its own
                sys.stdout.flush()
                sys.stderr.flush()
            found.append({"code": code, "text": log.read_text(errors="replace")})
        answers.write_text(json.dumps(found))

    def make(self) -> None:
        """Everything that is damaged later: two studies, their report and bundles, the list of a study of 0.1."""
        self.folder.mkdir(parents=True)
        (self.folder / "bundles").mkdir()
        commands = [
            (*SWEEP, "study=older"),
            (*SWEEP, "study=torture"),
            (*SWEEP, "seed=0", "study=other"),
            PLAN,
            NEW,  # what it meant is remembered, and then the cell is to be run again
            self.report("torture"),
            self.report("other"),
        ]
        commands += [("bundle", one, f"output={self.folder}/bundles/{one}.zip") for one in ("torture", "other")]
        for words, said in zip(commands, self.type(*commands), strict=True):
            if said.code:
                raise SystemExit(f"{' '.join(words)}\n{said.text}")
        older = self.runs / "studies" / "older" / "cells.csv"
        shutil.rmtree(older.parent)
        older.parent.mkdir()
        older.write_text("".join(f"{line}\n" for line in ("cell", *self.cells())))
        shutil.rmtree(self.folder / "report")
        for cell in self.runs.glob("cells/*-f0.5-*"):
            shutil.rmtree(cell)
        shutil.rmtree(self.runs / "studies" / "new")

    def keep(self) -> None:
        for name in ("runs", "cache", "bundles"):
            shutil.copytree(self.folder / name, self.folder / "whole" / name)

    def restore(self) -> None:
        """Everything as it was kept; only what has changed since is copied."""
        for name in ("report", "out.zip", "scores.csv"):
            clear(self.folder / name)
        whole = self.folder / "whole"
        kept = {file.relative_to(whole) for file in whole.rglob("*") if file.is_file()}
        for name in ("runs", "cache", "bundles"):
            for file in sorted((self.folder / name).rglob("*"), reverse=True):
                if file.relative_to(self.folder) not in kept and not (file.is_dir() and any(file.iterdir())):
                    clear(file)
        for name in kept:
            file, source = self.folder / name, (whole / name).stat()
            if not file.is_file() or (file.stat().st_size, file.stat().st_mtime_ns) != (
                source.st_size,
                source.st_mtime_ns,
            ):
                clear(file)
                file.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(whole / name, file)

    def cells(self) -> list[str]:
        return sorted(cell.name for cell in (self.runs / "cells").iterdir() if not cell.name.startswith("."))

    def report(self, study: str) -> tuple[str, ...]:
        return ("report", f"study={study}", "crops=false", f"out={self.folder}/report")

    def predict(self, cell: str) -> tuple[str, ...]:
        return (
            "predict",
            cell,
            "data=synthetic",
            *TISSUE,
            *MACHINE[:1],
            MACHINE[2],
            f"output={self.folder}/scores.csv",
        )

    def read_tables(self, folder: str = "report") -> dict[str, bytes]:
        tables = self.folder / folder / "tables"
        return {
            str(one.relative_to(tables)): one.read_bytes()
            for one in tables.rglob("*.csv")
            if one.name != "unfinished.csv"
        }

    def read_results(self) -> dict[str, bytes]:
        """The numbers of the cells of the study."""
        names = ("metrics.json", "predictions.parquet", "split.parquet", "checkpoint/trained.safetensors")
        files = [self.runs / "cells" / cell / name for cell in self.cells() for name in names]
        return {str(file.relative_to(self.runs)): file.read_bytes() for file in files if file.is_file()}
