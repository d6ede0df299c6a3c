"""The errors with which mitofm stops on purpose."""

from __future__ import annotations

import difflib
import os
import traceback
from collections.abc import Iterable
from pathlib import Path

from mitofm.ground.terminal import escape

_PACKAGE = Path(__file__).parents[1]
_LONGEST = 500  # characters of a message


class MitofmError(Exception):
    """A problem the user can mend. The message names the thing, the place and the way out."""


class NoSamples(MitofmError):
    """A file of annotations holds no sample; it may be one of many files, others of which hold some."""


class Infeasible(MitofmError):
    """The data cannot give what the cell asks for (no positive in training, say): the cell is SKIPPED, not failed."""


class Diverged(MitofmError):
    """The loss or the weights are not finite any more. In a search this makes a bad trial, not an error."""


def describe_fault(error: MitofmError | OSError) -> str:
    """One line for people, of an error of ours or of the file system: a full disk, a missing right, a stale handle."""
    if isinstance(error, MitofmError):
        return escape(error)
    files = " -> ".join(str(file) for file in (error.filename, error.filename2) if file is not None)
    return escape(": ".join(part for part in (files, error.strerror or str(error) or type(error).__name__) if part))


def wants_traceback() -> bool:
    """Whether the user asks for the traceback of an unforeseen error, by the variable that Hydra's users know."""
    return os.environ.get("HYDRA_FULL_ERROR") == "1"


def describe_unforeseen(error: BaseException) -> str:
    """One line for people, of an error that is neither ours nor of the file system: what it is, and the line of ours it came from."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = " ... ".join(dict.fromkeys((*lines[:1], *lines[-1:])))  # a trace from another process lies between
    places = [frame for frame in traceback.extract_tb(error.__traceback__) if _PACKAGE in Path(frame.filename).parents]
    place = f" at {Path(places[-1].filename).relative_to(_PACKAGE)}:{places[-1].lineno}" if places else ""
    told = f"{type(error).__name__}{place}: {said[:_LONGEST] or 'it says no more'}"
    return escape(f"{told} (mitofm does not foresee this error: HYDRA_FULL_ERROR=1 shows its traceback)")


def unknown(kind: str, given: object, known: Iterable[object], place: str = "") -> MitofmError:
    """The error for an unknown name of a `kind` ("domain") at a `place` ("data set 'ami'"), with the `known` and nearest ones."""
    names = sorted(str(name) for name in known)
    where = f" in {place}" if place else ""
    above, dot, _ = str(given).rpartition(".")
    shared = above + dot if all(name.startswith(above + dot) for name in names) else ""  # would make all look alike
    close = difflib.get_close_matches(
        str(given).removeprefix(shared), [name.removeprefix(shared) for name in names], n=1
    )
    guess = f" Did you mean {shared + close[0]!r}?" if close else ""
    listed = ", ".join(names) if names else "none"
    return MitofmError(f"unknown {kind} {str(given)!r}{where}.{guess} There is: {listed}")
