"""A study as tables, two studies compared, and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mitofm.api.choices import spell
from mitofm.commands.composing.asking import ask
from mitofm.commands.report import ReportSettings
from mitofm.runs.collect import collect

if TYPE_CHECKING:
    import pandas as pd

    from mitofm.reporting.finding import Measured
    from mitofm.reporting.tables import Table
    from mitofm.runs.collect import Collected


@dataclass(frozen=True)
class Study:
    """The cells of a study, whatever their state.

    Attributes:
        name: of the study; None: all cells.
        settings: those of `mitofm report`: folders.
    """

    name: str | None
    settings: ReportSettings

    @cached_property
    def _collected(self) -> Collected:
        return collect(self.settings.paths.runs, self.name)

    @property
    def entries(self) -> pd.DataFrame:
        """A row for each cell: cell, state, reason, its labels (backbone, adaptation, fraction, seed, ...), its cost."""
        return self._collected.cells.copy()

    @property
    def metrics(self) -> pd.DataFrame:
        """A row for each finished cell and evaluation set: cell, set, metrics."""
        return self._collected.metrics.copy()

    @property
    def predictions(self) -> pd.DataFrame:
        """The predictions of all finished cells: cell, sample_id, slide, domain, label, logit, evaluation_set."""
        import pandas as pd

        found = {cell: self._collected.predictions(cell) for cell in self._collected.done["cell"]}
        return pd.concat(found, names=["cell"]).reset_index("cell").reset_index(drop=True)

    @property
    def results(self) -> pd.DataFrame:
        """A row for each configuration and evaluation set: the mean of each metric over seeds, with its interval."""
        from mitofm.reporting.findings.results import tabulate

        return self._join(lambda measured: [tabulate(measured.primary)])

    @property
    def differences(self) -> pd.DataFrame:
        """A row for each pair on the same samples, by `table` adaptations, models, fractions: difference of AUROC, interval, outcome."""
        from mitofm.reporting.findings.differences import compare_axes

        return self._join(lambda measured: [one.table for one in compare_axes(measured)])

    def _join(self, tabulate: Callable[[Measured], list[Table]]) -> pd.DataFrame:
        """The tables of every data set, one below the other."""
        import pandas as pd

        found = [table.full.assign(table=table.name) for one in self._measure() for table in tabulate(one)]
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame()

    def _measure(self) -> Iterator[Measured]:
        """What each data set measured."""
        from mitofm.reporting.chapter import measure_groups
        from mitofm.reporting.measured.configurations import group_cells
        from mitofm.reporting.measured.grouping import group_by
        from mitofm.reporting.measured.kept import Kept
        from mitofm.reporting.measured.stored import Stored

        stored = Stored(self._collected, Kept(self.settings.paths.cache / "statistics"))
        done = (group for group in group_cells(self._collected) if group.done)
        for _, groups in sorted(group_by(done, lambda group: group.configuration.dataset).items()):
            yield measure_groups(stored, groups, Path())


def study(name: str | None = None, *overrides: str, **choices: Any) -> Study:
    """The cells of a study; without a name all cells.

    Args:
        name: of the study.
        overrides: of `mitofm report`, such as `"paths.runs=FOLDER"`.
        choices: as in `train`.

    Raises:
        MitofmError: there is no such study; when a table is first asked for.
    """
    return Study(name, ask(ReportSettings, "report", spell(overrides, choices)))


def compare(first: str, second: str, *overrides: str, **choices: Any) -> pd.DataFrame:
    """AUROC of one study minus another, for every configuration that both have; as `mitofm compare`.

    Raises:
        MitofmError: there is no such study, or they have no configuration in common.
    """
    from mitofm.reporting.compare import compare as compare_studies

    paths = study(None, *overrides, **choices).settings.paths
    return compare_studies(paths.runs, first, second, paths.cache).full


def figures(name: str, out: str | Path, *overrides: str, **choices: Any) -> list[Path]:
    """Write the report of a study into the folder `out`; return its figures, as PNG. Each lies there as SVG and PDF too.

    Raises:
        MitofmError: there is no such study, no cell of it is finished, or files of something else are in the way.
    """
    from mitofm.reporting.report import make_report

    paths = study(name, *overrides, **choices).settings.paths
    make_report(paths.runs, name, Path(out), paths.cache)
    return sorted((Path(out) / "figures").rglob("*.png"))
