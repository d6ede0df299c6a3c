"""The values that an override gives to its key: one, those of a sweep, or the ends of an interval that a sweeper draws from."""

from __future__ import annotations

from itertools import islice
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.types import Glob, Override, RangeSweep
from hydra.errors import HydraException

from mitofm.ground.errors import MitofmError
from mitofm.runs.books.studies import MOST_CELLS
from mitofm.runs.resolve import rounded


def list_values(override: Override, loader: ConfigLoader | None, draws: bool = False) -> list[str]:
    """The values of an override, as Hydra writes them.

    Args:
        override: as parsed.
        loader: knows the names in a group, for `glob(...)`; None if there is none of these.
        draws: whether the sweeper draws from intervals: of these the two ends are given.

    Raises:
        MitofmError: the sweep is an interval that nothing draws from, has no value, or more than a study can have cells.
    """
    key, typed = override.key_or_group, override.input_line
    if override.is_interval_sweep():
        if not draws:
            raise MitofmError(
                f"{typed}: an interval needs a sweeper that draws from it, and mitofm's grid does not: give values, "
                f"{key}=A,B,C, or search it with hydra/sweeper=search (docs/sweeps.md)"
            )
        interval: Any = override.value()
        if not interval.start < interval.end:
            raise MitofmError(f"{typed}: this interval is empty: give the smaller end first")
        return [spell(interval.start), spell(interval.end)]
    if not override.is_sweep_override():
        return [spell(override._value)]
    if isinstance(override._value, Glob):
        return _match(override, loader)
    if isinstance(override._value, RangeSweep):
        _check_length(override)
    return [spell(value) for value in override.sweep_iterator()]


def spell_sweep(override: Override, loader: ConfigLoader) -> str:
    """An override as text that can be read without the names in its group: `glob(...)` as the choices that it matches."""
    if isinstance(override._value, Glob):
        return f"{override.get_key_element()}={','.join(_match(override, loader))}"
    return str(override.input_line)


def spell(value: Any) -> str:
    """A value as Hydra writes it into an override, its numbers as a resolved config has them."""
    return Override._get_value_element_as_str(rounded(value))


def _match(override: Override, loader: ConfigLoader | None) -> list[str]:
    assert loader is not None
    names = loader.get_group_options(override.key_or_group, results_filter=ObjectType.CONFIG)
    if not names:
        raise MitofmError(
            f"{override.input_line}: glob(...) names YAMLs, and {override.key_or_group} is no group of them"
        )
    found = override._value.filter(names)  # type: ignore[union-attr]
    if not found:
        raise MitofmError(f"{override.input_line}: no {override.key_or_group} matches. There is: {', '.join(names)}")
    return found


def _check_length(override: Override) -> None:
    """Refuse a range without end before Hydra makes a list of it."""
    typed, sweep = override.input_line, override._value
    assert isinstance(sweep, RangeSweep)
    try:
        count = sum(1 for _ in islice(sweep.range(), MOST_CELLS + 1))
    except (ValueError, HydraException) as error:  # a step of 0
        raise MitofmError(f"{typed}: {error}") from error
    if not count:
        raise MitofmError(f"{typed}: this range has no values: it goes from its first number to before its second")
    if count > MOST_CELLS:
        raise MitofmError(f"{typed}: these are more than the {MOST_CELLS} cells of a study: sweep fewer values")
