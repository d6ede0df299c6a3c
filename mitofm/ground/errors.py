"""The ways in which mitofm stops on purpose: the user can mend it, the data cannot give it, or training diverged."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MitofmError(Exception):
    """A problem the user can mend. The message names the thing, the place and the way out."""


class NoSamples(MitofmError):
    """A file of annotations holds no sample; it may be one of many files, others of which hold some."""


class Infeasible(MitofmError):
    """The cell asks for something its data cannot give (no positive in training, say): it is SKIPPED, not failed."""


class Diverged(MitofmError):
    """The loss or the weights are not finite any more. In a search this makes a bad trial, not an error."""


def unknown(kind: str, given: object, known: Iterable[object], place: str = "") -> MitofmError:
    """The error for a name that does not exist, with the `known` ones and the nearest guess.

    `kind` is what was asked for ("domain", "backbone"), `place` where it was looked for ("data set 'ami'").
    """
    names = sorted(str(name) for name in known)
    where = f" in {place}" if place else ""
    close = difflib.get_close_matches(str(given), names, n=1)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    listed = ", ".join(names) if names else "none"
    return MitofmError(f"unknown {kind} {str(given)!r}{where}.{guess} There is: {listed}")
