"""Explains in one line why a YAML file of the user's own cannot be read: the file, the line and the reason."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from pathlib import Path

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import GrammarParseError
from omegaconf.grammar_parser import parse
from yaml import MarkedYAMLError, YAMLError
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
        raise MitofmError(f"{file}, line 1: this YAML holds no keys; every line is `key: value`, or belongs to one")
    return config


def explain(error: Exception, files: Iterable[Path]) -> MitofmError:
    """The message for an error that was raised while one of `files` was read."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        place = f"{error.problem_mark.name}, line {error.problem_mark.line + 1}"
        tab = " (indent with blanks, not with tabs)" if "'\\t'" in str(error.problem) else ""
        return MitofmError(f"{place}: this YAML cannot be read: {error.problem}{tab}")
    if isinstance(error, ReaderError):
        return MitofmError(
            f"{error.name}: this is no YAML: it holds the character {error.character!r}. Write it again as text"
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
            return MitofmError(f"{file}, line {event.start_mark.line + 1}: this value cannot be read: {told}")
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
            return MitofmError(f"{file}, line 1: this YAML is saved as UTF-16. Save it as UTF-8")
        line = data.count(b"\n", 0, error.start) + 1
        return MitofmError(f"{file}, line {line}: this YAML is not saved as UTF-8. Save it as UTF-8")
    return None
