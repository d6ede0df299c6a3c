from mitofm.ground.seeds import derive, stream


def test_streams_are_independent_and_fixed() -> None:
    assert derive(0, "order", 1) == derive(0, "order", 1)
    names = [(0, "order", 1), (0, "order", 2), (1, "order", 1), (0, "order"), (0, "augmentation", 1)]
    assert len({derive(*name) for name in names}) == len(names)
    assert stream(0, "x").random() == stream(0, "x").random()
