"""`mitofm completion bash|zsh|fish`: prints what a shell needs to complete commands, groups, keys, studies and cells at a Tab."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from mitofm.commands.showing.helping import COMMANDS, CONFIGS
from mitofm.ground.config import conf_dir
from mitofm.ground.errors import MitofmError, unknown
from mitofm.ground.terminal import tell, tell_text

_BASH = r"""_mitofm() {
    local line="${COMP_LINE:0:COMP_POINT}" IFS=$'\n'
    local word="${line##* }"
    COMPREPLY=($(mitofm completion query "$line" 2>/dev/null))
    local kept="${word%"${word##*[=:]}"}"  # bash replaces what follows the last = or : only
    COMPREPLY=("${COMPREPLY[@]#"$kept"}")
}
complete -o nospace -o default -F _mitofm mitofm"""
_ZSH = r"""_mitofm() {
    local -a found
    found=("${(@f)$(mitofm completion query "$LBUFFER" 2>/dev/null)}")
    compadd -Q -S '' -- ${found:#}
}
compdef _mitofm mitofm"""
_FISH = r"""complete -c mitofm -f -a '(mitofm completion query (commandline -cp) 2>/dev/null)'"""
SHELLS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
_OF_STUDIES = ("bundle", "compare", "count", "retry")
_OF_CELLS = ("count", "export", "logs", "predict", "retry", "verify")
_OF_GROUP = {"datasets": "data", "models": "backbone"}
_TAKES_CONFIGS = ("--config-dir", "-cd", "--config-name", "-cn")


def main(arguments: list[str]) -> None:
    """Print the script of a shell, to be evaluated there, or what may follow the line that is typed so far."""
    if len(arguments) == 2 and arguments[0] == "query":
        tell(*complete(arguments[1]))
        return
    if len(arguments) != 1:
        raise MitofmError(
            'give one shell: eval "$(mitofm completion bash)", best in ~/.bashrc; zsh and fish are the others'
        )
    if arguments[0] not in SHELLS:
        raise unknown("shell", arguments[0], SHELLS)
    tell_text(SHELLS[arguments[0]])


def complete(line: str) -> list[str]:
    """What the last word of a line, from `mitofm` on, may become, in order; [] if nothing is known, or the line is wrong."""
    words = line.split()
    word = "" if not words or line[-1].isspace() else words.pop()
    if not words:
        return []
    if len(words) == 1:
        return [f"{one} " for one in sorted(COMMANDS) if one.startswith(word)]
    command = words[1]
    if word.startswith("-") or words[-1] in _TAKES_CONFIGS:
        return []  # a folder: the shell completes files
    names = sorted(set(_list_names(command))) if "=" not in word else []
    found = [f"{one} " for one in names if one.startswith(word)]
    if word.startswith("study="):
        return [f"study={one} " for one in _list_studies() if one.startswith(word.removeprefix("study="))]
    return [*found, *_complete_keys(command, words[2:], word)]


def _list_names(command: str) -> Iterable[str]:
    """The words that a command takes before its keys."""
    if command in _OF_GROUP:
        from mitofm.commands.composing.compose import list_group

        yield from list_group(_OF_GROUP[command])
    if command in _OF_STUDIES:
        yield from _list_studies()
    if command in _OF_CELLS:
        yield from (one.name for one in _find_runs().glob("cells/*"))
    if command == "completion":
        yield from SHELLS


def _list_studies() -> list[str]:
    from mitofm.runs.books.studies import list_names

    return list_names(_find_runs())


def _find_runs() -> Path:
    return Path(os.environ.get("MITOFM_RUNS", "runs"))


def _complete_keys(command: str, before: list[str], word: str) -> list[str]:
    """Groups, their choices and keys of the command's config, as Hydra completes them; of `a,b` the last value is completed."""
    primary = CONFIGS.get(command, command)
    if not (conf_dir() / f"{primary}.yaml").is_file():
        return []
    from hydra._internal.core_plugins.bash_completion import BashCompletion
    from hydra.core.global_hydra import GlobalHydra

    from mitofm.commands.composing.compose import start_hydra

    folder, name = _find(before, "--config-dir", "-cd"), _find(before, "--config-name", "-cn") or primary
    overrides = [one for one in before if "=" in one and not one.startswith("-") and "," not in one and "(" not in one]
    key, comma, last = word.rpartition(",")
    typed = f"{key.partition('=')[0]}={last}" if comma else word
    try:
        with start_hydra(folder):
            completion = BashCompletion(GlobalHydra.instance().config_loader())
            found = completion._query(name, " ".join([*overrides, typed]) or " ")
    except Exception:  # of a line that is wrong nothing is known; a shell shows no message here
        return []
    return [f"{key},{one.partition('=')[2]}" for one in found] if comma else found


def _find(words: list[str], *options: str) -> str | None:
    """What follows one of the options."""
    return next((after for one, after in pairwise(words) if one in options), None)
