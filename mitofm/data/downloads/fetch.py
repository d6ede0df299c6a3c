"""Fetching a list of published files: resumed, verified, and under their own names only when whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event

from requests import RequestException

from mitofm.data.downloads.remote import Remote, digest
from mitofm.data.downloads.web import Session
from mitofm.ground.errors import MitofmError
from mitofm.ground.fingerprints import Remembered
from mitofm.ground.system_locks import system_lock

_AT_ONCE = 4  # files
_CHUNK = 1 << 16  # what a cut connection may lose
_VAIN = 4  # attempts at a file that bring nothing new, after which it is given up


def find_missing(remotes: Sequence[Remote], folder: Path, remembered: Remembered) -> list[Remote]:
    """The files that are not in `folder`. Those that are, wherever they came from, are verified once and remembered.

    MitofmError if files there are not the published ones.
    """
    from rich.progress import track

    present = [remote for remote in remotes if (folder / remote.name).is_file()]

    def checksum(path: Path, kind: str) -> str:
        return remembered.get(kind, [path], lambda: digest(path, kind))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        faults = pool.map(lambda remote: remote.find_fault(folder / remote.name, checksum), present)
        found = list(track(faults, f"verifying {len(present)} files", len(present), transient=True))
    broken = [f"{remote.name}: {fault}" for remote, fault in zip(present, found, strict=True) if fault]
    if broken:
        raise MitofmError(
            f"{len(broken)} of {len(remotes)} files in {folder} are not the published ones. Delete them and run the "
            f"command again, or put whole ones there:{_show_first(broken)}"
        )
    return [remote for remote in remotes if not (folder / remote.name).is_file()]


def download(remotes: Sequence[Remote], folder: Path, remembered: Remembered, pause_s: float = 1.0) -> None:
    """Bring every file into `folder`, going on where an earlier attempt ended; pauses after failures are multiples of `pause_s`.

    MitofmError if the disk is too small, nobody answers (the message lists what is missing and how to bring it by
    hand), or files there or arriving are not the published ones. What has arrived whole or in part stays.
    """
    if not find_missing(remotes, folder, remembered):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with system_lock(folder / ".downloads.lock"):
            wanted = find_missing(remotes, folder, remembered)
            _check_room(wanted, folder)
            broken = _fetch_all(wanted, folder, remembered, pause_s)
    except RequestException as error:
        absent = find_missing(remotes, folder, remembered)
        lines = [f"{remote.name}  {remote.bytes / 1e6:,.1f} MB  {remote.url}" for remote in absent]
        raise MitofmError(
            f"{len(absent)} of {len(remotes)} files are missing in {folder} and cannot be fetched ({error}). Run the "
            "command again where there is a network; or fetch them by hand (a browser will do), put each there under "
            f"its name, and run the command again to have them verified:{_show_first(lines)}"
        ) from error
    except OSError as error:
        raise MitofmError(
            f"{folder} does not take the files ({error}). Make it writable or make room, or point paths.data "
            "(MITOFM_DATA) elsewhere; the same command goes on with what has arrived"
        ) from error
    if broken:
        raise MitofmError(
            f"{len(broken)} of {len(remotes)} files arrived broken, again and again, and were not kept in {folder}. "
            f"Try later, or put whole ones there:{_show_first(broken)}"
        )


def _check_room(wanted: list[Remote], folder: Path) -> None:
    needed = sum(remote.bytes - _size(_part(folder, remote)) for remote in wanted)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise MitofmError(
            f"{folder} has {free / 1e9:,.1f} GB free, but {needed / 1e9:,.1f} GB in {len(wanted)} files are to come. "
            "Make room, or point paths.data (MITOFM_DATA) at a larger disk. Nothing was fetched"
        )


def _fetch_all(wanted: list[Remote], folder: Path, remembered: Remembered, pause_s: float) -> list[str]:
    """Fetch the files; what is wrong with each that came broken. RequestException ends it all if nobody answers."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    stop = Event()
    with Progress(*columns, transient=True) as progress, ThreadPoolExecutor(_AT_ONCE) as pool:
        total = sum(remote.bytes for remote in wanted)
        done = sum(_size(_part(folder, remote)) for remote in wanted)
        task = progress.add_task(f"fetching {len(wanted)} files", total=total, completed=done)
        advance = partial(progress.advance, task)

        def fetch(remote: Remote) -> str | None:
            fault = _complete(remote, _part(folder, remote), pause_s, stop, advance)
            if fault is not None:
                return f"{remote.name}: {fault}"
            path = _part(folder, remote).replace(folder / remote.name)
            for kind, verified in remote.checksums.items():  # so that the next look need not read the file
                remembered.get(kind, [path], verified.lower)
            return None

        try:
            faults = [file.result() for file in as_completed([pool.submit(fetch, remote) for remote in wanted])]
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return sorted(fault for fault in faults if fault)


def _complete(remote: Remote, part: Path, pause_s: float, stop: Event, advance: Callable[[int], None]) -> str | None:
    """Complete `part`; returns what is wrong with it if `_VAIN` attempts brought nothing new."""
    part.parent.mkdir(parents=True, exist_ok=True)
    vain, furthest = 0, _size(part)
    with Session(pause_s) as session:
        while True:
            if _size(part) != remote.bytes:  # equal if a process died between the last byte and the check
                _receive(session, remote, part, stop, advance)
            fault = remote.find_fault(part)
            if fault is None:
                return None
            if _size(part) >= remote.bytes:  # nothing to go on with
                advance(-_size(part))
                part.unlink()
            if _size(part) <= furthest:
                vain += 1
            if vain == _VAIN:
                return fault
            furthest = max(furthest, _size(part))
            if stop.wait(pause_s * 2**vain):
                raise CancelledError


def _receive(session: Session, remote: Remote, part: Path, stop: Event, advance: Callable[[int], None]) -> None:
    """Append to `part` what the server sends from its end on, however little; start anew if the server cannot resume."""
    have = _size(part)
    with session.ask(remote.url, have) as response:
        goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if not goes_on:
            advance(-have)
        with part.open("ab" if goes_on else "wb") as file, suppress(RequestException):  # cut: the size will tell
            for piece in response.iter_content(_CHUNK) if response.status_code != 416 else ():
                if stop.is_set():
                    raise CancelledError
                file.write(piece)
                advance(len(piece))
            file.flush()
            os.fsync(file.fileno())


def _part(folder: Path, remote: Remote) -> Path:
    return folder / f"{remote.name}.part"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _show_first(lines: list[str], shown: int = 10) -> str:
    more = [f"and {len(lines) - shown} more"] if len(lines) > shown else []
    return "".join(f"\n  {line}" for line in lines[:shown] + more)
