"""Every kind of file that mitofm leaves, damaged in every way, one at a time: `make torture-files`.

A small study is planned, trained, reported, bundled and used to predict. Then, for each case, one file is damaged in a fresh copy
of its folders, and `check`, `status`, `plan`, `report`, `verify`, `predict`, `bundle` and `train` (the same sweep, and a cell that
is new) run on it.
A command may give the numbers that it gives without damage, leave out the cell that it names, or refuse with a message. If it
gives any other number with exit code 0 and without a word, or a traceback, the case has failed, and this script ends with 1.

Commands run in processes forked from one that has imported what they need. Figures are laid out by none: they hold the numbers
of the tables beside them.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

from damages import DAMAGES
from torture_place import CELLS, FIT, MACHINE, NEW, PLAN, SETTINGS, TISSUE, Place

import mitofm.inference.export
import mitofm.inference.outputs
import mitofm.inference.predict
import mitofm.reporting.opened
import mitofm.runs.check
import mitofm.runs.verify
import mitofm.training.fit  # noqa: F401  and what these import
from mitofm.commands.composing.compose import compose

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


def read_plan(text: str) -> list[str]:
    """What a plan says of cells and of the design: not time and disk, which differ, nor what is said of damage."""
    return [line for line in text.splitlines() if not line.startswith(("time: ", "disk: ", "mitofm", "weights of "))]


class Wanted:
    """What the commands give without damage."""

    def __init__(self, place: Place) -> None:
        place.restore()
        plan, _ = place.type(PLAN, place.report("torture"))
        self.plan = read_plan(plan.text)
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
                          ("fingerprints/*.json", 4), ("statistics/*.kept", 4),
                          ("statistics/*.said", 3), ("statistics/*.measured", 3), ("statistics/*.samples", 3), ("figures/*", 2),
                          ("configs/*.json", 3), ("models/*.json", 2),
                          ("plans/*.json", 2)):  # fmt: skip
        found = [file for file in sorted(place.cache.glob(pattern)) if file.is_file()]
        for number, file in enumerate(found[:most]):
            alike = [one for one in found if one.suffix == file.suffix and one != file]
            yield f"cache/{pattern.partition('/')[0]}", file, alike[number % len(alike)] if alike else None
    yield "bundle", place.bundle, place.bundle.with_name("other.zip")


def _find_idle(kind: str) -> tuple[str, ...]:
    """The commands that read no file of this kind."""
    if not kind.startswith("cache/"):
        return ("new",)  # a new cell reads no other cell
    if kind in ("cache/configs", "cache/models", "cache/plans"):
        return ("predict", "verify", "report", "bundle", "status")
    return ("predict", "verify") if kind in ("cache/statistics", "cache/figures") else ("bundle",)


def judge(place: Place, wanted: Wanted, kind: str, file: Path) -> tuple[Counter[str], list[str]]:
    """What the commands made of a damaged file, and what is wrong with that."""
    cell = file.relative_to(place.runs / "cells").parts[0] if kind.startswith("cell/") else place.cells()[0]
    study = "older" if kind == "list of 0.1" else "torture"
    commands = {
        "check": ("check", f"study={study}", *([str(place.bundle)] if kind == "bundle" else [])),
        "status": ("status", f"study={study}"),
        "plan": PLAN,
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

    if (
        "plan" in said
        and said["plan"].code == 0
        and kind.startswith("cache/")
        and read_plan(said["plan"].text) != wanted.plan
    ):
        wrong.append("plan: another plan without a word")
    if "report" in said and said["report"].code == 0 and tables != wanted.tables[0] and not told("report"):
        wrong.append("report: other numbers without a word")
    if "report" in said and said["report"].code == 0 and kind.startswith("cell/") and tables not in wanted.tables:
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
    for command in ("check", "status", "plan", "report", "verify", "predict", "bundle", "train"):
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
    for name in ("plan", "report", "verify", "predict", "bundle", "train", "new"):
        print(f"{name:8} ends with 0 {counts[f'{name} ends with 0']:4d}, refuses {counts[f'{name} refuses']:4d}")
    print(f"{counts['named by check']} named by check")
    silent = sum(": traceback" not in case for case in failed)
    print(f"{silent} cases with another number and no word, {len(failed) - silent} with a traceback")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
