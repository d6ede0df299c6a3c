import pytest

from mitofm.counting.words import format_amount, tell_density


@pytest.mark.parametrize(
    ("amount", "told"),
    [(0.0256, "0.0256"), (976.56, "977"), (1441.9, "1,440"), (0, "0"), (25.04, "25"), (123_456, "123,000")],
)
def test_three_digits_and_no_power_of_ten(amount: float, told: str) -> None:
    assert format_amount(amount) == told


def test_a_density_stands_with_its_interval_and_how_that_was_made() -> None:
    row = {"per_mm2": 976.56, "per_mm2_low": 631.98, "per_mm2_high": 1441.9, "interval": "Poisson"}
    assert tell_density(row) == "977 per mm² (632 to 1,440, Poisson)"
