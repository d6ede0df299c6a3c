"""What builds models in another process: its answers are those of this one."""

import subprocess
import sys

import pytest

from mitofm.ground.errors import MitofmError
from mitofm.training import attempts

ANSWERING = """
import sys
from mitofm.training import attempts
def attempt(group, part, crop_px):
    print("a library prints")
    if part.get("dies"):
        sys.exit(1)
    if part.get("wrong"):
        raise attempts.MitofmError("it is wrong")
    if part.get("lacks"):
        raise attempts.Infeasible("it lacks something")
attempts.attempt = attempt
attempts.serve()
"""


def test_another_process_answers_as_this_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    here: list[str] = []
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(attempts, "_CHILD", [sys.executable, "-c", ANSWERING])
    monkeypatch.setattr(attempts, "attempt", lambda group, part, crop_px: here.append(group))
    with attempts.attempting_apart() as attempt:
        attempt("backbone", {}, 64)
        with pytest.raises(MitofmError, match="it is wrong"):
            attempt("backbone", {"wrong": True}, 64)
        with pytest.raises(attempts.Infeasible, match="it lacks something"):
            attempt("backbone", {"lacks": True}, 64)
        assert not here
        attempt("adaptation", {"dies": True}, 64)  # then this process sees for itself
        attempt("backbone", {}, 64)  # and another one is started
    assert here == ["adaptation"]


@pytest.mark.parametrize(("most", "libraries", "processes"), [(-1, "", 2), (125, "libraries = b'x' * 500 * 2**20", 1)])
def test_a_process_that_has_grown_is_followed_by_another_whatever_its_libraries_take(
    monkeypatch: pytest.MonkeyPatch, most: int, libraries: str, processes: int
) -> None:
    started: list[int] = []

    class Popen(subprocess.Popen[str]):
        def __init__(self, *given: object, **named: object) -> None:
            started.append(1)
            super().__init__(*given, **named)  # type: ignore[call-overload]

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(attempts, "_CHILD", [sys.executable, "-c", f"{libraries}\n{ANSWERING}"])
    monkeypatch.setattr(attempts, "_MOST_GROWN_MB", most)
    monkeypatch.setattr(subprocess, "Popen", Popen)
    with attempts.attempting_apart() as attempt:
        attempt("backbone", {}, 64)
        attempt("backbone", {}, 64)
    assert len(started) == processes
