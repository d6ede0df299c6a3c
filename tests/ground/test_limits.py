"""Small files that would cost much: refused before anything is expanded."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mitofm.commands.sweeping.launching import check_grid
from mitofm.ground import files, parquet
from mitofm.ground.errors import MitofmError
from mitofm.ground.stored_yaml import DEEPEST, parse_yaml
from mitofm.runs.books import studies
from mitofm.runs.folder import DamagedCell, read_config
from mitofm.runs.status import tabulate
from mitofm.runs.tables import PREDICTIONS, read_table

from ..peaks import holding_at_most


@contextmanager
def cheap(megabytes: float = 50) -> Iterator[None]:
    """What happens here takes little time and memory."""
    began = time.monotonic()
    with holding_at_most(megabytes):
        yield
    assert time.monotonic() - began < 20


def test_a_stored_yaml_has_no_aliases(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 3))]
    (tmp_path / "config.yaml").write_text("\n".join(lines))
    with cheap(), pytest.raises(MitofmError, match="aliases"):
        read_config(tmp_path)
    (tmp_path / "config.yaml").write_text("a: &b\n  c: *b\n")
    with pytest.raises(MitofmError, match="aliases"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    "deep",
    [
        "- " * (DEEPEST + 1) + "a",
        "{a: " * (DEEPEST + 1) + "}" * (DEEPEST + 1),
        "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
    ],
)
def test_a_stored_yaml_is_not_deep(deep: str) -> None:
    with cheap(), pytest.raises(ValueError, match="nested deeper"):
        parse_yaml(deep.encode())


def test_a_stored_yaml_is_no_book() -> None:
    with cheap(), pytest.raises(ValueError, match="bytes"):
        parse_yaml(b"a: 1\n" + b"#" * 2**22)


def test_what_is_stored_is_read() -> None:
    content: dict[str, Any] = {"a": [1, "x*y & z", None, True, 1e-3], "b": {"c": []}}
    for _ in range(DEEPEST - 8):
        content = {"in": content}
    assert parse_yaml(json.dumps(content).encode()) == content


def test_a_json_is_neither_deep_nor_endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.json").write_text('{"a":' * 200_000)
    with cheap(), pytest.raises(ValueError, match="nested too deep"):
        files.read_json(tmp_path / "a.json")
    monkeypatch.setattr(files, "_LONGEST_JSON", 10)
    with pytest.raises(ValueError, match="bytes"):
        files.read_json(tmp_path / "a.json")


def make_rows(count: int) -> pa.Table:
    """Predictions that are all the same."""
    values = {"label": pa.array(np.zeros(count, dtype=np.int64)), "logit": pa.array(np.zeros(count))}
    texts = {name: pa.array(np.full(count, "a", dtype=object)) for name in PREDICTIONS if name not in values}
    return pa.table(texts | values)


def test_a_table_of_few_bytes_has_not_many_rows(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    pq.write_table(make_rows(2_000_000), path, compression="zstd", write_page_checksum=True)
    assert path.stat().st_size < 100_000
    with cheap(), pytest.raises(DamagedCell, match="states 2000000 rows"):
        read_table(path, PREDICTIONS)


def test_a_text_is_not_repeated_till_the_memory_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "predictions.parquet"
    monkeypatch.setattr(parquet, "MOST_TEXT", 10**7)
    rows = make_rows(10_000).to_pandas().assign(domain="a" * 10_000)
    rows["domain"] = rows["domain"].astype("category")
    table = pa.Table.from_pandas(rows)
    schema = table.schema.set(table.schema.get_field_index("domain"), pa.field("domain", pa.string()))
    with pq.ParquetWriter(path, schema.remove_metadata(), compression="zstd") as writer:
        parts = table.replace_schema_metadata().to_batches(max_chunksize=1000)
        for part in parts:
            writer.write_table(pa.Table.from_batches([part]).cast(schema.remove_metadata()))
    with cheap(), pytest.raises(DamagedCell, match=r"its texts would be 0\.1 GB"):
        read_table(path, PREDICTIONS)


def test_an_honest_table_is_read_as_pandas_reads_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [f"sample {number}" if number % 7 else None for number in range(1000)]
    table = pd.DataFrame(
        {
            "sample_id": names,
            "slide": rng.choice(["a", "b"], 1000),
            "domain": pd.Categorical(rng.choice(["x", "y"], 1000)),
            "label": rng.integers(0, 2, 1000),
            "logit": rng.normal(size=1000),
            "evaluation_set": "",
        }
    )
    files.write_parquet(tmp_path / "a.parquet", table)
    found = read_table(tmp_path / "a.parquet", PREDICTIONS)
    pd.testing.assert_frame_equal(found, pd.read_parquet(tmp_path / "a.parquet"))
    assert list(parquet.read_table((tmp_path / "a.parquet").read_bytes(), lambda names: names[:2]).column_names) == [
        "sample_id",
        "slide",
    ]


def test_a_grid_of_ten_thousand_million_million_cells_is_not_listed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    grid = {"fixed": {}, "swept": [[f"key{place}", [str(value) for value in range(100)]] for place in range(8)]}
    studies.enlist(tmp_path, "s", "a-cell")
    studies.note_grid(tmp_path, "s", {}, {"seed": ["1", "2"]})
    (tmp_path / "studies" / "s" / "planned.json").write_text(json.dumps({"grids": [grid]}))
    studies.enlist(tmp_path, "t", "a-cell")
    studies.note_grid(tmp_path, "t", {}, dict(grid["swept"]))  # type: ignore[arg-type]
    with cheap():
        assert studies.read(tmp_path, "s").not_started() == (["seed=1", "seed=2"], 2)
        assert studies.read(tmp_path, "t").not_started() == ([], 0)
        assert "s: 2 of 2 planned cells not started" in "\n".join(tabulate(tmp_path, None))
    assert "a grid is left out" in caplog.text


def test_a_grid_that_is_typed_is_counted_before_it_is_composed() -> None:
    from mitofm.commands.composing.command_line import read_command_line

    line = read_command_line("train", ["seed=range(0,1000)", "fit.max_epochs=range(1,1000)"], None, multirun=True)
    with cheap(), pytest.raises(MitofmError, match="this grid has 999000 cells"):
        check_grid(line)
