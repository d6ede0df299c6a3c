"""Every command that writes, killed at random and typed again, beside one that is left alone: a part of `make torture`.

For each command of `victims.py` one undisturbed run is measured. Then the command is killed with SIGKILL, its whole process group or, if
its other processes are to notice by themselves, it alone, at a random moment of that time, and typed again, up to three times in a series,
until one run ends by itself. After each kill no process of it may be alive and no lock held for longer than 10 s. Of `embed` one of its
four workers is killed, and the command goes on by itself. At the end of a series, and after `mitofm clean`, the folder in which it was
typed must hold the same files with the same bytes as after the undisturbed run, but for those of `MAY_DIFFER`, and none besides them. Ends
with 1 if that is not so.

Commands run in processes forked from one that has imported what they need.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import random
import re
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from victims import FIT, TISSUE, VICTIMS, Home, Typed, Victim

import mitofm.inference.export
import mitofm.inference.outputs
import mitofm.pretraining.run
import mitofm.reporting.contact_sheet
import mitofm.reporting.report
import mitofm.runs.check
import mitofm.training.frozen
import mitofm.training.gradient  # noqa: F401  and what these import
from mitofm.commands.composing.compose import compose

MAY_DIFFER = {
    r"runs/cells/[^/]+/(log\.txt|cost\.json)": "times and processes",
    r"runs/cells/[^/]+/DONE": "the checksum of cost.json; `mitofm check` compares it with all files",
    r"runs/studies/[^/]+/journal\.(jsonl|end)": "times, and how often a cell was begun",
    r"runs/hydra/.*": "Hydra's own log",
}
"""Files of which only the presence is compared, and what differs in them by nature."""
SPEED = re.compile(rb",[0-9]+\r?$", re.MULTILINE)  # the last column of `log.csv` of a pretraining
NOT_SEEN = {
    r"cache/statistics/[0-9a-f]{32}\.(said|measured|samples)": "what a report reads of a cell: made again by the first that lacks it",
    r"cache/fingerprints(/[0-9a-f]{32}\.json)?": "what is remembered of a file, one for each time at which it was written",
    r"runs/locks": "the folder of locks; a lock in it is seen",
    r"tmp/mitofm-\d+-of-\d+/.*": "claims of GPUs and cores; a worker that is killed early has made none",
    r"tmp/tmp\w+wandb-(media|artifacts)": "empty folders of W&B's client, which timm imports; a kill leaves them",
}
"""Files and folders that are not compared, and what they are."""
BY_TIME = re.compile(r"(cache/tables/\w+)-[0-9a-f]{12}")  # names that hold a file's time
QUICK = ("prepare", "embedding", "export", "predict", "clean")
PATIENCE = 10.0  # seconds after a kill


@dataclass
class Found:
    """What the kills of one command have shown."""

    kills: int = 0
    series: int = 0
    gone: float = 0.0
    """The longest time in seconds until its last process had ended and its last lock was free."""
    wrong: list[str] = field(default_factory=list)


def read_tree(home: Home) -> Counter[tuple[str, str]]:
    """Every file of the folder with its sha256, as far as both are the same in each run."""
    found: Counter[tuple[str, str]] = Counter()
    for file in home.folder.rglob("*"):
        name = file.relative_to(home.folder).as_posix()
        if any(re.fullmatch(pattern, name) for pattern in NOT_SEEN):
            continue
        if file.is_dir():
            content = None if any(file.iterdir()) else b""
        elif any(re.fullmatch(pattern, name) for pattern in MAY_DIFFER):
            content = b""
        else:
            content = file.read_bytes()
        if content is None:
            continue
        if re.fullmatch(r"runs/pretraining/[^/]+/log\.csv", name):
            content = SPEED.sub(b"", content)
        if (masked := BY_TIME.sub(r"\1", name)) != name and name.endswith(".json"):
            content = b""
        found[masked, hashlib.sha256(content).hexdigest()[:12]] += 1
    return found


def finish(home: Home, victim: Victim, typed: Typed) -> str:
    """Wait for a command that is left alone, and clean up. Empty, or what is wrong."""
    code = typed.wait()
    said = home.said.read_text(errors="replace")
    if code and not (code == 2 and victim.over and victim.over in said.splitlines()[-1]):
        return f"ended with {code}: {said[-1500:]}"
    if alive := wait_for_end(home, typed)[1]:
        return alive
    home.type("clean", "yes=true")
    for study in (home.folder / "runs" / "studies").glob("*"):
        home.type("check", f"study={study.name}")
    return ""


def wait_for_end(home: Home, typed: Typed) -> tuple[float, str]:
    """Seconds until no process of a command is alive and no lock held; and what is still there after `PATIENCE`."""
    began = time.monotonic()
    while True:
        alive, held = typed.list_alive(), home.list_held()
        waited = time.monotonic() - began
        if not alive and not held:
            return waited, ""
        if waited > PATIENCE:
            return waited, f"after {waited:.0f} s: {len(alive)} processes, locks {[one.name for one in held]}"
        time.sleep(0.05)


def compare(home: Home, wrong: str, wanted: Counter[tuple[str, str]]) -> str:
    """What is wrong already, or in what the folder differs from the one that is wanted; empty if in nothing."""
    now = read_tree(home)
    if wrong or now == wanted:
        return wrong
    more, less = ([path for path, _ in (now - wanted)], [path for path, _ in (wanted - now)])
    return f"more or other: {sorted(more)[:6]}; missing or other: {sorted(less)[:6]}"


def torture(home: Home, name: str, kills: int, seed: int) -> Found:
    victim, moments, found = VICTIMS[name], random.Random(f"{seed} {name}"), Found()
    home.restore(victim.base.__name__)
    victim.change(home)
    start = f"start of {name}"
    home.keep(start)
    words = victim.words(home)

    began = time.monotonic()
    calm = home.start(words)
    calm.wait()
    took = time.monotonic() - began
    if wrong := finish(home, victim, calm):
        raise SystemExit(f"{name}, left alone, {wrong}")
    wanted = read_tree(home)

    while found.kills < kills:
        home.restore(start)
        home.said.unlink(missing_ok=True)
        if victim.worker_alone:
            typed, moment = home.start(words), moments.uniform(0, took)
            time.sleep(moment)
            if typed.kill_worker(moments.choice):
                found.kills += 1
                found.series += 1
            wrong = compare(home, finish(home, victim, typed), wanted)
            if wrong:
                found.wrong.append(f"a worker killed at {moment:.2f} of {took:.2f} s: {wrong}")
            continue
        left = min(moments.randint(1, 3), kills - found.kills)
        at: list[str] = []
        while left:
            typed, moment = home.start(words), moments.uniform(0, took)
            time.sleep(moment)
            if not typed.kill(victim.parent_alone):
                break  # it was faster than the one that was left alone
            left -= 1
            found.kills += 1
            at.append(f"{moment:.2f}")
            if victim.parent_alone and moments.random() < 0.3:
                continue  # typed again while its other processes still live
            waited, wrong = wait_for_end(home, typed)
            found.gone = max(found.gone, waited)
            if wrong:
                found.wrong.append(f"killed at {at}: {wrong}")
        found.series += bool(at)
        if wrong := compare(home, finish(home, victim, home.start(words)), wanted):
            found.wrong.append(f"killed at {', '.join(at)} of {took:.2f} s: {wrong}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="of each command")
    parser.add_argument(
        "--only", nargs="+", choices=VICTIMS, default=list(VICTIMS), metavar="NAME", help=", ".join(VICTIMS)
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help=f"2 kills of each of {', '.join(QUICK)}")
    parser.add_argument("--place", type=Path, help="an empty folder for everything; default: one that is removed")
    asked = parser.parse_args()
    names, kills = (list(QUICK), 2) if asked.quick else (asked.only, asked.kills)
    for name in {name if (name not in ("embedding", "launcher")) else "train" for name in names} | {"check", "clean"}:
        importlib.import_module(f"mitofm.commands.{name}")
    compose("train", [*TISSUE, *FIT])  # Hydra looks for its plugins once
    with tempfile.TemporaryDirectory() as temporary:
        home = Home((asked.place or Path(temporary)).resolve())
        for base in dict.fromkeys(VICTIMS[name].base for name in names):
            home.folder.mkdir(parents=True)
            base(home)
            home.keep(base.__name__)
            home.clear()
        wrong = 0
        for name in names:
            found = torture(home, name, kills, asked.seed)
            wrong += len(found.wrong)
            told = f"{len(found.wrong)} wrong" if found.wrong else "the same bytes"
            print(
                f"{name:10} {found.kills} kills in {found.series} series: {told}; all gone after {found.gone:.1f} s at most"
            )
            print(*(f"    {one}" for one in found.wrong), sep="\n", end="\n" if found.wrong else "", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
