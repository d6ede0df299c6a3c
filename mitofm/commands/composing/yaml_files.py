"""Explains in one line why a YAML file of the user's own cannot be read: the file, the line, the column and the reason."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from pathlib import Path

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import GrammarParseError
from omegaconf.grammar_parser import parse
from yaml import Mark, MarkedYAMLError, YAMLError
from yaml.reader import ReaderError

from mitofm.ground.errors import MitofmError

ERRORS = (YAMLError, UnicodeDecodeError, GrammarParseError)
"""The errors of reading a file that is no YAML."""


def load(file: Path) -> DictConfig:
    """The config in `file`, as it is written; MitofmError if it is no YAML, or not one of keys."""
    try:
        config = OmegaConf.load(file)
    except (*ERRORS, OSError) as error:
        raise explain(error, [file]) from error
    if not isinstance(config, DictConfig):
        raise MitofmError(
            f"{file}, line 1, column 1: this YAML holds no keys; every line is `key: value`, or belongs to one"
        )
    return config


def explain(error: Exception, files: Iterable[Path]) -> MitofmError:
    """The message for an error that was raised while one of `files` was read."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        place = f"{error.problem_mark.name}, {_spell(error.problem_mark)}"
        tab = " (indent with blanks, not with tabs)" if "'\\t'" in str(error.problem) else ""
        return MitofmError(f"{place}: this YAML cannot be read: {error.problem}{tab}")
    if isinstance(error, ReaderError):
        what = repr(chr(error.character) if isinstance(error.character, int) else error.character)
        place = _locate(Path(error.name).read_bytes()[: error.position])
        return MitofmError(
            f"{error.name}, {place}: this is no YAML: it holds the character {what}. Write it again as text"
        )
    for file in files:
        wrong = _check_interpolations(file) if isinstance(error, GrammarParseError) else _check_encoding(file)
        if wrong is not None:
            return wrong
    return MitofmError(f"a YAML file cannot be read: {' '.join(str(error).split())}")


def _check_interpolations(file: Path) -> MitofmError | None:
    """The error if a value of the file begins a `${...}` that cannot be read."""
    for event in yaml.parse(file.read_text(encoding="utf-8"), yaml.SafeLoader):
        try:
            if value := getattr(event, "value", ""):
                parse(value)
        except GrammarParseError as error:
            told = " ".join(str(error).split())
            return MitofmError(f"{file}, {_spell(event.start_mark)}: this value cannot be read: {told}")
    return None


def _check_encoding(file: Path) -> MitofmError | None:
    """The error if the text of `file` is not UTF-8."""
    try:
        data = file.read_bytes()
        data.decode("utf-8")
    except OSError:
        return None
    except UnicodeDecodeError as error:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return MitofmError(f"{file}, line 1, column 1: this YAML is saved as UTF-16. Save it as UTF-8")
        return MitofmError(f"{file}, {_locate(data[: error.start])}: this YAML is not saved as UTF-8. Save it as UTF-8")
    return None


def _spell(mark: Mark) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"


def _locate(before: bytes) -> str:
    """The place behind these bytes."""
    *above, last = before.split(b"\n")
    return f"line {len(above) + 1}, column {len(last.decode('utf-8', errors='replace')) + 1}"


def find_misnamed(folders: Iterable[Path]) -> list[Path]:
    """The files that end in `.yml`: Hydra does not see them."""
    return [file for folder in folders for file in sorted(folder.glob("*.yml"))]


def explain_misnamed(file: Path) -> str:
    """What to do with a file that Hydra does not see."""
    return (
        f"{file} is not read: Hydra takes YAMLs that end in .yaml alone. Rename it to {file.with_suffix('.yaml').name}"
    )
