"""What is stored comes back equal, however it lay in memory."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import mitofm
from mitofm.ground.errors import MitofmError
from mitofm.ground.resumable import ResumableArray
from mitofm.ground.tensors import load_tensors, save_tensors

PLAIN = np.arange(48, dtype=np.float32).reshape(6, 8)
LAYOUTS = {
    "plain": PLAIN,
    "Fortran": np.asfortranarray(PLAIN),
    "transposed": PLAIN.T,
    "strided": PLAIN[::2, 1::3],
    "reversed": PLAIN[::-1, ::-1],
    "broadcast": np.broadcast_to(PLAIN[0], (6, 8)),
    "big-endian": PLAIN.astype(">f4"),
    "read only": np.frombuffer(PLAIN.tobytes(), np.float32).reshape(6, 8),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_of_any_layout(tmp_path: Path, layout: str) -> None:
    array = LAYOUTS[layout]
    save_tensors(tmp_path / "x", {"it": array, "scalar": np.array(3.5), "flags": array[:, 0] > 9})
    found = load_tensors(tmp_path / "x")
    np.testing.assert_array_equal(found["it"].numpy(), array)
    np.testing.assert_array_equal(found["flags"].numpy(), array[:, 0] > 9)
    assert found["it"].dtype == torch.float32
    assert (found["scalar"].shape, found["scalar"].dtype, found["scalar"].item()) == ((), torch.float64, 3.5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_embeddings_of_any_layout(tmp_path: Path, layout: str) -> None:
    array = LAYOUTS[layout]
    with ResumableArray(tmp_path / "x.npy", array.shape, np.float32) as stored:
        stored.write(np.arange(len(array))[::-1], array[::-1])
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), array)


def test_tensors_of_any_layout_and_those_that_share_memory(tmp_path: Path) -> None:
    base = torch.arange(48, dtype=torch.bfloat16).reshape(6, 8)
    given = {"all": base, "again": base, "part": base[2:4], "turned": base.T, "wide": base[:1].expand(6, 8),
             "trained": torch.nn.Parameter(torch.ones(2)), "none": torch.empty(0, 3)}  # fmt: skip
    save_tensors(tmp_path / "x", given)
    found = load_tensors(tmp_path / "x")
    assert found.keys() == given.keys()
    assert all(torch.equal(found[name], given[name]) for name in given)


def test_nothing_else_writes_safetensors() -> None:
    package = Path(mitofm.__file__).parent
    assert [path.name for path in package.rglob("*.py") if "save_file" in path.read_text()] == ["tensors.py"]


def test_changed_numbers_are_refused_and_files_without_a_sum_are_read(tmp_path: Path) -> None:
    file = tmp_path / "x"
    save_tensors(file, {"a": torch.arange(8.0), "b": torch.tensor(2.5)})
    held = bytearray(file.read_bytes())
    held[-3] ^= 1
    file.write_bytes(held)
    with pytest.raises(MitofmError, match="has changed since it was written"):
        load_tensors(file)
    save_file({"a": torch.arange(8.0)}, file)
    assert torch.equal(load_tensors(file)["a"], torch.arange(8.0))
