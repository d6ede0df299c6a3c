"""Patch tokens, and features averaged over the eight views of a patch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mitofm.backbones import tokens
from mitofm.backbones.build import Backbone, build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.tokens import PatchTokens, open_tokens
from mitofm.backbones.views import DihedralMean
from mitofm.backbones.weights import Weights
from mitofm.data.dataset import Dataset
from mitofm.data.patches import PatchStore
from mitofm.ground.errors import MitofmError

Resolved = Callable[..., dict[str, Any]]
PATCHES = torch.randint(0, 256, (5, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def backbone(resolved: Resolved, *overrides: str) -> Backbone:
    config = resolved("backbone=toy_vit_p16", *overrides)
    return build(BackboneSpec.from_config(config["backbone"]), Weights(None, "random"), seed=1).eval()


def planned_tokens(store: PatchStore, seen: Backbone, cache: Path, limit_gb: float = 1.0) -> tokens.Tokens:
    where = {"device": torch.device("cpu"), "precision": torch.float32}
    return open_tokens(store, "f" * 64, cache, lambda: PatchTokens(seen), **where, limit_gb=limit_gb)


@pytest.fixture
def store(resolved: Resolved) -> PatchStore:
    config = resolved()
    return Dataset(config["data"], Path(config["paths"]["cache"])).store()


def test_tokens_are_the_patch_tokens_on_their_grid(resolved: Resolved) -> None:
    seen = backbone(resolved, "backbone.embedding=mean")
    with torch.inference_mode():
        grid = PatchTokens(seen)(PATCHES)
        assert grid.shape == (5, 4, 4, 96) == (5, *PatchTokens(seen).shape)
        torch.testing.assert_close(grid.flatten(1, 2).mean(1), seen(PATCHES))


def test_tokens_that_do_not_fit_are_computed_and_are_the_same(
    resolved: Resolved, store: PatchStore, tmp_path: Path
) -> None:
    seen, rows = backbone(resolved), np.asarray([7, 3, 3, 60])
    kept = planned_tokens(store, seen, tmp_path / "kept")
    computed = planned_tokens(store, seen, tmp_path / "computed", limit_gb=1e-6)
    assert list((tmp_path / "kept").rglob("*.npy"))
    assert not list((tmp_path / "computed").rglob("*.npy"))
    assert kept[rows].shape == (4, 16, 96)
    assert kept[rows].dtype == np.float32
    np.testing.assert_allclose(computed[rows], kept[rows], rtol=2e-3, atol=2e-3)  # one digit of a float16


def test_tokens_that_are_not_finite_are_refused(
    resolved: Resolved, store: PatchStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = backbone(resolved)
    monkeypatch.setattr(PatchTokens, "forward", lambda self, x: torch.full((len(x), *self.shape), 1e6))
    with pytest.raises(MitofmError, match="patch tokens that are not finite"):
        planned_tokens(store, seen, tmp_path)[np.arange(3)]


def test_a_network_without_tokens_is_refused(resolved: Resolved) -> None:
    cnn = backbone(resolved, "backbone=mobilenetv2", "backbone.weights=random", "backbone.img_size=32")
    with pytest.raises(
        MitofmError, match=r"'mobilenetv2' .* ends with no grid of patch tokens .* adaptation=mlp_probe"
    ):
        PatchTokens(cnn)


def turned(patches: torch.Tensor) -> torch.Tensor:
    return torch.rot90(patches, 1, (1, 2)).flip(1)


def test_embeddings_over_the_views_do_not_depend_on_how_a_patch_lies(resolved: Resolved) -> None:
    seen = backbone(resolved)
    with torch.inference_mode():
        mean = DihedralMean(seen)
        torch.testing.assert_close(mean(PATCHES), mean(turned(PATCHES)), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(seen(PATCHES), seen(turned(PATCHES)), atol=1e-2)
        views = [seen(torch.rot90(one, k, (1, 2))) for one in (PATCHES, PATCHES.flip(2)) for k in range(4)]
        torch.testing.assert_close(mean(PATCHES), torch.stack(views).mean(0), rtol=1e-4, atol=1e-5)


def test_tokens_over_the_views_turn_with_the_patch(resolved: Resolved) -> None:
    mean = DihedralMean(PatchTokens(backbone(resolved)))
    with torch.inference_mode():
        torch.testing.assert_close(mean(turned(PATCHES)), turned(mean(PATCHES)), rtol=1e-4, atol=1e-4)
