"""Ways to save GPU memory, and the settings that batch norms or too many devices forbid."""

from __future__ import annotations

from torch import cuda, nn

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.backbones.build import Backbone
from mitofm.data.balance import group_samples
from mitofm.data.order import StepOrder
from mitofm.ground.errors import MitofmError
from mitofm.training.cell import Cell


def checkpoint_blocks(backbone: Backbone) -> None:
    """Keep only the input of each block, and compute the block again for its gradient.

    Raises:
        MitofmError: timm cannot do this with the backbone.
    """
    try:
        backbone.trunk.set_grad_checkpointing()
    except (AttributeError, AssertionError) as error:
        raise MitofmError(
            f"trainer.gradient_checkpointing: timm's {backbone.spec.architecture} (backbone {backbone.spec.name!r}) has no "
            "such thing: take trainer.accumulate or a smaller fit.batch_size"
        ) from error


def batch_norms_train(adaptation: GradientAdaptation, classifier: Classifier) -> bool:
    """Whether batch norms learn statistics in training: then the result depends on which samples pass together, and how often."""
    adaptation.set_train_mode(classifier)
    return any(
        isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training for module in classifier.modules()
    )


def refuse_idle_devices(cell: Cell) -> None:
    """Raise a MitofmError if there are more devices than GPUs, or than samples in the smallest batch."""
    rows, devices = cell.rows("train"), cell.trainer.devices
    if cell.device.type == "cuda" and devices > (gpus := cuda.device_count()):
        raise MitofmError(f"trainer.devices={devices}, but this process sees {gpus} GPU: take as many or fewer")
    groups = group_samples(cell.store.table.iloc[rows], cell.fit.sampler)
    smallest = StepOrder(len(rows), cell.fit.batch_size, steps=0, seed=0, groups=groups).smallest
    if devices > smallest:
        raise MitofmError(
            f"trainer.devices={devices}, but {len(rows)} training samples at fit.batch_size={cell.fit.batch_size} make batches of "
            f"{smallest}: take as many devices or fewer"
        )


def refuse_split_batches(cell: Cell, adaptation: GradientAdaptation, classifier: Classifier, pieces: int) -> None:
    """Raise a MitofmError if a setting of the trainer would change the statistics of a batch norm, and so the result."""
    settings = {
        f"trainer.devices={cell.trainer.devices}": cell.trainer.devices > 1,
        f"trainer.accumulate={pieces}": pieces > 1,
        "trainer.gradient_checkpointing=true": cell.trainer.gradient_checkpointing,
    }
    given = [setting for setting, is_given in settings.items() if is_given]
    if given and batch_norms_train(adaptation, classifier):
        raise MitofmError(
            f"{given[0]} would change the batch norms of backbone {cell.spec.name!r} under adaptation {adaptation.name!r}, "
            "and so the result: leave it out, or take a backbone without batch norms (a ViT, a ConvNeXt)"
        )
