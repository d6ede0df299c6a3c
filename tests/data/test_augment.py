import numpy as np
import pytest

from mitofm.commands.composing import compose, groups
from mitofm.data.augment import Augment, centre
from mitofm.data.stain import _STAINS, StainJitter

PATCH = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", groups("augment"))
def test_every_augmentation_is_a_function_of_its_seed(name: str) -> None:
    augment = Augment(compose("train", [f"augment={name}"]).augment.transforms, crop_px=12)
    drawn = [augment(PATCH, seed) for seed in range(20)]
    assert all(patch.shape == (12, 12, 3) and patch.dtype == np.uint8 for patch in drawn)
    assert all((augment(PATCH, seed) == patch).all() for seed, patch in enumerate(drawn))
    assert (name == "none") == all((patch == drawn[0]).all() for patch in drawn)


def test_dihedral_gives_all_eight_views_and_no_other() -> None:
    augment = Augment(compose("train", ["augment=dihedral"]).augment.transforms, crop_px=20)
    views = {augment(PATCH, seed).tobytes() for seed in range(200)}
    turned = [np.rot90(flipped, k) for flipped in (PATCH, PATCH[:, ::-1]) for k in range(4)]
    assert views == {np.ascontiguousarray(view).tobytes() for view in turned}


def test_the_centre_is_the_centre() -> None:
    assert (centre(PATCH[None], 12)[0] == PATCH[4:16, 4:16]).all()
    assert centre(PATCH, 20).shape == PATCH.shape


def test_stain_jitter_moves_each_stain_by_what_it_says_and_nothing_without_it() -> None:
    colours = PATCH // 4 + 100  # far from black and white, where amounts are cut off
    assert (StainJitter(0.0, 0.0, p=1.0)(image=colours)["image"] == colours).all()
    amounts = [density(image) @ np.linalg.inv(_STAINS) for image in (colours, jittered(colours))]
    slopes, offsets = zip(*[np.polyfit(*(one[:, stain] for one in amounts), 1) for stain in range(3)], strict=True)
    residuals = [
        amounts[1][:, stain] - np.polyval([slopes[stain], offsets[stain]], amounts[0][:, stain]) for stain in range(3)
    ]
    assert np.abs(residuals).max() < 0.02  # of rounding to grey levels: each stain is a line of itself alone
    assert all(0.7 <= slope <= 1.3 for slope in slopes)
    assert all(abs(offset) <= 0.06 for offset in offsets)
    assert len({round(slope, 4) for slope in slopes}) == 3


def jittered(image: np.ndarray) -> np.ndarray:
    transform = StainJitter(0.3, 0.05, p=1.0)
    transform.set_random_seed(5)
    return transform(image=image)["image"]


def density(image: np.ndarray) -> np.ndarray:
    return -np.log10(image.reshape(-1, 3) / 255)
