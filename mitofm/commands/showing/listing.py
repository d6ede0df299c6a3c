"""Lists the YAMLs of a group: `mitofm models`, `mitofm datasets`. One that is wrong hides no other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from mitofm.commands.composing import yaml_files
from mitofm.commands.composing.compose import list_group
from mitofm.ground.config import find_user_configs
from mitofm.ground.errors import MitofmError, describe_fault, unknown
from mitofm.ground.terminal import tell

T = TypeVar("T")


def pick_name(arguments: Sequence[str], command: str, group: str, names: Collection[str]) -> str | None:
    """The one name that is typed, if any; MitofmError if it is not one of `names`, or there are several."""
    if len(arguments) > 1:
        raise MitofmError(f"mitofm {command} takes one name, or none")
    if arguments and arguments[0] not in names:
        for file in yaml_files.find_misnamed(folder / group for folder in find_user_configs()):
            if file.stem == arguments[0]:
                raise MitofmError(yaml_files.explain_misnamed(file))
        raise unknown(group, arguments[0], names)
    return arguments[0] if arguments else None


def read_each(group: str, read: Callable[[str], T]) -> tuple[dict[str, T], list[str]]:
    """What `read` gives for each YAML of a group, by name, and what is wrong with the others, in lines: one hides no other."""
    found: dict[str, T] = {}
    misnamed = yaml_files.find_misnamed(folder / group for folder in find_user_configs())
    wrong = [yaml_files.explain_misnamed(file) for file in misnamed]
    for name, file in list_group(group).items():
        try:
            found[name] = read(name)
        except (MitofmError, OSError) as error:
            told = describe_fault(error)
            wrong.append(told if ".yaml" in told else f"{file}: {told}")
    return found, list(dict.fromkeys(wrong))


def end_with(wrong: Sequence[str]) -> None:
    """End a command with what is wrong, a line for each, if anything is."""
    if wrong:
        tell(*(f"mitofm: {one}" for one in wrong), file=sys.stderr)
        raise SystemExit(2)
