"""Colour and darkness must not tell the classes apart: else a model need not look at shapes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler

from mitofm.ground import seeds
from mitofm.synthesis.domains import DOMAINS, SCANNERS
from mitofm.synthesis.tissue import render

SLIDES, CELLS, HALF = 4, 40, 32


def described(crop: np.ndarray) -> np.ndarray:
    """Colour histograms of a crop and of its middle, and how much of it is dark."""
    parts = (crop, crop[HALF // 2 : -HALF // 2, HALF // 2 : -HALF // 2])
    histograms = [np.histogram(part[..., c], 16, (0, 256))[0] / part[..., c].size for part in parts for c in range(3)]
    grey = crop.mean(axis=2)
    dark = [np.sqrt((grey < threshold).sum()) for threshold in (60, 80, 100, 120)]
    return np.concatenate([*histograms, dark, [grey.mean(), grey.std(), grey.min()]])


@pytest.fixture(scope="module")
def cells() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rows = []
    for at, (name, domain) in enumerate(DOMAINS.items()):
        for slide in range(SLIDES):
            scanner = SCANNERS[domain.scanners[slide % len(domain.scanners)]]
            region = render(seeds.stream(0, "synthesis", name, slide), domain, scanner, CELLS, domain.mitotic_share)
            for (x, y), label in zip(region.centres, region.labels, strict=True):
                crop = region.image[y - HALF : y + HALF, x - HALF : x + HALF]
                rows.append((described(crop), label, at, slide))
    features, labels, domains, slides = (np.array(column) for column in zip(*rows, strict=True))
    return features, labels, domains, slides


def accuracy(features: np.ndarray, labels: np.ndarray, domains: np.ndarray, slides: np.ndarray) -> float:
    """Balanced accuracy on slides that were not trained on.

    Each class weighs the same in every domain: prevalence differs between domains, as in MIDOG++, and colour gives the
    domain away, but that is no shortcut inside a domain.
    """
    counts = np.zeros((len(DOMAINS), 2))
    np.add.at(counts, (domains, labels), 1)
    weights = 1 / counts[domains, labels]
    weights /= weights.mean()
    said = np.empty(len(labels))
    for slide in range(SLIDES):
        train = slides != slide
        scaler = StandardScaler().fit(features[train])
        model = LogisticRegression(C=0.1, max_iter=3000)
        model.fit(scaler.transform(features[train]), labels[train], sample_weight=weights[train])
        said[~train] = model.predict(scaler.transform(features[~train]))
    return float(balanced_accuracy_score(labels, said, sample_weight=weights))


def test_colour_and_darkness_do_not_tell_the_classes_apart(
    cells: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    assert accuracy(*cells) < 0.62


def test_the_measure_sees_a_shortcut_where_there_is_one(
    cells: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    features, labels, domains, slides = cells
    darker = features.copy()
    darker[labels == 1, -3] -= 15  # grey levels of the mean
    assert accuracy(darker, labels, domains, slides) > 0.7
