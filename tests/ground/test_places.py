"""No absolute path is left in what leaves this machine."""

import pytest

from mitofm.ground.places import name_places, remove_folders, remove_places


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('  File "/home/ann/my project/mitofm/runs/a.py", line 3', '  File "a.py", line 3'),
        ("FileNotFoundError: '/data/Smith, J/slide 1.svs'", "FileNotFoundError: 'slide 1.svs'"),
        ("split.file=/home/ann/a.csv, seed=2", "split.file=a.csv, seed=2"),
        ("/data/mf/images: 3 of 4 are missing", "images: 3 of 4 are missing"),
        ("see https://host/a/b.html and/or data/a.csv, 1/2", "see https://host/a/b.html and/or data/a.csv, 1/2"),
        ("no path", "no path"),
    ],
)  # fmt: skip
def test_a_path_is_left_with_its_last_part(text: str, left: str) -> None:
    assert remove_folders(text) == left
    assert remove_folders(left) == left


def test_a_config_keeps_its_values_and_no_folder() -> None:
    config = {
        "paths": {"data": "/data"},
        "data": {"source": {"root": "/data/mf", "n": 3}},
        "seed": 1,
        "x": ["/a/b", None],
    }
    assert remove_places(config) == {"data": {"source": {"root": "mf", "n": 3}}, "seed": 1, "x": ["b", None]}


def test_known_folders_are_named_and_of_others_the_last_part_is_left() -> None:
    config = {
        "paths": {"data": "/home/ann/my data", "runs": "/home/ann/my data/runs"},
        "split": {"file": "/other disk/my files/split 1.csv", "name": "file"},
        "data": {"root": "/home/ann/my data/mf", "files": ["/home/ann/my data/runs/a.csv", 3]},
    }
    assert name_places(config, config["paths"]) == {
        "paths": {"data": "data", "runs": "runs"},
        "split": {"file": "split 1.csv", "name": "file"},
        "data": {"root": "data/mf", "files": ["runs/a.csv", 3]},
    }
