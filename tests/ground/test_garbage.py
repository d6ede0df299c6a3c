"""What is left when a process ends is not looked through once more."""

import subprocess
import sys

LEFT = """
import atexit
{call}
class Left:
    def __del__(self):
        print("looked at")
left = Left()
left.itself = left
atexit.register(print, "ended")
"""


def run(call: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", LEFT.format(call=call)], capture_output=True, text=True, check=True
    ).stdout


def test_cycles_that_are_left_at_the_end_are_not_looked_for() -> None:
    assert run("") == "ended\nlooked at\n"
    assert run("from mitofm.ground.garbage import collect_rarely; collect_rarely(); collect_rarely()") == "ended\n"
