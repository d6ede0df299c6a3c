from pathlib import Path

import albumentations
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, chi2_contingency
from torch.utils.data import DataLoader

from mitofm.commands.composing.compose import compose, list_group
from mitofm.data.augment import Augment, cut_centre
from mitofm.data.batches import TrainingPatches, pass_on
from mitofm.data.mixing import Mix
from mitofm.data.order import StepOrder
from mitofm.data.patches import PatchStore
from mitofm.data.stain import StainJitter
from mitofm.data.stain_vectors import STAINS
from mitofm.ground.seeds import derive

PATCH = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
OWN = [  # as a user may write it: probabilities that are equal, transforms within others
    {
        "_target_": "albumentations.OneOf",
        "p": 0.5,
        "transforms": [
            {"_target_": "albumentations.GaussianBlur", "p": 1.0},
            {"_target_": "albumentations.RandomGamma", "p": 1.0},
        ],
    },
    {
        "_target_": "albumentations.Sequential",
        "p": 0.5,
        "transforms": [
            {"_target_": "albumentations.Rotate", "p": 0.5},
            {"_target_": "albumentations.Transpose", "p": 0.5},
        ],
    },
    {"_target_": "albumentations.Transpose", "p": 0.5},
]
HEADED = [OWN[1], OWN[2]]  # a group first, whose choice is none of its members'
LISTS = {"headed": HEADED, **{name: name for name in list_group("augment") if name != "none"}, "own": OWN}


def augmented(transforms: str | list, crop_px: int = 12) -> Augment:
    listed = (
        transforms if isinstance(transforms, list) else compose("train", [f"augment={transforms}"]).augment.transforms
    )
    return Augment(listed, crop_px)


@pytest.mark.parametrize("name", list_group("augment"))
def test_every_augmentation_is_a_function_of_its_seed(name: str) -> None:
    augment = augmented(name)
    drawn = [augment(PATCH, seed) for seed in range(20)]
    assert all(patch.shape == (12, 12, 3) and patch.dtype == np.uint8 for patch in drawn)
    assert all((augment(PATCH, seed) == patch).all() for seed, patch in enumerate(drawn))
    assert (name == "none") == all((patch == drawn[0]).all() for patch in drawn)


def test_dihedral_gives_all_eight_views_and_no_other() -> None:
    augment = augmented("dihedral", crop_px=20)
    views = {augment(PATCH, seed).tobytes() for seed in range(200)}
    turned = [np.rot90(flipped, k) for flipped in (PATCH, PATCH[:, ::-1]) for k in range(4)]
    assert views == {np.ascontiguousarray(view).tobytes() for view in turned}


def test_a_list_of_one_draws_what_it_drew_in_0_1() -> None:
    augment = augmented("dihedral", crop_px=20)
    seeded = albumentations.Compose([albumentations.D4(p=1.0)])
    for seed in (0, 7, derive(42, "augmentation", 3, 5)):
        seeded.set_random_seed(seed % 2**32)
        assert (augment(PATCH, seed) == seeded(image=PATCH)["image"]).all()


def test_paper_leaves_as_many_patches_untouched_as_its_probabilities_say() -> None:
    augment = augmented("paper")
    untouched = sum((augment(PATCH, derive(0, seed)) == PATCH[4:16, 4:16]).all() for seed in range(4000))
    assert 0.05 <= untouched / 4000 <= 0.065  # 0.5 * 0.9 * 0.5 * 0.5 * 0.5 = 0.056


@pytest.mark.parametrize("name", LISTS)
def test_the_choices_of_one_transform_say_nothing_about_those_of_another(name: str, monkeypatch) -> None:
    n, augment = 3000, augmented(LISTS[name])
    leaves = [one for _, one in augment._placed if isinstance(one, albumentations.BasicTransform)]
    drawn: dict[int, dict[int, float]] = {id(leaf): {} for leaf in leaves}  # leaf -> seed -> a number that it drew

    def note(self: albumentations.BasicTransform, params: dict, *args: object, **data: object) -> dict:
        if id(self) in drawn:
            drawn[id(self)][seed] = number(params)
        return data

    monkeypatch.setattr(albumentations.BasicTransform, "apply_with_params", note)
    for seed in range(n):
        augment(PATCH, derive(1, seed))
    fired = {leaf: np.isin(np.arange(n), list(drawn[id(leaf)])) for leaf in leaves}
    for leaf in leaves:
        assert binomtest(int(fired[leaf].sum()), n, share(leaf, augment)).pvalue > 1e-4, leaf
    pairs = [(one, other) for place, one in enumerate(leaves) for other in leaves[:place] if apart(one, other, augment)]
    for one, other in pairs:
        assert independent(fired[one], fired[other]), (one, other)
        both = sorted(drawn[id(one)].keys() & drawn[id(other)].keys())
        first, second = (np.array([drawn[id(leaf)][seed] for seed in both]) for leaf in (one, other))
        assert independent(first > np.median(first), second > np.median(second)), (one, other)
        assert independent(fired[one][list(drawn[id(other)])], upper(drawn[id(other)])), (one, other)


def number(params: dict) -> float:
    """One of the numbers that were drawn; 0 if a transform draws none."""
    if "group_element" in params:  # of the symmetries of the square
        return float(("e", "r90", "r180", "r270", "v", "hvt", "h", "t").index(params["group_element"]))
    values = [np.ravel(value)[0] for key, value in sorted(params.items()) if key != "shape"]
    return next((float(value) for value in values if not isinstance(value, str)), 0.0)


def upper(drawn: dict[int, float]) -> np.ndarray:
    values = np.array(list(drawn.values()))
    return values > np.median(values)


def independent(one: np.ndarray, other: np.ndarray) -> bool:
    table = np.array([[np.sum((one == a) & (other == b)) for b in (False, True)] for a in (False, True)])
    table = table[table.any(1)][:, table.any(0)]
    return min(table.shape) < 2 or chi2_contingency(table, correction=False).pvalue > 1e-4


def inside(leaf: albumentations.BasicTransform, augment: Augment) -> albumentations.BaseCompose | None:
    groups = [one for _, one in augment._placed if isinstance(one, albumentations.BaseCompose)]
    return next((group for group in groups if leaf in group.transforms), None)


def share(leaf: albumentations.BasicTransform, augment: Augment) -> float:
    """With which probability it is applied."""
    group = inside(leaf, augment)
    if isinstance(group, albumentations.OneOf):
        return group.p / len(group.transforms)
    return leaf.p * (group.p if group else 1)


def apart(one: albumentations.BasicTransform, other: albumentations.BasicTransform, augment: Augment) -> bool:
    """Whether their choices are independent: not if they depend on whether the group they are in is applied."""
    group = inside(one, augment)
    return group is None or group is not inside(other, augment)


def test_transforms_within_an_applied_sequence_fire_apart() -> None:
    steps = [{"_target_": f"albumentations.{name}", "p": 0.5} for name in ("HorizontalFlip", "VerticalFlip")]
    augment = augmented([{"_target_": "albumentations.Sequential", "p": 1.0, "transforms": steps}])
    views = [augment(PATCH, derive(2, seed)).tobytes() for seed in range(400)]
    assert sorted(views.count(view) // 70 for view in set(views)) == [1, 1, 1, 1]  # 100 of each, not 200 of two


@pytest.mark.parametrize(("workers", "start"), [(2, "fork"), (4, "fork"), (2, "spawn")])
def test_the_same_pixels_with_any_number_of_workers_however_started(workers: int, start: str, tmp_path: Path) -> None:
    patches = np.stack([np.roll(PATCH, row, axis=0) for row in range(18)])
    np.save(tmp_path / "patches.npy", patches)
    store = PatchStore(tmp_path, "0" * 64, pd.DataFrame({"label": np.zeros(18, int)}), patches, crop_px=12, margin_px=4)
    training = TrainingPatches(store, np.arange(18), np.ones(18, np.float32), augmented("strong"), Mix(0.0, 0.0))
    steps = StepOrder(18, 5, 8, seed=3)
    apart = DataLoader(
        training, batch_sampler=steps, collate_fn=pass_on, num_workers=workers, multiprocessing_context=start
    )
    for batch, draws in zip(apart, steps, strict=True):
        assert (batch[0] == training.__getitems__(draws)[0]).all()


def test_the_centre_is_the_centre() -> None:
    assert (cut_centre(PATCH[None], 12)[0] == PATCH[4:16, 4:16]).all()
    assert cut_centre(PATCH, 20).shape == PATCH.shape


def test_stain_jitter_moves_each_stain_by_what_it_says_and_nothing_without_it() -> None:
    colours = PATCH // 4 + 100  # far from black and white, where amounts are cut off
    assert (StainJitter(0.0, 0.0, p=1.0)(image=colours)["image"] == colours).all()
    amounts = [density(image) @ np.linalg.inv(STAINS) for image in (colours, jittered(colours))]
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
