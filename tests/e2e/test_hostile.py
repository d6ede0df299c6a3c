"""What somebody may send: refused or harmless. docs/security.md has the whole table, with the tests that are elsewhere."""

import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import yaml

from mitofm.backbones.embeddings import cache_embeddings, locate_embeddings
from mitofm.data.images.open import open_image
from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import read
from mitofm.runs.execute import run, run_again
from mitofm.runs.folder import State
from mitofm.training.settings import Paths

from ..peaks import holding_at_most

Small = Callable[..., Any]
SECRET = "a-secret-of-the-environment"


class Trap:
    """What runs code when it is unpickled by trust."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.touch, (self.target,)


@pytest.fixture
def stopped(small: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of a cell that was interrupted before its first step."""

    def stop(*_: Any) -> Any:
        raise KeyboardInterrupt

    composed = small("adaptation=full", "fit.max_steps=1")
    with monkeypatch.context() as patch:
        patch.setattr("mitofm.training.fit.fit_cell", stop)
        with pytest.raises(KeyboardInterrupt):
            run(composed)
    return next(tmp_path.glob("runs/cells/*"))


def paths(folder: Path) -> dict[str, str]:
    return yaml.safe_load((folder / "config.yaml").read_text())["paths"]


@pytest.mark.parametrize("target", ["pandas.read_pickle", "joblib.load", "os.system"])
def test_a_stored_config_builds_nothing_but_what_configs_describe(stopped: Path, tmp_path: Path, target: str) -> None:
    (tmp_path / "trap.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "it_ran")))
    config = yaml.safe_load((stopped / "config.yaml").read_text())
    config["augment"]["transforms"] = [{"_target_": target, "filename": str(tmp_path / "trap.pkl")}]
    (stopped / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(MitofmError, match="_target_"):
        run_again(stopped, read(Paths, paths(stopped)))
    assert not (tmp_path / "it_ran").exists()


def test_a_stored_config_does_not_read_the_environment(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", SECRET)
    config = yaml.safe_load((stopped / "config.yaml").read_text())
    config["augment"]["name"] = "${oc.env:A_TOKEN}"
    (stopped / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(MitofmError, match="asks for another cell") as refused:
        run_again(stopped, read(Paths, paths(stopped)))
    assert SECRET not in str(refused.value)
    written = b"".join(file.read_bytes() for file in stopped.parents[1].rglob("*") if file.is_file())
    assert SECRET.encode() not in written


def test_secrets_of_the_environment_are_in_no_file_of_a_cell(
    small: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("WANDB_API_KEY", "HF_TOKEN"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert run(small("logger=default")) is State.DONE
    assert len(list(tmp_path.glob("runs/wandb/offline-run*/*.wandb"))) == 1
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]


def test_a_state_to_resume_from_is_tensors_and_not_code(stopped: Path, tmp_path: Path) -> None:
    (stopped / "checkpoint").mkdir()
    torch.save({"state_dict": Trap(tmp_path / "it_ran")}, stopped / "checkpoint" / "resume.ckpt")
    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        run_again(stopped, read(Paths, paths(stopped)))
    assert not (tmp_path / "it_ran").exists()
    assert (stopped / "FAILED").is_file()


def test_a_header_of_4_gb_and_an_array_of_objects_are_no_embeddings(tmp_path: Path) -> None:
    store: Any = SimpleNamespace(key="k" * 16)
    file = locate_embeddings(store, "f" * 16, tmp_path)
    file.parent.mkdir()
    objects = tmp_path / "objects.npy"
    np.save(objects, np.array([Trap(tmp_path / "it_ran")], dtype=object), allow_pickle=True)
    claims = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1024), }"
    for content in (
        b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + claims,
        b"\x93NUMPY\x01\x00" + struct.pack("<H", len(claims) + 1) + claims + b"\n",
        objects.read_bytes(),
    ):
        file.write_bytes(content)
        with holding_at_most(10), pytest.raises(MitofmError, match="holds no embeddings"):
            cache_embeddings(
                store, "f" * 16, tmp_path, torch.nn.Module, device=torch.device("cpu"), precision=torch.float32
            )
    assert not (tmp_path / "it_ran").exists()


def test_an_image_that_would_fill_the_memory_is_refused_unopened(tmp_path: Path) -> None:
    side = 60_000  # 10.8 GB of pixels in a few MB
    strips = tifffile.TiffWriter(tmp_path / "bomb.tif")
    blank = zlib.compress(bytes(side * 3))
    with strips:
        strips.write(
            iter([blank]), shape=(1, side, 3), dtype="uint8", photometric="rgb", compression="zlib", rowsperstrip=1
        )
    small = (tmp_path / "bomb.tif").read_bytes()
    order = "<" if small[:2] == b"II" else ">"
    at = struct.unpack_from(f"{order}I", small, 4)[0]
    grown = bytearray(small)
    for entry in range(struct.unpack_from(f"{order}H", small, at)[0]):
        tag = at + 2 + 12 * entry
        if struct.unpack_from(f"{order}H", small, tag)[0] in (257, 278):  # image length, rows per strip
            struct.pack_into(f"{order}HHII", grown, tag, struct.unpack_from(f"{order}H", small, tag)[0], 4, 1, side)
    (tmp_path / "bomb.tif").write_bytes(grown)

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    (tmp_path / "bomb.png").write_bytes(png)
    for name in ("bomb.tif", "bomb.png"):
        with pytest.raises(MitofmError, match=f"{name}: 60000 x 60000 px would have to be decoded at once"):
            open_image(tmp_path / name)
