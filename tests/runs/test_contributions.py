from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mitofm.runs import contributions, status, sums
from mitofm.runs.collect import DAMAGED, Collected, collect
from mitofm.runs.contributions import STATISTICS, Contributions, keep_contribution
from mitofm.runs.folder import DamagedCell
from mitofm.runs.measured import Measured, measure_cell

from ..made_up import Study


@pytest.fixture
def cells(tmp_path: Path) -> list[Path]:
    """Two finished cells, with votes and checksums."""
    study = Study(tmp_path / "runs")
    folders = [study.add(seed=seed, train_domain="lung") for seed in (42, 43)]
    for folder in folders:
        split = pd.read_parquet(folder / "split.parquet")
        agreement = np.where(np.arange(len(split)) % 3, "unanimous", "divided")
        split.assign(agreement=agreement, part="train").to_parquet(folder / "split.parquet", index=False)
        (folder / "config.yaml").write_text(f"backbone: {{name: uni}}\nseed: {folder.name.split('-')[3]}\n")
        Study.write(folder, "environment.json", {"device": "made up"})
        (folder / "DONE").write_text(sums.take(folder))
    return folders


def gather(folders: list[Path], cached: bool = True) -> Collected:
    runs = folders[0].parents[1]
    return collect(runs, "made_up", runs.parent / "cache" if cached else None)


def require_equal(one: Measured, other: Measured) -> None:
    def spell(measured: Measured) -> object:
        kinds = {f"{name} {kind}": of for name, parts in measured.agreed.items() for kind, of in parts.items()}
        sets = {
            name: (of.slides, of.samples, of.negatives, of.positives, of.counted, list(of.values))
            for name, of in {**measured.sets, **kinds}.items()
        }
        numbers = {
            name: {metric: of.of(metric).tobytes() for metric in of.values}
            for name, of in {**measured.sets, **kinds}.items()
        }
        counts = {name: column.tobytes() for name, column in measured.counts.numbers.items()}
        return sets, numbers, counts, measured.counts.names, measured.agreed_samples

    assert spell(one) == spell(other)
    assert len(one.sets) == 7
    assert one.agreed.keys() == {"all", "in_domain", "out_of_domain"}


@pytest.mark.parametrize("ended", [True, False], ids=["kept when the cells ended", "kept by the first report"])
def test_what_is_kept_is_what_the_files_say_and_is_neither_read_nor_measured_again(
    cells: list[Path], ended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, cache = gather(cells, cached=False), cells[0].parents[2] / "cache"
    if ended:
        for folder in cells:
            keep_contribution(folder, cache)
    else:
        for folder in cells:
            gather(cells).contributions.measure(folder.name)  # type: ignore[union-attr]
    expected = [measure_cell(folder) for folder in cells]
    monkeypatch.setattr(contributions, "measure_cell", lambda folder: pytest.fail("measured again"))
    monkeypatch.setattr(contributions, "read_said", lambda folder: pytest.fail("read again"))
    found = gather(cells)
    pd.testing.assert_frame_equal(found.cells, plain.cells)
    for folder, own in zip(cells, expected, strict=True):
        assert found.config(folder.name) == plain.config(folder.name)
        assert found.tested(folder.name) == plain.tested(folder.name)
        assert found.device(folder.name) == plain.device(folder.name) == "made up"
        assert found.predictions_sha256(folder.name) == plain.predictions_sha256(folder.name)
        assert found.contributions is not None
        require_equal(found.contributions.measure(folder.name), own)


@pytest.mark.parametrize("name", ["predictions.parquet", "metrics.json", "cell.json", "cost.json"])
def test_a_file_that_is_another_one_is_noticed_though_all_is_kept(cells: list[Path], name: str) -> None:
    for folder in cells:
        keep_contribution(folder, cells[0].parents[2] / "cache")
    assert len(gather(cells).said) == 2
    content = bytearray((cells[0] / name).read_bytes())
    content[len(content) // 2] ^= 1
    (cells[0] / name).write_bytes(content)
    found = gather(cells)
    assert list(found.said) == [cells[1].name]
    if name == "predictions.parquet":
        with pytest.raises(DamagedCell):
            found.contributions.measure(cells[0].name)  # type: ignore[union-attr]
    else:
        assert found.cells.set_index("cell").loc[cells[0].name, "state"] == DAMAGED


def test_a_kept_one_that_is_damaged_is_made_again(cells: list[Path]) -> None:
    runs, cache = cells[0].parents[1], cells[0].parents[2] / "cache"
    keep_contribution(cells[0], cache)
    expected = measure_cell(cells[0])
    for entry in (cache / STATISTICS).iterdir():
        content = bytearray(entry.read_bytes())
        content[-3] ^= 1
        entry.write_bytes(content)
    found = gather(cells)
    assert found.config(cells[0].name)["seed"] == 42
    require_equal(found.contributions.measure(cells[0].name), expected)  # type: ignore[union-attr]
    require_equal(Contributions(runs, cache).measure(cells[0].name), expected)


def test_cells_of_before_checksums_are_read_and_named_by_their_content(cells: list[Path]) -> None:
    (cells[0] / "DONE").write_text("")
    found = gather(cells)
    assert list(found.said) == [cells[1].name]
    assert found.contributions is not None
    expected = measure_cell(cells[0])
    require_equal(found.contributions.measure(cells[0].name), expected)
    require_equal(gather(cells).contributions.measure(cells[0].name), expected)  # type: ignore[union-attr]


@pytest.mark.parametrize("chances", [True, False])
def test_samples_are_those_of_the_predictions_read_or_kept_when_the_cell_ended(
    cells: list[Path], chances: bool
) -> None:
    cache = cells[0].parents[2] / "cache"
    table = pd.read_parquet(cells[0] / "predictions.parquet")
    if chances:
        table = table.assign(test_chance=np.linspace(0.1, 1, len(table)))
        table.to_parquet(cells[0] / "predictions.parquet", index=False)
        (cells[0] / "DONE").write_text(sums.take(cells[0]))
    for _ in range(2):
        found = Contributions(cells[0].parents[1], cache).sample(cells[0].name)
        assert found.keys() == {"slide", "evaluation_set", "label", "logit", *(["test_chance"] if chances else [])}
        for name, column in found.items():
            assert column.tolist() == table[name].tolist()
    keep_contribution(cells[1], cache)
    (cells[1] / "predictions.parquet").rename(cells[1] / "kept elsewhere")
    with pytest.raises(DamagedCell):  # it is named by what the cell holds
        Contributions(cells[0].parents[1], cache).sample(cells[1].name)


def test_files_of_which_status_has_noted_that_they_are_whole_are_not_read_once_more(
    cells: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, cache = cells[0].parents[1], cells[0].parents[2] / "cache"
    list(status.tabulate(runs, "made_up", cache))
    compared = []
    is_whole = contributions._is_whole
    monkeypatch.setattr(
        contributions, "_is_whole", lambda folder, *seen: (compared.append(Path(folder)), is_whole(folder, *seen))[1]
    )
    Study.write(cells[0], "cost.json", {"seconds": 12345})
    assert set(gather(cells).said) == {cells[1].name}
    assert compared == [cells[0]]
