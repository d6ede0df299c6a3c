"""What may be done where a GPU's memory is short, and what a batch norm forbids."""

from __future__ import annotations

from torch import cuda, nn

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.backbones.build import Backbone
from mitofm.data.balance import group_samples
from mitofm.data.order import StepOrder
from mitofm.ground.errors import MitofmError
from mitofm.training.cell import Cell


def checkpoint_blocks(backbone: Backbone) -> None:
    """Keep a block's input only, and compute it again when gradients are taken.

    Raises:
        MitofmError: timm cannot do so with this backbone.
    """
    try:
        backbone.trunk.set_grad_checkpointing()
    except (AttributeError, AssertionError) as error:
        raise MitofmError(
            f"trainer.gradient_checkpointing: timm's {backbone.spec.architecture} (backbone {backbone.spec.name!r}) has no "
            "such thing: take trainer.accumulate or a smaller fit.batch_size"
        ) from error


def batch_norms_train(adaptation: GradientAdaptation, classifier: Classifier) -> bool:
    """Whether batch norms follow what they see in training, and so depend on which samples pass together, and how often."""
    adaptation.set_train_mode(classifier)
    return any(
        isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training for module in classifier.modules()
    )


def refuse_idle_devices(cell: Cell) -> None:
    """Refuse more devices than there are GPUs, or than the smallest batch has cells."""
    n, devices = len(cell.rows("train")), cell.trainer.devices
    if cell.device.type == "cuda" and devices > (gpus := cuda.device_count()):
        raise MitofmError(f"trainer.devices={devices}, but this process sees {gpus} GPU: take as many or fewer")
    drawn = group_samples(cell.store.table.iloc[cell.rows("train")], cell.fit.sampler)
    smallest = StepOrder(n, cell.fit.batch_size, steps=0, seed=0, groups=drawn).smallest
    if devices > smallest:
        raise MitofmError(
            f"trainer.devices={devices}, but {n} training cells at fit.batch_size={cell.fit.batch_size} make batches of "
            f"{smallest}: take as many devices or fewer"
        )


def refuse_split_batches(cell: Cell, adaptation: GradientAdaptation, classifier: Classifier, pieces: int) -> None:
    """Refuse settings of the trainer that would change a batch norm's statistics, and so the result."""
    given = {
        f"trainer.devices={cell.trainer.devices}": cell.trainer.devices > 1,
        f"trainer.accumulate={pieces}": pieces > 1,
        "trainer.gradient_checkpointing=true": cell.trainer.gradient_checkpointing,
    }
    if any(given.values()) and batch_norms_train(adaptation, classifier):
        setting = next(setting for setting, is_given in given.items() if is_given)
        raise MitofmError(
            f"{setting} would change the batch norms of backbone {cell.spec.name!r} under adaptation {adaptation.name!r}, "
            "and so the result: leave it out, or take a backbone without batch norms (a ViT, a ConvNeXt)"
        )
