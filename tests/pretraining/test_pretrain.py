from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mitofm.backbones.build import build
from mitofm.backbones.weights import Weights
from mitofm.commands.composing.asking import ask
from mitofm.ground import seeds
from mitofm.ground.errors import MitofmError
from mitofm.pretraining import run
from mitofm.pretraining.crops import Crops, render_slides
from mitofm.pretraining.masked import MaskedAutoencoder
from mitofm.pretraining.settings import PretrainSettings
from mitofm.synthesis import tissue
from mitofm.synthesis.domains import DOMAINS, SCANNERS

SMALL = (
    "backbone=toy_vit_p16",
    "crops=48",
    "batch_size=8",
    "decoder={width: 16, depth: 1, heads: 2}",
    "contrast.width=8",
    "tissue.slides_per_domain=1",
    "tissue.cells_per_slide=2",
    "precision=fp32",
    "accelerator=cpu",
    "threads=1",
    "progress=false",
    "checkpoint_seconds=0",
    "log_every=2",
)


@pytest.fixture
def config(shared: Path, tmp_path: Path) -> Callable[..., PretrainSettings]:
    paths = (f"paths.cache={shared}/cache", f"paths.runs={tmp_path}/runs")
    return lambda *overrides: ask(PretrainSettings, "pretrain", [*SMALL, *paths, *overrides])


@pytest.fixture
def unlabelled(config: Callable[..., PretrainSettings], shared: Path) -> np.ndarray:
    return render_slides(config().tissue, shared / "cache")


def test_it_ends_in_weights_that_the_backbone_loads_with_a_card_and_a_log(
    config: Callable[..., PretrainSettings],
) -> None:
    given = config()
    file = run.pretrain(given)
    assert {value.dtype for value in load_file(file).values()} == {torch.bfloat16}
    spec = replace(given.backbone, weights="pretrained")
    loaded = build(spec, Weights(file, "any"), seed=1).trunk.state_dict()
    random = build(spec, Weights(None, "random"), seed=given.seed).trunk.state_dict()
    assert not torch.equal(loaded["blocks.0.attn.qkv.weight"], random["blocks.0.attn.qkv.weight"])
    with (file.parent / "log.csv").open() as log:
        rows = list(csv.DictReader(log))
    assert [(row["step"], row["crops"]) for row in rows] == [("2", "16"), ("4", "32"), ("6", "48")]
    assert f"{rows[-1]['loss']} (mean squared error" in (file.parent / "README.md").read_text()
    assert not (file.parent / "resume.ckpt").exists()
    before = file.stat().st_mtime_ns
    (file.parent / "resume.ckpt").touch()  # of a process that was killed after it had written the weights
    assert run.pretrain(given) == file
    assert file.stat().st_mtime_ns == before  # done: nothing is trained again
    assert not (file.parent / "resume.ckpt").exists()


@pytest.mark.parametrize("kills", [[1], [3], [5], [1, 2]], ids=str)
def test_interrupted_it_goes_on_to_the_same_weights(
    config: Callable[..., PretrainSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: list[int]
) -> None:
    whole = run.pretrain(config(f"paths.runs={tmp_path}/whole"))
    step = run.Pretraining.training_step

    def killed(self: run.Pretraining, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        if self.global_step == last:
            raise RuntimeError("killed")
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patched:
        patched.setattr(run.Pretraining, "training_step", killed)
        for last in kills:  # noqa: B007  `killed` reads it
            with pytest.raises(RuntimeError, match="killed"):
                run.pretrain(config())
    resumed = run.pretrain(config())
    assert resumed.read_bytes() == whole.read_bytes()
    logs = [
        [row.split(",")[:4] for row in (one.parent / "log.csv").read_text().splitlines()] for one in (whole, resumed)
    ]
    assert logs[0] == logs[1]  # the row of steps 3 and 4, too, which two processes did
    assert (whole.parent / "README.md").read_bytes() == (resumed.parent / "README.md").read_bytes()


def test_what_cannot_change_the_weights_names_no_other_folder(config: Callable[..., PretrainSettings]) -> None:
    file = run.pretrain(config("crops=8"))
    assert run.pretrain(config("crops=8", "threads=2", "log_every=1", "checkpoint_seconds=9")) == file
    assert run.pretrain(config("crops=8", "seed=1")) != file


def test_unlabelled_slides_are_none_of_the_labelled_ones(unlabelled: np.ndarray) -> None:
    assert unlabelled.shape == (7, tissue.compute_side(2), tissue.compute_side(2), 3)
    for row, (name, domain) in enumerate(DOMAINS.items()):
        rng = seeds.stream(0, "synthesis", name, 0)
        labelled = tissue.render(rng, domain, SCANNERS[domain.scanners[0]], 2, 0.5).image
        assert not np.array_equal(unlabelled[row], labelled)


def test_a_batch_is_a_function_of_seed_and_step(unlabelled: np.ndarray) -> None:
    one, other = (Crops(unlabelled, 32, 4, seed, reach=8, shift=2, radius=10) for seed in (0, 1))
    assert one[5].shape == (4, 32, 32, 3)
    assert torch.equal(one[5], one[5])
    assert not torch.equal(one[5], one[6])
    assert not torch.equal(one[5], other[5])


def test_the_second_half_shows_the_places_of_the_first(unlabelled: np.ndarray) -> None:
    batch = Crops(unlabelled, 32, 64, 0, reach=8, shift=0, radius=1e6)[0]  # surroundings stay
    colours = batch.float().mean(dim=(1, 2))  # turning and mirroring leave them
    assert torch.allclose(colours[:32], colours[32:])
    assert not torch.equal(batch[:32], batch[32:])
    assert len(colours[:32].unique(dim=0)) > 16


def test_a_second_view_shares_the_middle_only(unlabelled: np.ndarray) -> None:
    whole, exchanged = (
        Crops(unlabelled, 32, 64, 0, reach=8, shift=0, radius=radius)[0].float() for radius in (1e6, 12.0)
    )
    assert torch.equal(exchanged[:32], whole[:32])
    middle = slice(12, 20)
    assert torch.allclose(exchanged[32:, middle, middle], whole[32:, middle, middle], atol=3)
    corners = exchanged[32:, ::31, ::31].flatten(1)
    by = [
        step for step in range(32) if torch.allclose(corners, whole[32:, ::31, ::31].flatten(1).roll(step, 0), atol=1)
    ]
    assert len(by) == 1
    assert by != [0]


def test_the_darkest_spot_nearby_is_in_the_middle() -> None:
    slide = np.full((1, 96, 96, 3), 240, np.uint8)
    slide[0, 40:53, 40:53] = 40
    batch = Crops(slide, 32, 16, 0, reach=64, shift=0, radius=10)[0]
    assert (batch[:, 12:20, 12:20] == 40).all()


def autoencoder() -> MaskedAutoencoder:
    trunk = build(ask(PretrainSettings, "pretrain", SMALL).backbone, Weights(None, "random"), seed=0).trunk
    torch.manual_seed(0)
    return MaskedAutoencoder(trunk, 0.75, 16, 1, 2, projection=8, temperature=0.1).eval()


def test_the_encoder_sees_nothing_of_the_hidden_patches() -> None:
    model = autoencoder()
    images, order = torch.randn(2, 3, 64, 64), torch.rand(2, 16).argsort(dim=1)
    changed = images.clone()
    for image, hidden in zip(changed, order[:, model.visible :], strict=True):
        for patch in hidden.tolist():
            row, column = divmod(patch, 4)
            image[:, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16] += 1
    model.trunk.patch_drop.kept = order[:, : model.visible]
    with torch.inference_mode():
        assert torch.equal(model.trunk.forward_features(images), model.trunk.forward_features(changed))


def test_afterwards_the_trunk_sees_every_patch_again() -> None:
    model = autoencoder()
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        before = model.trunk.forward_features(images)
        model(images, torch.rand(2, 16).argsort(dim=1))
        assert torch.equal(model.trunk.forward_features(images), before)
    assert before.shape[1] == 17


def test_the_loss_of_saying_nothing_is_one() -> None:
    model = autoencoder()
    torch.nn.init.zeros_(model.head.weight)
    torch.nn.init.zeros_(model.head.bias)
    loss, _ = model(torch.randn(4, 3, 64, 64), torch.rand(4, 16).argsort(dim=1))
    assert loss.item() == pytest.approx(1, abs=1e-3)


def test_views_of_one_place_that_look_alike_are_told_from_the_others() -> None:
    model = autoencoder()
    tokens = torch.randn(4, 17, model.trunk.embed_dim)
    alike, unlike = torch.cat([tokens, tokens]), torch.cat([tokens, tokens.flip(0)])
    with torch.inference_mode():
        assert model._contrast(alike) < model._contrast(unlike)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("mask=0.99", "leaves 0 of 16 patches visible"),
        ("precision=fp8", "unknown precision 'fp8'"),
        ("backbone=resnet18", "needs a plain ViT"),
    ],
)
def test_what_cannot_be_pretrained_is_refused(
    config: Callable[..., PretrainSettings], wrong: str, message: str
) -> None:
    with pytest.raises(MitofmError, match=message):
        run.pretrain(config(wrong))
