"""The ways in which a file is damaged: each says whether it has changed it.

A damage is given the file, another of the same kind if there is one, and chance.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

BIT, DIGIT = 3, 2  # how often each is tried per file
Damage = Callable[[Path, Path | None, random.Random], bool]


def cut(share: float) -> Damage:
    def damage(file: Path, _: Path | None, __: random.Random) -> bool:
        content = file.read_bytes()
        file.write_bytes(content[: int(share * len(content))])
        return bool(content)

    return damage


def cut_lines(file: Path, _: Path | None, __: random.Random) -> bool:
    """Cut behind the end of a line, so that what is left is whole."""
    if file.suffix not in (".jsonl", ".csv"):
        return False
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[: -max(1, len(lines) // 3)]))
    return len(lines) > 1


def flip_bit(file: Path, _: Path | None, chance: random.Random) -> bool:
    content = bytearray(file.read_bytes())
    if not content:
        return False
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)
    return True


def change_digit(file: Path, _: Path | None, chance: random.Random) -> bool:
    content = bytearray(file.read_bytes())
    digits = [at for at, byte in enumerate(content) if byte in b"0123456789"]
    if not digits:
        return False
    at = chance.choice(digits)
    content[at] = chance.choice([digit for digit in b"0123456789" if digit != content[at]])
    file.write_bytes(content)
    return True


def exchange(file: Path, sibling: Path | None, _: random.Random) -> bool:
    if sibling is None or sibling.read_bytes() == file.read_bytes():
        return False
    shutil.copyfile(sibling, file)
    return True


def put_folder(file: Path, _: Path | None, __: random.Random) -> bool:
    file.unlink()
    file.mkdir()
    return True


def remove(file: Path, _: Path | None, __: random.Random) -> bool:
    file.unlink()
    return True


DAMAGES: dict[str, Damage] = {
    "cut to 0": cut(0),
    "cut to half": cut(0.5),
    "cut at a line's end": cut_lines,
    **{f"one bit ({number})": flip_bit for number in range(BIT)},
    **{f"one digit ({number})": change_digit for number in range(DIGIT)},
    "another one's": exchange,
    "a folder": put_folder,
    "removed": remove,
}
