"""A split that works, for a table that cannot give the split that was asked for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import product

import pandas as pd

from mitofm.data.annotations import units
from mitofm.data.splits.hold_out import MIN_SAMPLES
from mitofm.data.splits.in_domain import InDomain
from mitofm.data.splits.kfold import KFold
from mitofm.data.splits.leave_one_out import LeaveOneOut
from mitofm.data.splits.make import make
from mitofm.data.splits.part import Split, Strategy
from mitofm.ground.errors import Infeasible, MitofmError

_FOLDS = (5, 4, 3, 2)
_SHARES = (0.5, None)  # for validation, if a fifth of the slides holds too few samples of a class
_NO_WORDS = ("null", "true", "false", "nan", "inf")  # to Hydra


def make_or_suggest(strategy: Strategy, table: pd.DataFrame, fraction: float, seed: int) -> Split:
    """As `make`, but the message of an Infeasible ends with what works instead, at the same seed."""
    try:
        return make(strategy, table, fraction, seed)
    except Infeasible as reason:
        raise Infeasible(f"{reason}. {suggest(strategy, table, fraction, seed)}") from reason


def suggest(strategy: Strategy, table: pd.DataFrame, fraction: float, seed: int) -> str:
    """What to ask for instead, in a sentence; each suggestion has been tried. If nothing works, what the table lacks.

    Args:
        strategy: the infeasible one.
        table: annotation table.
        fraction: asked for; if it alone is the reason, another one is suggested.
        seed: of the cell.
    """
    if table["label"].nunique() < 2:
        return f"No split works for this table: all of its {len(table)} samples are of one class"
    of_unit = "" if strategy.fraction_unit == "annotation" else f" split.fraction_unit={strategy.fraction_unit}"
    fractions = list(_list_fractions(strategy, fraction, units(table).nunique()))
    for other in fractions:
        if _works(strategy, table, other, seed):
            return f"What works at seed {seed}: fraction={other:g}"
    candidates = list(_list_candidates(strategy, table))
    for bought in (fraction, *fractions[-1:]):
        for words, candidate in candidates:
            if _works(candidate, table, bought, seed):
                more = "" if bought == fraction else f" fraction={bought:g}"
                return f"What works at seed {seed}: {words}{of_unit}{more}"
    return f"No split by slide works for this table: {_describe_lack(table)}"


def _list_fractions(strategy: Strategy, fraction: float, slides: int) -> Iterator[float]:
    """Other fractions, the nearest larger ones first: the last is the one that buys the most, or the fewest slides."""
    other = fraction * 2
    if strategy.fraction_unit != "slide":
        while other < 1:
            yield other
            other *= 2
        if fraction < 1:
            yield 1.0
        return
    while other <= slides:
        yield other
        other *= 2
    other = fraction // 2
    while other >= 1:
        yield other
        other //= 2


def _list_candidates(strategy: Strategy, table: pd.DataFrame) -> Iterator[tuple[str, Strategy]]:
    """What may work, as it is typed and as a strategy, the most usual first."""
    unit = strategy.fraction_unit
    by = getattr(strategy, "by", "domain")
    typed = "" if by == "domain" else f" split.by={by}"
    yield f"split=in_domain{typed}", InDomain(name="in_domain", by=by, fraction_unit=unit)
    for folds in _FOLDS:
        yield f"split=kfold split.folds={folds}", KFold(name="kfold", folds=folds, fraction_unit=unit)
    if by in table:
        for value in table[by].value_counts(ascending=True).index:
            words = f"split=leave_one_out{typed} {_quote('split.domain', value)}"
            yield words, LeaveOneOut(name="leave_one_out", domain=value, by=by, fraction_unit=unit)
    for share, folds in product(_SHARES, _FOLDS):
        words = f"split=kfold split.folds={folds} split.validation_share={'null' if share is None else share}"
        yield words, KFold(name="kfold", folds=folds, validation_share=share, fraction_unit=unit)


def _works(strategy: Strategy, table: pd.DataFrame, fraction: float, seed: int) -> bool:
    try:
        make(strategy, table, fraction, seed)
    except MitofmError:
        return False
    return True


def _quote(key: str, value: str) -> str:
    """`key=value` as it is typed in a shell, for Hydra to read as a word."""
    if re.fullmatch(r"[A-Za-z][\w .+-]*", value, re.ASCII) and value.casefold() not in _NO_WORDS:
        return shlex.quote(f"{key}={value}")
    # Hydra reads quotes, and backslashes before them, only if they are escaped; other characters stand for themselves.
    escaped = re.sub(r"(\\*)('|$)", lambda met: 2 * met[1] + ("\\'" if met[2] else ""), value)
    typed = f"{key}='{escaped}'"
    return shlex.quote(typed) if set(typed) & set('"$`\\!') else f'"{typed}"'


def _describe_lack(table: pd.DataFrame) -> str:
    """What the table has too little of."""
    slides = table.groupby(units(table).to_numpy())["label"].agg(["size", "sum"])
    positive, negative = slides["sum"], slides["size"] - slides["sum"]
    rich = int(((positive >= MIN_SAMPLES) & (negative >= MIN_SAMPLES)).sum())
    both = int(((positive > 0) & (negative > 0)).sum())
    told = (
        f"3 slides with at least {MIN_SAMPLES} positive and {MIN_SAMPLES} negative samples each would do, and it has {rich} "
        f"({len(slides)} in all, {int((positive > 0).sum())} with positive and {int((negative > 0).sum())} with negative "
        "samples)"
    )
    return told + ("; split=file, where you say which slide trains and which tests, can do with 2" if both > 1 else "")
