"""`mitofm predict CELL_OR_CHECKPOINT data=NAME`: scores of a trained cell on any data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mitofm.commands.composing.asking import ask_about
from mitofm.ground.terminal import tell
from mitofm.ground.versions import Way
from mitofm.runs.cell_names import find_cell
from mitofm.training.settings import Paths, Trainer

if TYPE_CHECKING:
    from mitofm.inference.model import Model
    from mitofm.inference.trained import Checkpoint


@dataclass(frozen=True, kw_only=True)
class PredictSettings:
    """`conf/predict.yaml`."""

    data: Mapping[str, Any]
    trainer: Trainer
    paths: Paths
    output: Path | None
    samples: Path | None
    as_trained: bool
    versions: Way
    weights_file: str | None


def main(arguments: list[str]) -> None:
    """Write the scores in the format of the ending of `output`, and print where they are."""
    (given,), settings = ask_about(
        PredictSettings, "predict", arguments, "a cell, an ensemble or a checkpoint's folder"
    )
    paths = settings.paths
    from mitofm.inference import outputs

    if settings.output is None:
        outputs.check_folder(paths.runs / "predictions")
    else:
        outputs.check(settings.output)

    from mitofm.data.checks import summarize_remarks
    from mitofm.data.dataset import Dataset
    from mitofm.evaluation.threshold import read_logit
    from mitofm.inference.predict import cut_as_trained, score

    model = read_model(given, settings)
    data = cut_as_trained(settings.data, model) if settings.as_trained else settings.data
    changed = [f"{key}={data[key]}" for key in ("crop_px", "mpp") if data[key] != settings.data[key]]
    if changed:
        tell(f"patches are cut as the cell was trained: {', '.join(changed)} (as_trained=false: as the data set says)")
    if model.centre_px < (crop_px := model.facts["patches"]["crop_px"]):
        tell(f"of each patch its centre is seen, {model.centre_px} of {crop_px} px, as the cell was trained")
    out = settings.output or paths.runs / "predictions" / f"{model.name}-on-{data['name']}.parquet"
    for_slides = out.suffix.lower() == outputs.GEOJSON
    dataset = Dataset(data, paths.cache)
    outputs.refuse_own(out, dataset)
    found = score(model, dataset, paths.cache, settings.trainer, settings.samples, for_slides)

    threshold, words_of = model.facts["threshold"], model.facts["labels"]
    cut = read_logit(threshold)
    positive = int(found.table["predicted"].sum())
    tell(
        f"{len(found.table)} samples, {positive} called {words_of['1']} at log-odds {cut:.4g} or more "
        f"(probability {threshold['value']:.4g}; threshold by rule: {threshold['rule']})"
    )
    for remark in summarize_remarks(dataset.curated.remarks):
        tell(f"{remark.count} {remark.what}; the first: {remark.first}")
    if found.learned_from:
        told = "of these samples lie on slides that were trained or chosen on: their scores are not those of new slides"
        tell(f"{found.learned_from} {told}")
    if found.positions:
        tell(found.positions)
    if unknown := int(found.table["mpp"].isna().sum()):
        tell(f"of {unknown} samples no resolution is known: mpp is empty (data.image_mpp=... states it)")
    origin = {"cell": model.facts["cell"], "data": data["name"], "threshold": threshold["value"]}
    written = outputs.write(out, found.table, words_of, origin | {"threshold_logit": cut, "rule": threshold["rule"]})
    if len(written) > 1:
        tell(f"{len(written)} files, one for each image, as QuPath opens them:")
        out = out.with_name(f"{out.stem}-*{out.suffix}")
    tell(out)


class Reading(Protocol):
    """The settings by which a checkpoint is read."""

    @property
    def paths(self) -> Paths:
        """The folders of cells, weights and cache."""

    @property
    def versions(self) -> Way:
        """What is done about libraries of other versions."""

    @property
    def weights_file(self) -> str | None:
        """The backbone's weights, if they are not where the checkpoint says."""


def read_model(given: str, settings: Reading) -> Model:
    """Read what `given` names, a checkpoint's folder, a cell or an ensemble; print which libraries differ from those of training.

    Raises:
        MitofmError: there is none, or it cannot be used here.
    """
    from mitofm.ensembles.members import find_members, is_ensemble
    from mitofm.ensembles.reading import gather
    from mitofm.inference.model import Model

    if (Path(given) / "checkpoint.json").is_file():
        return Model.of(_read(Path(given), settings))
    found = find_cell(settings.paths.runs, given, "metrics.json")
    if is_ensemble(found):
        return gather(found, [_read(cell / "checkpoint", settings) for cell in find_members(found)])
    return Model.of(_read(found / "checkpoint", settings))


def _read(folder: Path, settings: Reading) -> Checkpoint:
    from mitofm.ground.fingerprints import Remembered
    from mitofm.inference.trained import read

    paths = settings.paths
    remembered = Remembered(paths.cache / "fingerprints")
    trained = read(folder, paths.weights, remembered, settings.versions, settings.weights_file)
    for line in trained.versions:
        tell(line)
    return trained
