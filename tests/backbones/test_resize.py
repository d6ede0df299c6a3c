"""Images are resized on a GPU as on the CPU, and there as an image library would."""

import numpy as np
import pytest
import torch
from PIL import Image

from mitofm.backbones.resize import resize, resize_by_products

NOISE = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("side", [40, 96, 224])
def test_products_of_matrices_give_what_image_libraries_give(side: int, interpolation: str) -> None:
    way = Image.Resampling[interpolation.upper()]
    expected = [np.asarray(Image.fromarray(one.permute(1, 2, 0).numpy()).resize((side, side), way)) for one in NOISE]
    library = torch.from_numpy(np.stack(expected)).permute(0, 3, 1, 2).float()
    for found in (resize(NOISE, side, interpolation).float(), resize_by_products(NOISE, side, interpolation)):
        apart = (found - library).abs()
        assert apart.max() <= 2
        assert (apart > 0).float().mean() < 0.15
        assert torch.equal(found, found.round())


def test_autocast_does_not_round_what_is_resized() -> None:
    expected = resize_by_products(NOISE, 96, "bicubic")
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(resize_by_products(NOISE, 96, "bicubic"), expected)
