import numpy as np

from mitofm.adaptation.choosing import make_folds


def test_folds_to_choose_on_are_drawn_anew_by_each_seed_and_each_holds_both_classes() -> None:
    size = np.array(
        [389, 266, 136, 69, 36, 216, 106, 19]
    )  # far apart: grouped by size they would be the same at any seed
    slides = np.repeat([f"s{number}" for number in range(len(size))], size)
    labels = np.arange(len(slides)) % 3 % 2
    held_out = {seed: [rows for _, rows in make_folds(labels, slides, 2, seed)] for seed in range(20)}
    assert len({frozenset(tuple(rows) for rows in parts) for parts in held_out.values()}) > 3
    for fitting, rows in make_folds(labels, slides, 5, 0):
        assert sorted([*fitting, *rows]) == list(range(len(labels)))
        assert not set(slides[fitting]) & set(slides[rows])
        assert len(set(labels[rows])) == 2


def test_there_are_as_many_folds_as_slides_of_the_rarer_class_and_none_of_one() -> None:
    slides = np.repeat(["a", "b", "c", "d"], 4)
    labels = np.tile([0, 1], 8)
    assert len(make_folds(np.where(slides == "d", 0, labels), slides, 5, 0)) == 3
    assert make_folds(np.where(slides == "a", labels, 0), slides, 5, 0) == []
