"""Ends `mitofm train` for a cell that is known to have ended, before Hydra is imported: agents and scripts ask for one at a time."""

from __future__ import annotations

from collections.abc import Sequence

from mitofm.commands.composing.recalling import recall_command
from mitofm.ground.errors import MitofmError
from mitofm.ground.terminal import tell
from mitofm.runs.books import studies
from mitofm.runs.books.studies import End
from mitofm.runs.folder import SETTLED
from mitofm.runs.identity import Known
from mitofm.runs.settled import read_state


def skip(arguments: Sequence[str]) -> bool:
    """Whether a command line of `train` asks for one cell that has ended; then that is told and noted.

    False also if it is not known, or if anything is wrong: the command will say what.

    Raises:
        MitofmError: the cell has ended, and its study has stated other comparisons.
    """
    kept = recall_command(arguments)
    if kept is None:
        return False
    config, chosen = kept
    try:
        known = Known()
        settings = known.read(config)
        name = known.identify(settings).folder_name
        state = read_state(settings, name)
    except (MitofmError, OSError):
        return False
    if state not in SETTLED:
        return False
    runs, study = settings.paths.runs, settings.study
    studies.state_comparisons(runs, study, config.get("comparisons"))
    studies.note_ends(runs, study, [End(name, state, chosen)])
    tell(f"{state.value:7} {name} (already)")
    return True
