from __future__ import annotations

import numpy as np
import pytest

from mitofm.synthesis.domains import normalize
from mitofm.synthesis.scanning import transmit

WHITE = np.array([240.0, 238.0, 244.0])
VECTORS = normalize(np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]]))


def test_no_stain_lets_all_light_through() -> None:
    assert transmit(np.zeros((3, 4, 2)), VECTORS, WHITE) == pytest.approx(np.broadcast_to(WHITE, (3, 4, 3)))


def test_optical_density_is_the_mixture_of_the_stains() -> None:
    amounts = np.random.default_rng(0).uniform(0, 1.5, (50, 2))
    light = transmit(amounts, VECTORS, WHITE)
    np.testing.assert_allclose(-np.log10(light / WHITE), amounts @ VECTORS, atol=1e-5)


def test_unit_vectors_have_length_one() -> None:
    np.testing.assert_allclose(np.linalg.norm(normalize(np.array([[3.0, 4.0, 0.0], [1.0, 1.0, 1.0]])), axis=1), 1)
