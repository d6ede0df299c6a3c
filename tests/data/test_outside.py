from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mitofm.data.outside import clip
from mitofm.ground.errors import MitofmError

SEEN = pd.DataFrame({"width": [100, 0], "height": [80, 0], "mpp": [0.25, np.nan]}, index=["a.png", "gone.png"])


def samples(*centres: tuple[float, float], image: str = "a.png") -> pd.DataFrame:
    x, y = zip(*centres, strict=True)
    return pd.DataFrame({"sample_id": [f"s{i}" for i in range(len(x))], "image": image, "x": x, "y": y})


@pytest.mark.parametrize(
    ("centre", "clipped"),
    [
        ((50, 40), (50, 40)),
        ((0, 79.5), (0, 79.5)),  # inside the last pixel
        ((-2, 40), (0, 40)),
        ((100, 40), (99, 40)),
        ((-30, 90), (0, 79)),
        ((-32, 40), (0, 40)),  # one crop away
        ((-33, 40), None),
        ((50, 500), None),
    ],
)
def test_a_centre_within_a_crop_of_the_border_is_moved_to_it(
    centre: tuple[float, float], clipped: tuple[float, float] | None
) -> None:
    given = samples((10, 10), centre)
    table, moved, dropped = clip(Path("r"), given, SEEN, "clip", 32, None)
    assert table[["x", "y"]].to_numpy().tolist() == [[10, 10], *([list(clipped)] if clipped else [])]
    assert (moved.tolist()[1], dropped.tolist()[1]) == (clipped not in (None, centre), clipped is None)
    assert not moved[0] | dropped[0]
    _, moved, dropped = clip(Path("r"), given, SEEN, "drop", 32, None)
    assert not moved.any()
    assert dropped.tolist()[1] == (clipped != centre)


def test_a_crop_reaches_as_far_as_it_does_in_px_of_the_image() -> None:
    near = clip(Path("r"), samples((-60, 40)), SEEN, "clip", 32, 0.5)[
        1
    ]  # 32 px of 0.5 micrometres are 64 of the image's
    assert near.tolist() == [True]


def test_an_error_names_the_sample_and_the_way_out() -> None:
    with pytest.raises(
        MitofmError, match=r"r/a\.png: sample s1 lies at \(-2, 40\), outside this image of 100 x 80 px \(1 such.*clip"
    ):
        clip(Path("r"), samples((5, 5), (-2, 40)), SEEN, "error", 32, None)


def test_crops_and_unreadable_images_have_no_outside() -> None:
    assert len(clip(Path("r"), samples((-2000, 40)).assign(crop="a.png"), SEEN, "error", 32, None)[0]) == 1
    assert len(clip(Path("r"), samples((-2000, 40), image="gone.png"), SEEN, "error", 32, None)[0]) == 1
