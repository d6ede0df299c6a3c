"""`mitofm <command> [overrides]`: imports a command only when it is typed."""

from __future__ import annotations

import importlib
import os
import signal
import sys

import mitofm
from mitofm.commands.showing.helping import COMMANDS, describe, describe_all
from mitofm.ground.errors import MitofmError, describe_fault, describe_unforeseen, unknown, wants_traceback
from mitofm.ground.garbage import collect_rarely
from mitofm.ground.home import ensure_home
from mitofm.ground.terminal import guard_terminal, tell


def main() -> None:
    """Run the command that was typed; an error is one line, with exit code 2 if it was foreseen and else 1."""
    try:
        _answer(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has closed the pipe: mitofm models | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("mitofm: stopped by Ctrl-C; the same command goes on", file=sys.stderr)
        raise SystemExit(128 + signal.SIGINT) from None
    except (MitofmError, OSError) as error:
        tell(f"mitofm: {describe_fault(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    except Exception as error:
        if wants_traceback():
            raise
        tell(f"mitofm: {describe_unforeseen(error)}", file=sys.stderr)
        raise SystemExit(1) from None


def _answer(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(describe_all())
        return
    if arguments[0] == "--version":
        print(mitofm.__version__)
        return
    collect_rarely()
    guard_terminal()
    ensure_home()
    if arguments[0] not in COMMANDS:
        raise unknown("command", arguments[0], COMMANDS)
    if {"-h", "--help"} & set(arguments[1:]):
        print(describe(arguments[0]))
        return
    if any(one.partition("=")[0] in ("-sc", "--shell-completion") for one in arguments):
        raise MitofmError('--shell-completion is Hydra\'s, of one command: take eval "$(mitofm completion bash)"')
    if arguments[0] == "train" and importlib.import_module("mitofm.commands.sweeping.skipping").skip(arguments[1:]):
        return
    importlib.import_module(f"mitofm.commands.{arguments[0]}").main(arguments[1:])
