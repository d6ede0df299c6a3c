import numpy as np
import pytest

from mitofm.commands.composing import compose, groups
from mitofm.data.augment import Augment, centre

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
