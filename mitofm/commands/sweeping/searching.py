"""Searches settings with optuna: draws some, has their cells run, and learns from their AUROC on the validation samples.

No state of optuna is kept. A search that is started again draws the same settings from the same seed and finds their cells
finished, so that it goes on where it was killed, and ends as if it had not been. What it has drawn is written into the
study's folder for people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mitofm.commands.sweeping.search_space import Space
from mitofm.ground import below, fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import write_json
from mitofm.ground.settings import Count, Natural, read

if TYPE_CHECKING:
    import optuna

SWEEPER = "hydra_plugins.mitofm_search.SearchSweeper"


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """`conf/hydra/sweeper/search.yaml`, which says what each key is."""

    n_trials: Count
    n_jobs: Count
    sampler: Literal["tpe", "random"]
    pruner: Literal["median"] | None
    seed: Natural
    params: Mapping[str, Any] | None


@dataclass(frozen=True)
class Ended:
    """A cell that a search has asked for: its name, and its validation AUROC or else why there is none."""

    cell: str
    auroc: float | None
    reason: str = ""


@dataclass
class Trial:
    """Some settings that were drawn, and what they gave.

    Attributes:
        number: from 0.
        choices: by key, as they are typed.
        state: "complete"; "pruned" if the cells that were run were worse than those of half of the earlier trials; "failed"
            if a cell gave no AUROC.
        auroc: the mean over its cells on their validation samples; None if it failed.
        cells: their names.
        reason: why it failed.
    """

    number: int
    choices: dict[str, str]
    state: Literal["running", "complete", "pruned", "failed"] = "running"
    auroc: float | None = None
    cells: list[str] = field(default_factory=list)
    reason: str = ""

    def describe(self) -> str:
        """The settings, in words."""
        return ", ".join(f"{key}={value}" for key, value in self.choices.items())


def read_settings(sweeper: Mapping[str, Any]) -> SearchSettings:
    """The settings of a search; MitofmError if one is wrong, or optuna is not installed."""
    settings = read(SearchSettings, {key: one for key, one in sweeper.items() if key != "_target_"}, "hydra.sweeper")
    if find_spec("optuna") is None:
        raise MitofmError("hydra/sweeper=search needs optuna, which is not installed: pip install 'mitofm[optuna]'")
    from optuna import __version__

    if int(__version__.partition(".")[0]) < 4:
        raise MitofmError(
            f"hydra/sweeper=search needs optuna 4 or later, not {__version__}: pip install 'mitofm[optuna]'"
        )
    return settings


@dataclass
class Search:
    """A search.

    Attributes:
        space: that it draws from.
        settings: how it draws.
        folder: of its study, into which it writes `search-ID.json`.
        run: runs cells, each given by its overrides, and gives for each how it ended.
    """

    space: Space
    settings: SearchSettings
    folder: Path
    run: Callable[[Sequence[list[str]]], list[Ended]]
    trials: list[Trial] = field(default_factory=list)

    def search(self) -> Trial:
        """Run all trials; the best one. MitofmError if none is complete."""
        below.check(self.folder).mkdir(parents=True, exist_ok=True)
        while len(self.trials) < self.settings.n_trials:
            self._run_batch(min(self.settings.n_jobs, self.settings.n_trials - len(self.trials)))
            self._write()
        complete = [one for one in self.trials if one.state == "complete"]
        if not complete:
            raise MitofmError(f"none of {len(self.trials)} trials is complete. The first: {self.trials[0].reason}")
        return max(complete, key=lambda one: one.auroc or 0.0)  # the first of equal ones

    @property
    def file(self) -> Path:
        """The table of its trials; another space, sampler or seed has another one."""
        how = asdict(self.settings) | {"n_trials": None, "params": None}
        return self.folder / f"search-{fingerprints.of([self.space.text, how])[:8]}.json"

    def _run_batch(self, count: int) -> None:
        """Draw `count` trials before any of them is known, and run them repetition by repetition."""
        import optuna

        asked = [
            self._study.ask({key: one.distribution for key, one in self.space.drawn.items()}) for _ in range(count)
        ]
        running = []
        for one in asked:
            choices = {key: drawn.spell(one.params[key]) for key, drawn in self.space.drawn.items()}
            running.append((one, Trial(one.number, choices), self.space.list_cells(choices)))
        self.trials += [trial for _, trial, _ in running]
        scores: dict[int, list[float]] = {one.number: [] for one in asked}
        for repetition in range(len(self.space.repeated)):
            left = [(one, trial, cells) for one, trial, cells in running if trial.state == "running"]
            ended = self.run([cells[repetition] for _, _, cells in left])
            for (one, trial, _), end in zip(left, ended, strict=True):
                trial.cells.append(end.cell)
                if end.auroc is None:
                    trial.state, trial.auroc, trial.reason = "failed", None, end.reason
                    continue
                scores[one.number].append(end.auroc)
                trial.auroc = sum(scores[one.number]) / len(scores[one.number])
                one.report(trial.auroc, repetition)
                if repetition + 1 < len(self.space.repeated) and one.should_prune():
                    trial.state = "pruned"
        states = {"failed": optuna.trial.TrialState.FAIL, "pruned": optuna.trial.TrialState.PRUNED}
        for one, trial, _ in running:
            trial.state = "complete" if trial.state == "running" else trial.state
            if trial.state == "complete":
                self._study.tell(one, trial.auroc)
            else:
                self._study.tell(one, state=states[trial.state])

    @cached_property
    def _study(self) -> optuna.Study:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        seed = self.settings.seed
        samplers = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
        pruner = optuna.pruners.MedianPruner() if self.settings.pruner == "median" else optuna.pruners.NopPruner()
        return optuna.create_study(
            direction="maximize", sampler=samplers[self.settings.sampler](seed=seed), pruner=pruner
        )

    def _write(self) -> None:
        what = "AUROC on the validation samples, mean over repetitions"
        write_json(
            self.file, {"maximised": what, "space": self.space.text, "trials": [asdict(one) for one in self.trials]}
        )
