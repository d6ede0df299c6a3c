"""`mitofm count CELL_OR_CHECKPOINT slides=FOLDER`: the mitotic count of slides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mitofm.commands.composing.asking import ask_about
from mitofm.commands.predict import read_model
from mitofm.counting.settings import Counting
from mitofm.counting.words import format_amount, tell_density
from mitofm.ground.csv_cells import to_csv
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import write_text
from mitofm.ground.settings import Positive
from mitofm.ground.terminal import tell
from mitofm.ground.versions import Way
from mitofm.training.settings import Paths, Trainer

if TYPE_CHECKING:
    import numpy as np

    from mitofm.counting.slides import Slide
    from mitofm.data.dataset import Dataset
    from mitofm.inference.model import Model

TABLE = "slides.csv"
_WITH_DATA = "evaluate=true: the count is compared with annotations: give data=NAME, or nothing for the cell's own; no slides or region"
_NO_DIAGNOSIS = "Counts of a classifier's calls, not for diagnosis; what they are and are not: docs/count.md"


@dataclass(frozen=True, kw_only=True)
class CountSettings(Counting):
    """`conf/count.yaml`, which has no data set unless one is typed."""

    data: Mapping[str, Any] | None = None
    trainer: Trainer
    paths: Paths
    slides: Path | None
    image_mpp: Positive | None
    region: Path | None
    output: Path | None
    evaluate: bool
    cells: str | None
    versions: Way
    weights_file: str | None


def main(arguments: list[str]) -> None:
    """Count on every slide, print each count and its notes, and write the table; or compare with annotations."""
    subject = "a cell, a checkpoint's folder, or a study whose cells are evaluated"
    (given,), settings = ask_about(CountSettings, "count", arguments, subject)
    if not settings.evaluate:
        _work(given, settings)
        return
    for number, cell in enumerate(cells := _list_cells(given, settings), 1):
        if len(cells) > 1:
            tell(f"cell {number} of {len(cells)}: {cell}")
        own = settings if settings.data is not None else replace(settings, data=_read_own_data(cell, settings))
        _work(cell, own, _open_exhaustive(own))


def _work(given: str, settings: CountSettings, annotated: Dataset | None = None) -> None:
    """Count with one cell, and compare with what is `annotated`."""
    if (settings.data is None) == (settings.slides is None):
        raise MitofmError("give the slides: either slides=FOLDER (or one file), or data=NAME")
    import pandas as pd

    from mitofm.counting import folder
    from mitofm.counting.count import COLUMNS
    from mitofm.ground.fingerprints import Remembered
    from mitofm.inference.outputs import check_folder

    model = read_model(given, settings)
    counting = Counting(**{field.name: getattr(settings, field.name) for field in fields(Counting)})
    slides, name = _list_slides(settings, model)
    regions = _find_regions(settings.region, slides)
    masks = [_draw(region, slide) for region, slide in zip(regions, slides, strict=True)]
    points = _read_points(counting, slides)
    evaluated = "-evaluated" if annotated else ""
    out = settings.output or settings.paths.runs / "counts" / f"{model.name}-on-{name}{evaluated}"
    check_folder(out)
    remembered = Remembered(settings.paths.cache / "fingerprints")
    by_image = {slide.image: (mask, region) for slide, mask, region in zip(slides, masks, regions, strict=True)}

    def count(listed: Sequence[Slide], counting: Counting, out: Path) -> list[dict[str, Any]]:
        outlined = [by_image[slide.image] for slide in listed]
        wanted = folder.describe(model, listed, [region for _, region in outlined if region], counting, remembered)
        rows = _count(model, listed, [mask for mask, _ in outlined], points, counting, settings.trainer, out, wanted)
        write_text(out / TABLE, to_csv(pd.DataFrame(rows, columns=list(COLUMNS))))
        return rows

    if annotated:
        from mitofm.commands.evaluating import evaluate
        from mitofm.counting.evaluation import TABLE as DETECTION

        evaluate(model, annotated, slides, counting, out, count)
        tell(_NO_DIAGNOSIS, out / DETECTION)
        return
    for row in count(slides, counting, out):
        tell(_say(row, model.facts["labels"]["1"], counting.area_mm2))
    tell(_NO_DIAGNOSIS, out / TABLE)


def _list_cells(given: str, settings: CountSettings) -> list[str]:
    """The finished cells of a study, or what was given if that is none."""
    from mitofm.runs.books import studies
    from mitofm.runs.folder import CellFolder, State

    runs = settings.paths.runs
    if given not in studies.list_names(runs):
        return [given]
    named = [name for name in studies.read(runs, given).cells if (settings.cells or "") in name]
    cells = [name for name in named if CellFolder(runs, name).read_state() is State.DONE]
    if not cells:
        such = f" with {settings.cells!r} in its name" if settings.cells else ""
        raise MitofmError(f"study {given!r} in {runs} has no finished cell{such}")
    if settings.output is not None and len(cells) > 1:
        raise MitofmError(f"output={settings.output}: one folder cannot be that of {len(cells)} cells. Leave it out")
    return cells


def _read_own_data(given: str, settings: CountSettings) -> Mapping[str, Any]:
    """The data set that a cell was trained on, as its config has it."""
    from mitofm.ensembles.members import find_members, is_ensemble
    from mitofm.runs.cell_names import find_cell
    from mitofm.runs.folder import read_config

    if settings.slides is not None:
        raise MitofmError(_WITH_DATA)
    folder = find_cell(settings.paths.runs, given, "metrics.json")
    return read_config(find_members(folder)[0] if is_ensemble(folder) else folder)["data"]


def _open_exhaustive(settings: CountSettings) -> Dataset:
    """The data set whose annotations a count is compared with.

    Raises:
        MitofmError: there is none, it may lack figures, or parts of its slides were not to be counted on.
    """
    from mitofm.data.dataset import Dataset

    if settings.data is None or settings.region is not None:
        raise MitofmError(_WITH_DATA)
    dataset = Dataset(settings.data, settings.paths.cache)
    if not dataset.card.exhaustive:
        raise MitofmError(
            f"evaluate=true: the card of data set {dataset.card.name!r} does not say that every mitotic figure of its images is "
            "annotated (exhaustive: true), and without that what is found beside the annotations is not wrong. "
            "data.exhaustive=true says so of your own slides"
        )
    return dataset


def _list_slides(settings: CountSettings, model: Model) -> tuple[list[Slide], str]:
    """The slides, and a name for all of them."""
    from mitofm.counting.slides import list_of_data, list_of_folder
    from mitofm.data.dataset import Dataset

    if settings.data is not None:
        dataset = Dataset(settings.data, settings.paths.cache)
        return list_of_data(dataset, model, settings.other_resolution), dataset.card.name
    assert settings.slides is not None
    listed = list_of_folder(settings.slides, settings.image_mpp, model, settings.other_resolution)
    return listed, settings.slides.resolve().stem


def _find_regions(region: Path | None, slides: Sequence[Slide]) -> list[Path | None]:
    """The file of the region of each slide.

    Raises:
        MitofmError: a slide has none, or one file is given for several slides.
    """
    if region is None:
        return [None] * len(slides)
    if region.is_file():
        if len(slides) > 1:
            raise MitofmError(
                f"region={region}: one region cannot be that of {len(slides)} slides. Give a folder with NAME.geojson for each"
            )
        return [region]
    found: list[Path | None] = [region / f"{slide.path.stem}.geojson" for slide in slides]
    for path, slide in zip(found, slides, strict=True):
        if path is not None and not path.is_file():
            raise MitofmError(f"region={region}: there is no {path.name} for {slide.path}")
    return found


def _draw(region: Path | None, slide: Slide) -> np.ndarray | None:
    """The region of a slide on its small picture."""
    from mitofm.counting.region import draw_region, read_region
    from mitofm.data.proposals.tissue import choose_step

    if region is None:
        return None
    step = choose_step(slide.mpp)
    return draw_region(read_region(region), slide.width, slide.height, step, f"region={region}: {slide.path}")


def _read_points(counting: Counting, slides: Sequence[Slide]) -> dict[str, np.ndarray]:
    """The positions of the file that takes the place of proposals, by image; empty if there is none."""
    if counting.file is None:
        return {}
    from mitofm.counting.points_file import read_points

    mpps = {slide.image: slide.mpp for slide in slides}
    return read_points(Path(counting.file), [slide.image for slide in slides], mpps)


def _count(
    model: Model,
    slides: Sequence[Slide],
    masks: Sequence[np.ndarray | None],
    points: Mapping[str, np.ndarray],
    counting: Counting,
    trainer: Trainer,
    out: Path,
    wanted: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """The row of each slide."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from mitofm.counting.count import Task, count_slide
    from mitofm.counting.folder import claim, name_slides
    from mitofm.data.proposals.tissue import choose_step
    from mitofm.ground.files import guarding
    from mitofm.ground.locks import lock
    from mitofm.inference.scorer import Scorer
    from mitofm.reporting.count_page import PAGE, write_count_page

    origin = {"cell": model.facts["cell"], "threshold": counting.threshold or model.facts["threshold"]["value"]}
    words, shown = model.facts["labels"], origin | {"cell": model.name}
    rows = []
    columns = (TextColumn("counting"), BarColumn(), TextColumn("{task.fields[slide]}"), TimeRemainingColumn())
    with lock(out.with_name(f".{out.name}.lock")) as held, guarding(out, held.require):
        claim(out, wanted)
        scorer = Scorer(model, trainer)
        areas = [slide.width * slide.height for slide in slides]
        with Progress(*columns, disable=not trainer.progress, transient=True) as bar:
            task = bar.add_task("", total=sum(areas), slide="")
            named = zip(slides, masks, areas, name_slides(slides), strict=True)
            for slide, mask, area, name in named:
                bar.update(task, slide=name)

                def advance(share: float, area: int = area) -> None:
                    bar.advance(task, share * area)

                asked = Task(slide, mask, points.get(slide.image), out / name, advance)
                row = count_slide(asked, scorer, counting, origin)
                if not (out / name / PAGE).is_file():
                    write_count_page(out / name, slide.path, row, choose_step(slide.mpp), words, shown)
                rows.append(row)
    return rows


def _say(row: Mapping[str, Any], word: str, area_mm2: float) -> str:
    """A slide's count in one line."""
    notes = f" ({row['notes']})" if row["notes"] else ""
    if row["mitotic_figures"] is None:
        return f"{row['image']}: no count{notes}"
    return (
        f"{row['image']}: hotspot of {area_mm2:g} mm²: {row['hotspot_count']} x {word}, interval {row['hotspot_low']:.1f} to "
        f"{row['hotspot_high']:.1f}; {row['mitotic_figures']} in {format_amount(row['tissue_mm2'])} mm², "
        f"{tell_density(row)}{notes}"
    )
