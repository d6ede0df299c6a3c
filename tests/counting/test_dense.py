import numpy as np

from mitofm.counting.dense import lay_grid


def test_a_grid_lies_in_the_mask() -> None:
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    places = lay_grid(mask, 32, 16, (128, 96))
    assert places.tolist() == [[72, 40], [88, 40], [72, 56], [88, 56]]
    assert len(lay_grid(~mask, 32, 16, (128, 96))) == 44
    assert lay_grid(np.zeros((3, 4), bool), 32, 16, (128, 96)).shape == (0, 2)
