"""One cell: trained, or loaded, and used on images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scipy.special import expit

from mitofm.api.choices import spell
from mitofm.api.images import check_patches
from mitofm.commands.composing.asking import ask
from mitofm.commands.composing.compose import compose
from mitofm.commands.predict import read_model
from mitofm.evaluation.calibration import read_shift
from mitofm.evaluation.threshold import call_positives, read_logit
from mitofm.ground.errors import MitofmError
from mitofm.ground.versions import Way
from mitofm.runs.cell_names import find_cell
from mitofm.runs.execute import check, run
from mitofm.runs.folder import CellFolder, State, read_config
from mitofm.runs.identity import identify
from mitofm.runs.resolve import resolve
from mitofm.runs.said import read_metrics
from mitofm.runs.tables import read_predictions, read_split
from mitofm.training.settings import Paths, Trainer

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mitofm.inference.model import Model
    from mitofm.inference.scorer import Scorer

_DONE = "metrics.json"


@dataclass(frozen=True, kw_only=True)
class LoadSettings:
    """`conf/load.yaml`."""

    trainer: Trainer
    paths: Paths
    versions: Way
    weights_file: str | None


@dataclass(frozen=True)
class Cell:
    """A finished cell of the grid.

    Attributes:
        folder: with its files.
        settings: folders, and the trainer that scores.
    """

    folder: Path
    settings: LoadSettings

    @property
    def name(self) -> str:
        """Of the folder; `mitofm` commands take it."""
        return self.folder.name

    @property
    def config(self) -> dict[str, Any]:
        """The resolved config."""
        return read_config(self.folder)

    @property
    def metrics(self) -> pd.DataFrame:
        """A row for each evaluation set, by its name; columns as in `docs/selection.md`."""
        import pandas as pd

        return pd.DataFrame(read_metrics(self.folder / _DONE)["sets"]).T.rename_axis("set")

    @property
    def predictions(self) -> pd.DataFrame:
        """A row for each test sample and evaluation set: sample_id, slide, domain, label, logit, evaluation_set."""
        return read_predictions(self.folder / "predictions.parquet")

    @property
    def split(self) -> pd.DataFrame:
        """A row for each sample: sample_id, and the part that it is in."""
        return read_split(self.folder / "split.parquet")

    def predict(self, images: np.ndarray) -> pd.DataFrame:
        """Score patches (n, side, side, 3) uint8, RGB, cut at the resolution of training.

        Returns:
            A row for each patch: logit, probability, predicted (0 or 1, at the chosen threshold).

        Raises:
            MitofmError: they are no patches of the side that the cell was trained on; or the checkpoint or the weights of
                the backbone cannot be read.
        """
        import pandas as pd

        facts = self._model.facts
        logits = self._scorer.score(check_patches(images, facts["patches"]["crop_px"]))
        called = call_positives(logits, read_logit(facts["threshold"])).astype("int64")
        return pd.DataFrame({"logit": logits, "probability": expit(logits + read_shift(facts)), "predicted": called})

    @cached_property
    def _model(self) -> Model:
        return read_model(str(self.folder), self.settings)

    @cached_property
    def _scorer(self) -> Scorer:
        from mitofm.inference.scorer import Scorer

        return Scorer(self._model, self.settings.trainer)


def train(*overrides: str, **choices: Any) -> Cell:
    """Train one cell, or find it finished; as `mitofm train`, in this process.

        mitofm.train(data="synthetic", backbone="nano", adaptation="lora", fraction=0.1, fit__max_epochs=2)

    Args:
        overrides: as they are typed, `"fit.max_epochs=2"`.
        choices: by key; a double underscore stands for a dot.

    Raises:
        MitofmError: a choice is wrong, or the cell cannot be had from these data (its reason is told).
    """
    composed = compose("train", spell(overrides, choices))
    settings = check(resolve(composed))
    state = run(composed)
    folder = CellFolder(settings.paths.runs, identify(settings).folder_name)
    if state is not State.DONE:
        raise MitofmError(f"{folder.path.name} is {state.value}: {folder.read_reason()}")
    return Cell(folder.path, replace(load_settings(), paths=settings.paths, trainer=settings.trainer))


def load(cell: str | Path, *overrides: str, **choices: Any) -> Cell:
    """Find a finished cell by its name, the beginning of its name, or its folder.

    Args:
        cell: the cell.
        overrides: of `conf/load.yaml`, such as `"trainer.accelerator=cpu"` or `"paths.runs=FOLDER"`.
        choices: as in `train`.

    Raises:
        MitofmError: there is no such cell, or it is not finished.
    """
    settings = load_settings(*overrides, **choices)
    return Cell(find_cell(settings.paths.runs, str(cell), _DONE), settings)


def load_settings(*overrides: str, **choices: Any) -> LoadSettings:
    """Compose `conf/load.yaml`."""
    return ask(LoadSettings, "load", spell(overrides, choices))
