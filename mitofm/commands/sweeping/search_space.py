"""What a search draws, what it repeats for every draw, and what stays: from the overrides that a sweeper is handed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from mitofm.commands.composing.swept import list_values, spell
from mitofm.ground.errors import MitofmError
from mitofm.runs.keys import NO_PART

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

REPEATED = ("seed", "split_seed", "training_seed", "split.fold")
"""Keys whose values are all run for every draw: the best of several seeds would be the luckiest."""
DRAWN = ("adaptation", "augment", "backbone", "fit")
"""Groups that may be searched: whatever they choose, the validation samples are the same."""
_DIGITS = 4  # significant ones of a number that is drawn: it can be typed again


@dataclass(frozen=True)
class Drawn:
    """A key that is searched: what optuna draws from, and how a draw is spelled as a value of the key."""

    distribution: BaseDistribution
    spell: Callable[[Any], str]


@dataclass(frozen=True)
class Space:
    """The space of a search.

    Attributes:
        drawn: by key.
        repeated: the overrides of each repetition; one without any if nothing is repeated.
        fixed: overrides of every cell.
        text: the overrides that it was read from, but for those that no result depends on.
    """

    drawn: dict[str, Drawn]
    repeated: list[list[str]]
    fixed: list[str]
    text: list[str]

    def list_cells(self, choices: dict[str, str]) -> list[list[str]]:
        """The overrides of the cells of one draw, one for each repetition."""
        return [[*self.fixed, *(f"{key}={value}" for key, value in choices.items()), *one] for one in self.repeated]


def read_space(overrides: Sequence[str], loader: ConfigLoader | None = None) -> Space:
    """Read a space; of a key that is given twice the last override holds. `loader` as in `list_values`.

    Raises:
        MitofmError: nothing is to be drawn, or a key is that would change the validation samples.
    """
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(overrides))
    last = {one.get_key_element(): one for one in parsed}
    drawn: dict[str, Drawn] = {}
    repeated: list[list[str]] = []
    for key, one in last.items():
        if not one.is_sweep_override():
            continue
        if key in REPEATED:
            if one.is_interval_sweep():
                raise MitofmError(
                    f"{one.input_line}: every draw of a search is run with all of these: give values, {key}=1,2,3"
                )
            repeated.append([f"{key}={value}" for value in list_values(one, loader)])
        elif re.split(r"[./@]", key)[0] in DRAWN:
            drawn[key] = _read(one, loader)
        else:
            raise MitofmError(
                f"{one.input_line}: a search compares settings on the same validation samples, and {key} may change them: "
                f"search {', '.join(DRAWN)}, and run one search for each value of {key}"
            )
    if not drawn:
        raise MitofmError(
            "hydra/sweeper=search: there is nothing to search here: give an interval or values of a key of "
            f"{', '.join(DRAWN)}, such as 'adaptation.lr=tag(log,interval(1e-5,1e-2))' (seeds are repeated, not searched)"
        )
    fixed = [one for one in last.values() if not one.is_sweep_override()]
    return Space(
        drawn,
        [list(one) for one in product(*repeated)],
        [f"{one.get_key_element()}={one.get_value_element_as_str()}" for one in fixed],
        [str(one.input_line) for key, one in last.items() if re.split(r"[./@]", key)[0] not in NO_PART],
    )


def _read(override: Override, loader: ConfigLoader | None) -> Drawn:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    values, sweep = list_values(override, loader, draws=True), override._value
    if isinstance(sweep, RangeSweep) and not sweep.shuffle:  # ordered: a number says which
        return Drawn(IntDistribution(0, len(values) - 1), lambda place: values[place])
    if not isinstance(sweep, IntervalSweep):
        return Drawn(CategoricalDistribution(values), str)
    low, high, log = sweep.start, sweep.end, "log" in sweep.tags
    assert low is not None
    assert high is not None
    if log and low <= 0:
        raise MitofmError(f"{override.input_line}: the lower end of a logarithmic interval is above 0")
    if isinstance(low, int) and isinstance(high, int):
        return Drawn(IntDistribution(low, high, log=log), spell)
    return Drawn(
        FloatDistribution(low, high, log=log),
        lambda drawn: spell(min(max(float(f"{drawn:.{_DIGITS}g}"), low), high)),
    )
