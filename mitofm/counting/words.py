"""How a count's numbers are told, on the terminal and on its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def format_amount(amount: float) -> str:
    """Three significant digits, without a power of ten up to a million: 0.0256, 977, 1,440."""
    return f"{float(f'{amount:.3g}'):,g}"


def tell_density(row: Mapping[str, Any]) -> str:
    """Mitotic figures per mm² of a slide's row, with the interval and how that was made."""
    value, low, high = (format_amount(row[f"per_mm2{end}"]) for end in ("", "_low", "_high"))
    return f"{value} per mm² ({low} to {high}, {row['interval']})"
