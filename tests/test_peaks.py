"""The measure that others rely on."""

import sys

import numpy as np
import pytest

from .peaks import holding_at_most


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_what_is_held_for_a_moment_is_seen() -> None:
    with holding_at_most(150):
        np.ones(100_000_000, dtype=np.uint8)
    with pytest.raises(AssertionError), holding_at_most(50):
        np.ones(100_000_000, dtype=np.uint8)
