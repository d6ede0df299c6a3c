"""`hydra/sweeper=search`: Hydra's side of it. Hydra takes sweepers from the namespace package `hydra_plugins` alone.

Every program in this environment that uses Hydra imports this file as it starts, so mitofm and optuna are imported in its
methods only.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.errors import CompactHydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

if TYPE_CHECKING:
    from mitofm.commands.sweeping.searching import Ended

_log = logging.getLogger(__name__)


class SearchSweeper(Sweeper):
    """Searches settings by the AUROC on validation samples (`mitofm.commands.sweeping.searching`); `settings` are those of the YAML."""

    def __init__(self, **settings: Any) -> None:
        self.settings = {
            key: OmegaConf.to_container(one) if OmegaConf.is_config(one) else one for key, one in settings.items()
        }

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra hands over before `sweep`."""
        self.config, self.loader = config, hydra_context.config_loader
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self.launched = 0
        self.problems: list[Any] = []

    def sweep(self, arguments: list[str]) -> Any:
        """Search; the overrides are those of the command line, after the `params` of the study."""
        from mitofm.commands.sweeping.search_space import read_space
        from mitofm.commands.sweeping.searching import Search, read_settings
        from mitofm.runs.books.studies import find_journal
        from mitofm.runs.identity import Known

        assert self.config is not None
        settings = read_settings(self.settings)
        study = [f"{key}={value}" for key, value in (settings.params or {}).items()]
        space = read_space([*study, *arguments], self.loader)
        self.known = Known()
        folder = find_journal(Path(self.config.paths.runs), self.config.study).parent
        search = Search(space, settings, folder, self._run)
        best = search.search()
        repeated = f", mean of {len(best.cells)} cells" if len(best.cells) > 1 else ""
        _log.info(
            "best of %d trials, number %d: %s: validation AUROC %.4f%s; all are in %s",
            len(search.trials), best.number, best.describe(), best.auroc, repeated, search.file,
        )  # fmt: skip
        if self.problems:
            raise CompactHydraException(str(self.problems[0]))

    def _run(self, cells: Sequence[list[str]]) -> list[Ended]:
        """Launch the cells that have not ended, and note the others: they may be of another study."""
        from mitofm.commands.composing.command_line import read_choices
        from mitofm.runs.books import studies
        from mitofm.runs.folder import SETTLED

        assert self.config is not None
        states = [self._look(cell) for cell in cells]
        found = list(zip(cells, states, strict=True))
        ended = [
            studies.End(at.path.name, state, read_choices(cell)) for cell, (state, at) in found if state in SETTLED
        ]
        studies.note_ends(Path(self.config.paths.runs), self.config.study, ended)
        left = [cell for cell, (state, _) in found if state not in SETTLED]
        if left:
            assert self.launcher is not None
            jobs = self.launcher.launch([tuple(cell) for cell in left], initial_job_idx=self.launched)
            self.launched += len(left)
            self.problems += [job._return_value for job in jobs if isinstance(job._return_value, Exception)]
        return [self._read(cell) for cell in cells]

    def _look(self, cell: list[str]) -> tuple[Any, Any]:
        """The state of a cell, and its folder."""
        from mitofm.runs.folder import CellFolder
        from mitofm.runs.resolve import resolve
        from mitofm.runs.settled import read_state

        assert self.config is not None
        config = self.loader.load_sweep_config(self.config, cell)
        with open_dict(config):
            config.pop("hydra", None)
        settings = self.known.read(resolve(config))
        name = self.known.identify(settings).folder_name
        return read_state(settings, name), CellFolder(settings.paths.runs, name)

    def _read(self, cell: list[str]) -> Ended:
        from mitofm.commands.sweeping.searching import Ended
        from mitofm.ground.errors import MitofmError
        from mitofm.runs.folder import State
        from mitofm.runs.objective import read_objective

        state, folder = self._look(cell)
        if state is not State.DONE:
            return Ended(folder.path.name, None, folder.read_reason() or state.value)
        try:
            return Ended(folder.path.name, read_objective(folder.path))
        except MitofmError as error:
            return Ended(folder.path.name, None, str(error))
