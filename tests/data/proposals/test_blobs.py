"""Proposals reach nearly all mitotic figures of synthetic tissue with a twentieth of the positions of the dense grid."""

import numpy as np
import pytest

from mitofm.counting.matching import match
from mitofm.counting.merging import WITHIN_UM
from mitofm.data.proposals.blobs import propose
from mitofm.ground import seeds
from mitofm.synthesis.domains import DOMAINS, SCANNERS
from mitofm.synthesis.tissue import Region, render

MPP, SEED = 0.25, 2  # nothing was tuned on this seed
PER_MM2, DENSE_PER_MM2 = 3000, 1e6 / (16 * MPP) ** 2


@pytest.fixture(scope="module")
def regions() -> list[Region]:
    made = []
    for name in (
        "canine soft tissue sarcoma",
        "human neuroendocrine tumor",
        "human breast cancer",
    ):  # two of them the hardest
        domain = DOMAINS[name]
        rng = seeds.stream(SEED, "proposals", name)
        made.append(render(rng, domain, SCANNERS[domain.scanners[0]], 96, 0.6))
    return made


def test_most_figures_are_reached_with_few_proposals(regions: list[Region]) -> None:
    reached = figures = proposals = 0
    area = 0.0
    for region in regions:
        here = region.image.shape[0] * region.image.shape[1] * (MPP / 1000) ** 2
        places, _ = propose(region.image, MPP)
        places = places[: int(PER_MM2 * here)]
        mitotic = region.centres[region.labels == 1]
        reached += len(match(places * MPP, mitotic * MPP, WITHIN_UM))
        figures, proposals, area = figures + len(mitotic), proposals + len(places), area + here
    assert figures > 150
    assert reached / figures >= 0.97
    assert DENSE_PER_MM2 * area / proposals >= 20


def test_positions_do_not_depend_on_the_resolution(regions: list[Region]) -> None:
    image = regions[0].image
    half = image[::2, ::2]
    places, heights = propose(image, MPP)
    coarse, _ = propose(np.repeat(np.repeat(half, 2, axis=0), 2, axis=1), MPP)
    assert (np.diff(heights) <= 0).all()
    assert len(match(places[:100] * MPP, coarse[:200] * MPP, 1.0)) >= 90
    at_half, _ = propose(half, 2 * MPP)
    assert len(match(places[:100] * MPP, (at_half[:200] * 2 + 0.5) * MPP, 1.0)) >= 90


def test_a_blob_is_found_where_it_is_and_glass_holds_none() -> None:
    image = np.full((200, 300, 3), 240, np.uint8)
    assert len(propose(image, MPP)[0]) == 0
    image[95:106, 195:206] = (60, 30, 110)
    places, _ = propose(image, MPP)
    assert np.abs(places[0] - (200, 100)).max() <= 1.5


def test_it_is_a_function_of_the_pixels(regions: list[Region]) -> None:
    image = regions[0].image[:400, :400]
    first, second = propose(image, MPP), propose(image.copy(), MPP)
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
