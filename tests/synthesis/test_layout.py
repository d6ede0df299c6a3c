from __future__ import annotations

import numpy as np
import pytest

from mitofm.synthesis.domains import DOMAINS, SCANNERS, vary
from mitofm.synthesis.layout import CONNECTIVE, Layout, draw_layout

SIDE = 480
CENTRES = np.array([[x, y] for x in range(60, SIDE, 120) for y in range(60, SIDE, 120)])


def planned(name: str) -> Layout:
    return draw_layout(np.random.default_rng(0), DOMAINS[name], SIDE, CENTRES)


@pytest.mark.parametrize("name", DOMAINS)
def test_annotated_cells_have_room_and_own_their_centre(name: str) -> None:
    layout = planned(name)
    apart = np.linalg.norm(layout.places[:, None] - CENTRES[None], axis=2)
    assert apart.min() > 2 * DOMAINS[name].radius
    owners = layout.owner[CENTRES[:, 1], CENTRES[:, 0]] - len(layout.places)
    assert owners.tolist() == list(range(len(CENTRES)))
    for field in (layout.stroma, layout.empty):
        assert field.shape == (SIDE, SIDE)
        assert 0 <= field.min() <= field.max() <= 1.0001


def test_nuclei_of_connective_tissue_lie_along_its_fibres() -> None:
    layout = planned("canine soft tissue sarcoma")
    inside = np.flatnonzero(((layout.places > 20) & (layout.places < SIDE - 20)).all(axis=1))
    thin = inside[layout.kinds[inside] == CONNECTIVE]
    steps = 6 * np.stack([np.cos(layout.angles[thin]), np.sin(layout.angles[thin])], axis=1)
    here, along, across = (
        layout.across[tuple((layout.places[thin] + move)[:, ::-1].astype(int).T)]
        for move in (0, steps, steps[:, ::-1] * (-1, 1))
    )
    assert np.median(np.abs(along - here)) < 0.35 * np.median(np.abs(across - here))


def test_slides_of_one_domain_differ_in_stain_and_tumor() -> None:
    domain, scanner = DOMAINS["human melanoma"], SCANNERS["Scanner A"]
    days = [vary(np.random.default_rng(seed), domain, scanner)[0] for seed in range(20)]
    assert np.std([day.radius for day in days]) > 0.2
    assert np.std([day.strength[0] for day in days]) > 0.05
    assert np.linalg.norm([day.haematoxylin for day in days], axis=1) == pytest.approx(1)
