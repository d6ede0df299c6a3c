import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mitofm.data.order import StepOrder, batches_per_pass


@given(
    n=st.integers(1, 60),
    batch=st.integers(1, 20),
    steps=st.integers(1, 40),
    start=st.integers(0, 39),
    seed=st.integers(0, 9),
)
def test_a_late_start_gives_the_rest_of_the_whole(n: int, batch: int, steps: int, start: int, seed: int) -> None:
    whole = list(StepOrder(n, batch, steps, seed))
    assert len(whole) == steps
    assert list(StepOrder(n, batch, steps, seed, start)) == whole[start:]


@given(n=st.integers(1, 60), batch=st.integers(1, 20), seed=st.integers(0, 9))
def test_each_pass_sees_each_cell_once_in_even_batches(n: int, batch: int, seed: int) -> None:
    per_pass = batches_per_pass(n, batch)
    steps = list(StepOrder(n, batch, 2 * per_pass, seed))
    for one_pass in (steps[:per_pass], steps[per_pass:]):
        assert sorted(index for step in one_pass for index, _ in step) == list(range(n))
        sizes = [len(step) for step in one_pass]
        assert max(sizes) <= batch
        assert max(sizes) - min(sizes) <= 1


def test_every_sample_of_every_step_has_a_stream_of_its_own() -> None:
    seeds = [seed for step in StepOrder(10, 4, 6, 0) for _, seed in step]
    assert len(set(seeds)) == len(seeds)
    first, second = (np.array([i for step in StepOrder(10, 4, 3, s) for i, _ in step]) for s in (0, 1))
    assert (first != second).any()


GROUPS = st.lists(st.integers(1, 20), min_size=1, max_size=4)


@given(sizes=GROUPS, batch=st.integers(1, 20), start=st.integers(0, 39), seed=st.integers(0, 9))
def test_balanced_orders_start_late_too(sizes: list[int], batch: int, start: int, seed: int) -> None:
    groups = grouped(sizes)
    whole = list(StepOrder(sum(sizes), batch, 40, seed, groups=groups))
    assert list(StepOrder(sum(sizes), batch, 40, seed, start, groups)) == whole[start:]
    seeds = [one for step in whole for _, one in step]
    assert len(set(seeds)) == len(seeds)  # also where a batch holds a sample twice


@given(sizes=GROUPS, batch=st.integers(1, 20), seed=st.integers(0, 9))
def test_groups_share_every_batch_and_each_visits_all_its_cells_in_turn(
    sizes: list[int], batch: int, seed: int
) -> None:
    groups = grouped(sizes)
    steps = list(StepOrder(sum(sizes), batch, 60, seed, groups=groups))
    for step in steps:
        shares = [sum(sample in members for sample, _ in step) for members in groups.values()]
        assert max(shares) - min(shares) <= 1
        assert 1 <= len(step) <= batch
    for members in groups.values():
        drawn = [sample for step in steps for sample, _ in step if sample in members]
        n = len(members)
        for round_ in range(len(drawn) // n):
            assert sorted(drawn[round_ * n : (round_ + 1) * n]) == members.tolist()


def grouped(sizes: list[int]) -> dict[tuple[str, ...], np.ndarray]:
    bounds = np.cumsum([0, *sizes])
    return {(str(i),): np.arange(bounds[i], bounds[i + 1]) for i in range(len(sizes))}


def test_the_smallest_batch_is_the_smallest_that_is_given() -> None:
    groups = {(str(place),): np.array([place]) for place in range(9)} | {("9",): np.arange(9, 17)}
    order = StepOrder(17, 16, 8, 0, groups=groups)
    assert order.smallest == min(map(len, order))
