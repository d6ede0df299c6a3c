"""Every kind of file that mitofm leaves, damaged in every way, one at a time: `make torture-files`.

A small study is trained, reported, bundled and used to predict. Then, for each case, one file is damaged in a fresh copy of its
folders, and `check`, `status`, `report`, `verify`, `predict`, `bundle` and `train` (the same sweep, and a cell that is new) run on it.
A command may give the numbers that it gives without damage, leave out the cell that it names, or refuse with a message. If it
gives any other number with exit code 0 and without a word, or a traceback, the case has failed, and this script ends with 1.

Commands run in processes forked from one that has imported what they need. Figures are laid out by none: they hold the numbers
of the tables beside them.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra

import mitofm.inference.export
import mitofm.inference.outputs
import mitofm.inference.predict
import mitofm.reporting.opened
import mitofm.runs.check
import mitofm.runs.verify
import mitofm.training.fit  # noqa: F401  and what these import
from mitofm import cli
from mitofm.commands.composing import compose
from mitofm.ground.files import write_text
from mitofm.reporting import style
from mitofm.runs import journal

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
NEW = ("train", "adaptation=linear_probe", "seed=0", "fraction=0.5", *TISSUE, *FIT, *MACHINE, "study=new")
NOTICED = (
    "study other",
    "damaged",
    "missing",
    "skipped",
    "computed again",
    "unchecked",
    "is cut",
    "lacks",
    "not the file",
)
ON_PAGE = ("of the study&#39;s journal", "of the study's journal", "cells are finished (", "list of cells lacks",
           "study&#39;s journal is not", "study's journal is not")  # fmt: skip
BIT, DIGIT = 3, 2  # how often each is tried per file


@dataclass(frozen=True)
class Said:
    """How a command has ended, and all that it printed."""

    code: int
    text: str


Damage = Callable[[Path, Path | None, random.Random], bool]


def cut(share: float) -> Damage:
    def damage(file: Path, _: Path | None, __: random.Random) -> bool:
        content = file.read_bytes()
        file.write_bytes(content[: int(share * len(content))])
        return bool(content)

    return damage


def cut_lines(file: Path, _: Path | None, __: random.Random) -> bool:
    """Cut behind the end of a line, so that what is left is whole."""
    if file.suffix not in (".jsonl", ".csv"):
        return False
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[: -max(1, len(lines) // 3)]))
    return len(lines) > 1


def flip_bit(file: Path, _: Path | None, chance: random.Random) -> bool:
    content = bytearray(file.read_bytes())
    if not content:
        return False
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)
    return True


def change_digit(file: Path, _: Path | None, chance: random.Random) -> bool:
    content = bytearray(file.read_bytes())
    digits = [at for at, byte in enumerate(content) if byte in b"0123456789"]
    if not digits:
        return False
    at = chance.choice(digits)
    content[at] = chance.choice([digit for digit in b"0123456789" if digit != content[at]])
    file.write_bytes(content)
    return True


def exchange(file: Path, sibling: Path | None, _: random.Random) -> bool:
    if sibling is None or sibling.read_bytes() == file.read_bytes():
        return False
    shutil.copyfile(sibling, file)
    return True


def put_folder(file: Path, _: Path | None, __: random.Random) -> bool:
    file.unlink()
    file.mkdir()
    return True


def remove(file: Path, _: Path | None, __: random.Random) -> bool:
    file.unlink()
    return True


DAMAGES: dict[str, Damage] = {
    "cut to 0": cut(0),
    "cut to half": cut(0.5),
    "cut at a line's end": cut_lines,
    **{f"one bit ({number})": flip_bit for number in range(BIT)},
    **{f"one digit ({number})": change_digit for number in range(DIGIT)},
    "another one's": exchange,
    "a folder": put_folder,
    "removed": remove,
}


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


class Wanted:
    """What the commands give without damage."""

    def __init__(self, place: Place) -> None:
        place.restore()
        place.type(place.report("torture"))
        self.tables = [place.read_tables()]
        self.results = place.read_results()
        with zipfile.ZipFile(place.bundle) as archive:
            self.packed = {name: archive.read(name) for name in archive.namelist()}
        self.scores = {}
        for cell in place.cells():
            place.type(place.predict(cell))
            self.scores[cell] = (place.folder / "scores.csv").read_bytes()
        place.type(NEW)
        self.all_results = place.read_results()
        place.restore()
        for cell in place.cells():
            place.restore()
            (place.runs / "cells" / cell / "DONE").unlink(missing_ok=True)
            place.type(place.report("torture"))
            self.tables.append(place.read_tables())
            (place.runs / "cells" / cell / "cell.json").unlink()  # then nobody knows that its seed was planned
            place.type(place.report("torture"))
            self.tables.append(place.read_tables())


def list_files(place: Place) -> Iterator[tuple[str, Path, Path | None]]:
    """The files to be damaged: their kind, and another of the same kind."""
    cells = place.cells()
    of_mode = {mode: [cell for cell in cells if f"-{mode}-" in cell] for mode in ("linear_probe", "full")}
    for cell, other in of_mode.values():
        folder = place.runs / "cells" / cell
        for file in sorted(folder.rglob("*")):
            sibling = place.runs / "cells" / other / file.relative_to(folder)
            if file.is_file():
                yield f"cell/{file.relative_to(folder)}", file, sibling if sibling.is_file() else None
    studies = place.runs / "studies"
    yield "journal", studies / "torture" / "journal.jsonl", studies / "other" / "journal.jsonl"
    yield "journal", studies / "torture" / "journal.end", studies / "other" / "journal.end"
    yield "list of 0.1", studies / "older" / "cells.csv", None
    for pattern, most in (("patches/*/*", 3), ("tables/*/*", 3), ("embeddings/*.npy", 2), ("embeddings/*.json", 2),
                          ("fingerprints/*.json", 4), ("statistics/*.json", 4)):  # fmt: skip
        found = [file for file in sorted(place.cache.glob(pattern)) if file.is_file()]
        for number, file in enumerate(found[:most]):
            alike = [one for one in found if one.suffix == file.suffix and one != file]
            yield f"cache/{pattern.partition('/')[0]}", file, alike[number % len(alike)] if alike else None
    yield "bundle", place.bundle, place.bundle.with_name("other.zip")


def _find_idle(kind: str) -> tuple[str, ...]:
    """The commands that read no file of this kind."""
    if not kind.startswith("cache/"):
        return ("new",)  # a new cell reads no other cell
    return ("predict", "verify") if kind == "cache/statistics" else ("bundle",)


def judge(place: Place, wanted: Wanted, kind: str, file: Path) -> tuple[Counter[str], list[str]]:
    """What the commands made of a damaged file, and what is wrong with that."""
    cell = file.relative_to(place.runs / "cells").parts[0] if kind.startswith("cell/") else place.cells()[0]
    study = "older" if kind == "list of 0.1" else "torture"
    commands = {
        "check": ("check", f"study={study}", *([str(place.bundle)] if kind == "bundle" else [])),
        "status": ("status", f"study={study}"),
        "report": ("report", f"bundle={place.bundle}", f"out={place.folder}/report")
        if kind == "bundle"
        else place.report(study),
        "verify": ("verify", cell),
        "predict": place.predict(cell),
        "bundle": ("bundle", study, f"output={place.folder}/out.zip"),
        "train": ("train", *next(one for one in CELLS if f"-{one[0].partition('=')[2]}-" in cell), *SETTINGS),
        "new": NEW,
    }
    commands = {name: words for name, words in commands.items() if name not in _find_idle(kind)}
    first = [name for name in commands if name not in ("train", "new")]  # before what may mend something
    said = dict(zip(first, place.type(*(commands[name] for name in first)), strict=True))
    tables = place.read_tables()
    last = [name for name in commands if name in ("train", "new")]
    said |= dict(zip(last, place.type(*(commands[name] for name in last)), strict=True))
    results = place.read_results()

    counts: Counter[str] = Counter(
        f"{name} {'ends with 0' if one.code == 0 else 'refuses'}" for name, one in said.items()
    )
    wrong = [f"{name}: traceback" for name, one in said.items() if "Traceback (most recent" in one.text]
    wrong += [f"{name}: traceback, as one line" for name, one in said.items() if "does not foresee" in one.text]
    wrong += [f"{name}: refuses without a word" for name, one in said.items() if one.code and "mitofm" not in one.text]

    def told(name: str) -> bool:
        table, page = (place.folder / "report" / one for one in ("tables/unfinished.csv", "report.html"))
        text = said[name].text + (table.read_text() if name == "report" and table.is_file() else "")
        on_page = name == "report" and page.is_file() and any(words in page.read_text() for words in ON_PAGE)
        return said[name].code != 0 or on_page or any(word in text for word in NOTICED)

    if said["report"].code == 0 and tables != wanted.tables[0] and not told("report"):
        wrong.append("report: other numbers without a word")
    if said["report"].code == 0 and kind.startswith("cell/") and tables not in wanted.tables:
        wrong.append("report: numbers that are neither those of all cells nor those without the damaged one")
    if (
        "verify" in said
        and said["verify"].code == 0
        and "largest difference of logits:  0\n" not in said["verify"].text
    ):
        wrong.append("verify: a difference with exit code 0")
    scores = place.folder / "scores.csv"
    if "predict" in said and said["predict"].code == 0 and scores.read_bytes() != wanted.scores[cell]:
        wrong.append("predict: other scores without a word")
    out = place.folder / "out.zip"
    if "bundle" in said and said["bundle"].code == 0:
        with zipfile.ZipFile(out) as archive:
            packed = {name: archive.read(name) for name in archive.namelist() if name.startswith("cells/")}
        other = [name for name, content in packed.items() if wanted.packed.get(name) != content]
        lost = [name for name in wanted.packed if name.startswith("cells/") and name not in packed]
        if told("bundle"):  # of a cell whose DONE holds no checksums any more, whatever is said, results are the same
            other, lost = [name for name in other if not name.endswith("/DONE")], []
        if other or lost:
            wrong.append(f"bundle: other content without a word: {other[:2]} {lost[:2]}")
    for name in last:
        expected = wanted.results if name == "train" else wanted.all_results
        other = [one for one, content in expected.items() if results.get(one) != content]
        if said[name].code == 0 and other and not (name == "new" and said["train"].code):
            wrong.append(f"{name}: {other[0]} is another, with exit code 0")
    counts["named by check"] += said["check"].code != 0
    case = {"kind": kind, "file": file.name, "said": {name: [one.code, one.text[-1500:]] for name, one in said.items()}}
    with (place.folder / "cases.jsonl").open("a") as log:
        log.write(json.dumps(case) + "\n")
    for one in wrong:
        name = one.partition(":")[0]
        one_said = said[name].text.strip()
        wrong[wrong.index(one)] = f"{one}\n      {one_said[-700:]}"
    return counts, wrong


def torture(place: Place, part: int, parts: int, asked: argparse.Namespace) -> None:
    """Try every `parts`-th case, and write what came out."""
    place.make()
    place.keep()
    wanted = Wanted(place)
    place.restore()
    cases = [(*found, name) for found in list_files(place) for name in DAMAGES if found[0].startswith(asked.kind)]
    chance = random.Random(asked.seed)
    chance.shuffle(cases)
    counts: Counter[str] = Counter()
    failed = []
    until = time.monotonic() + asked.minutes * 60
    for kind, file, sibling, name in cases[part::parts][: asked.cases // parts]:
        if time.monotonic() > until:
            break
        place.restore()
        if not DAMAGES[name](file, sibling, random.Random(f"{asked.seed} {file.name} {name}")):
            continue
        found, wrong = judge(place, wanted, kind, file)
        counts += found
        counts["cases"] += 1
        counts[f"kind {kind.partition('/')[0]}"] += 1
        if wrong:
            failed.append(f"{kind} {file.name}, {name}: " + "\n    ".join(wrong))
            print(failed[-1], flush=True)
    (place.folder / "found.json").write_text(json.dumps({"counts": counts, "failed": failed}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="at most so many")
    parser.add_argument("--minutes", type=float, default=600, help="begin no case after so many")
    parser.add_argument("--quick", action="store_true", help="16 cases")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--kind", default="", help="only files whose kind begins so: cell, cache/patches, journal ...")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--place", type=Path, help="an empty folder for everything; default: one that is removed")
    asked = parser.parse_args()
    if asked.quick:
        asked.cases = 16
    began = time.monotonic()
    for command in ("check", "status", "report", "verify", "predict", "bundle", "train"):
        importlib.import_module(f"mitofm.commands.{command}")
    compose("train", [*TISSUE, *FIT, *MACHINE])  # Hydra looks for its plugins once
    with tempfile.TemporaryDirectory() as temporary:
        root = (asked.place or Path(temporary)).resolve()
        places = [Place(root / f"part{number}") for number in range(asked.processes)]
        parts = [
            get_context("fork").Process(target=torture, args=(place, number, asked.processes, asked))
            for number, place in enumerate(places)
        ]
        for part in parts:
            part.start()
        for part in parts:
            part.join()
        if any(part.exitcode for part in parts):
            return 1
        found = [json.loads((place.folder / "found.json").read_text()) for place in places]
    counts = sum((Counter(one["counts"]) for one in found), Counter())
    failed = [case for one in found for case in one["failed"]]
    kinds = ", ".join(
        f"{counts[kind]} {kind.removeprefix('kind ')}" for kind in sorted(counts) if kind.startswith("kind ")
    )
    print(f"{counts['cases']} cases: {kinds}; {time.monotonic() - began:.0f} s")
    for name in ("report", "verify", "predict", "bundle", "train", "new"):
        print(f"{name:8} ends with 0 {counts[f'{name} ends with 0']:4d}, refuses {counts[f'{name} refuses']:4d}")
    print(f"{counts['named by check']} named by check")
    silent = sum(": traceback" not in case for case in failed)
    print(f"{silent} cases with another number and no word, {len(failed) - silent} with a traceback")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
