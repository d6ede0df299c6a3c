"""Predictions whose truth is known: samples of a slide share an offset, as stains make them do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

SLIDE_SPREAD, EFFECT = 0.6, 1.6


class Simulation:
    """Draws test sets; `truth` is the AUROC that endless slides would have."""

    # Two samples of different slides, unit noise, slide effects on both.
    truth = float(norm.cdf(EFFECT / np.sqrt(2 * (1 + SLIDE_SPREAD**2))))

    @staticmethod
    def seeds(
        generator: np.random.Generator, slides: int, seeds: int = 1, samples: int = 20, effect: float = EFFECT
    ) -> list[pd.DataFrame]:
        """Predictions of several seeds on the same samples."""
        sizes = np.maximum(4, generator.lognormal(np.log(samples), 0.6, slides).astype(int))
        slide = np.repeat(np.arange(slides), sizes)
        labels = (generator.random(slide.size) < generator.beta(2, 2, slides)[slide]).astype(int)
        labels[:2] = 0, 1
        offset = generator.normal(0, SLIDE_SPREAD, slides)[slide]
        shared = effect * (labels - 0.5) + offset + generator.normal(0, 0.8, slide.size)
        cells_of = pd.DataFrame(
            {"sample_id": np.arange(slide.size), "slide": np.char.add("slide", slide.astype(str)), "label": labels}
        )
        return [cells_of.assign(logit=shared + generator.normal(0, 0.6, slide.size)) for _ in range(seeds)]


@pytest.fixture
def simulation() -> type[Simulation]:
    """The simulation."""
    return Simulation
