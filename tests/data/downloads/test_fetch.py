from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from mitofm.data.downloads import fetch
from mitofm.data.downloads.remote import Remote
from mitofm.ground.errors import MitofmError

from .server import MB, Server


def test_files_arrive_whole_and_are_not_asked_for_again(server: Server) -> None:
    remotes = [server.publish(f"{i:03d}.tiff", 50_000) for i in range(12)] + [server.publish("deep/down.json", 10)]
    server.download(*remotes)
    assert server.whole(*remotes)
    assert len(server.asked) == 13
    assert server.headers is not None
    assert server.headers["Accept-Encoding"] == "identity"  # byte positions are those of the file
    assert server.headers["User-Agent"].startswith("mitofm/")  # Zenodo turns the default of requests away
    server.download(*remotes)
    assert len(server.asked) == 13
    assert server.files() == [*(f"{i:03d}.tiff" for i in range(12)), "deep"]


def test_a_cut_connection_is_gone_on_with_where_it_was_cut(server: Server) -> None:
    remote = server.publish("a.tiff", 2 * MB)
    server.cuts["/files/a.tiff"] = [500_000, 300_000, 0, 700_000]
    server.download(remote)
    assert server.whole(remote)
    spans = server.ranges("a.tiff")
    starts = [0 if span is None else int(span[6:-1]) for span in spans]
    assert spans[0] is None
    assert len(starts) == 5
    assert starts == sorted(starts)
    assert starts[1] > 400_000  # all but the last piece of 64 KiB is kept
    assert starts[-1] > 1_200_000
    assert server.files() == ["a.tiff"]


def test_a_part_left_by_an_earlier_attempt_is_completed(server: Server) -> None:
    remote, whole = server.publish("a.tiff"), server.publish("b.tiff")
    server.put("a.tiff.part", server.content["/files/a.tiff"][:123_456])
    server.put("b.tiff.part", server.content["/files/b.tiff"])  # died before it was moved
    server.download(remote, whole)
    assert server.asked == [("/files/a.tiff", "bytes=123456-")]
    assert server.whole(remote, whole)


@pytest.mark.parametrize(("left", "starts"), [(1000, [1000, None]), (MB, [None]), (MB + 5, [MB + 5, None])])
def test_a_part_of_something_else_is_thrown_away(left: int, starts: list[int | None], server: Server) -> None:
    remote = server.publish("a.tiff")
    server.put("a.tiff.part", b"x" * left)
    server.download(remote)
    assert server.whole(remote)
    assert server.ranges("a.tiff") == [start and f"bytes={start}-" for start in starts]


def test_a_server_that_ignores_ranges_is_read_from_the_start(server: Server) -> None:
    remote = server.publish("a.tiff")
    server.knows_ranges = False
    server.cuts["/files/a.tiff"] = [600_000, 300_000]
    server.download(remote)
    assert server.whole(remote)
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [500, 202, 404])
def test_a_server_that_refuses_for_good_ends_with_what_to_bring_by_hand(status: int, server: Server) -> None:
    remote = server.publish("a.tiff")
    server.statuses["/files/a.tiff"] = [status] * 99
    with pytest.raises(MitofmError, match="1 of 1 files are missing") as error:
        server.download(remote)
    assert f"\n  a.tiff  1.0 MB  {remote.url}" in str(error.value)
    assert str(status) in str(error.value)
    assert len(server.asked) == (1 if status == 404 else 8)
    assert server.files() == []


def test_an_empty_answer_never_becomes_a_file(server: Server) -> None:
    remote = server.publish("a.tiff")
    server.content["/files/a.tiff"] = b""
    with pytest.raises(MitofmError, match=r"arrived broken.*\n  a.tiff: 0 bytes instead of 1,000,000"):
        server.download(remote)
    assert not (server.folder / "a.tiff").exists()


def test_a_file_cut_short_at_the_server_is_refused(server: Server) -> None:
    remote = server.publish("a.tiff")
    server.content["/files/a.tiff"] = server.content["/files/a.tiff"][:400_000]
    with pytest.raises(MitofmError, match=r"a.tiff: 400,000 bytes instead of 1,000,000"):
        server.download(remote)
    assert not (server.folder / "a.tiff").exists()


def test_wrong_bytes_are_refused_by_name_and_the_others_come(server: Server) -> None:
    remotes = [server.publish(f"{i}.tiff", 1000) for i in range(9)]
    server.content["/files/0.tiff"] = b"x" * 1000
    with pytest.raises(MitofmError, match=r"1 of 9 files arrived broken.*\n  0.tiff: md5 \w+ instead of \w+$"):
        server.download(*remotes)
    assert server.files() == [f"{i}.tiff" for i in range(1, 9)]
    assert len(server.ranges("0.tiff")) == 4


def test_a_sha256_is_verified_too(server: Server) -> None:
    one = server.publish("a.tiff")
    good = hashlib.sha256(server.content["/files/a.tiff"]).hexdigest()
    with pytest.raises(MitofmError, match=r"a.tiff: sha256"):
        server.download(Remote(one.name, one.url, one.bytes, sha256="0" * 64))
    server.download(Remote(one.name, one.url, one.bytes, sha256=good.upper()))
    assert server.whole(one)


def test_without_a_network_the_message_lists_what_to_bring(server: Server) -> None:
    remotes = [server.publish(f"{i:03d}.tiff", 1000 + i) for i in range(14)]
    server.http.shutdown()
    server.http.server_close()
    server.put("003.tiff", server.content["/files/003.tiff"])
    with pytest.raises(MitofmError, match="13 of 14 files are missing") as error:
        server.download(*remotes)
    lines = str(error.value).splitlines()
    assert str(server.folder) in lines[0]
    assert lines[1] == f"  000.tiff  0.0 MB  {server.url}/files/000.tiff"
    assert len(lines) == 12
    assert lines[-1] == "  and 3 more"
    assert "003.tiff" not in str(error.value)


def test_files_put_there_by_hand_are_verified_once_and_accepted(server: Server) -> None:
    remotes = [server.publish("a.tiff"), server.publish("b.tiff")]
    for remote in remotes:
        server.put(remote.name, server.content[f"/files/{remote.name}"])
    server.download(*remotes)
    assert server.asked == []
    state = (server.folder / "a.tiff").stat()
    server.put("a.tiff", b"x" * MB)
    os.utime(server.folder / "a.tiff", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert server.missing(*remotes) == []  # its bytes were not read again
    os.utime(server.folder / "a.tiff", ns=(0, 0))
    with pytest.raises(MitofmError, match=r"a.tiff: md5"):
        server.missing(*remotes)


def test_what_was_downloaded_is_not_read_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = server.publish("a.tiff")
    server.download(remote)
    monkeypatch.setattr(fetch, "digest", lambda path, kind: pytest.fail(f"{path} was read"))
    assert server.missing(remote) == []


@pytest.mark.parametrize(("content", "said"), [(b"", "0 bytes"), (b"x" * 1000, "md5"), (b"x" * 999, "999 bytes")])
def test_a_broken_file_put_there_by_hand_is_named_and_left_alone(content: bytes, said: str, server: Server) -> None:
    remotes = [server.publish("a.tiff", 1000), server.publish("b.tiff", 1000)]
    server.put("a.tiff", content)
    with pytest.raises(MitofmError, match=rf"1 of 2 files in .* not the published ones.*\n  a.tiff: {said}"):
        server.download(*remotes)
    assert server.asked == []
    assert (server.folder / "a.tiff").read_bytes() == content


def test_a_disk_too_small_is_found_before_the_first_byte(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    remotes = [server.publish("a.tiff"), server.publish("b.tiff")]
    server.put("b.tiff.part", server.content["/files/b.tiff"][: MB // 2])
    free = 3 * MB // 2 - 1
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    with pytest.raises(MitofmError, match="Nothing was fetched"):
        server.download(*remotes)
    assert server.asked == []
    free += 1  # what has arrived already needs no room
    server.download(*remotes)
    assert server.whole(*remotes)


def test_a_place_that_takes_no_files_is_named(server: Server) -> None:
    server.folder.write_text("a file where the server.folder should be")
    with pytest.raises(MitofmError, match=f"{server.folder} does not take the files"):
        server.download(server.publish("a.tiff"))


def test_a_full_disk_is_a_clear_error(server: Server) -> None:
    server.folder.mkdir()
    (server.folder / "a.tiff.part").symlink_to("/dev/full")
    with pytest.raises(MitofmError, match=r"does not take the files .*No space left"):
        server.download(server.publish("a.tiff"))


KILLED = """
import sys
from pathlib import Path
from mitofm.data.downloads.fetch import download
from mitofm.data.downloads.remote import Remote
from mitofm.ground.fingerprints import Remembered
url, md5, size, folder = sys.argv[1:]
download([Remote("a.tiff", url, int(size), md5)], Path(folder), Remembered(Path(folder) / "known"))
"""


def test_killed_midway_and_run_again_the_file_is_byte_identical(server: Server) -> None:
    remote = server.publish("a.tiff", 2 * MB)
    server.pause_s = 0.02
    part = server.folder / "a.tiff.part"
    for least in (1, 600_000, 1_200_000):
        arguments = [remote.url, str(remote.md5), str(remote.bytes), str(server.folder)]
        process = subprocess.Popen([sys.executable, "-c", KILLED, *arguments])
        try:
            deadline = time.monotonic() + 60
            while not (part.exists() and part.stat().st_size >= least):
                assert process.poll() is None, "it ended before it could be killed"
                assert time.monotonic() < deadline
                time.sleep(0.005)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert not (server.folder / "a.tiff").exists()
    server.pause_s = 0
    server.download(remote)
    assert server.whole(remote)
    spans = server.ranges("a.tiff")
    assert spans[0] is None
    assert all(spans[1:])
    assert len(spans) == 4


def test_two_that_want_the_same_fetch_it_once(server: Server) -> None:
    remote = server.publish("a.tiff")
    server.pause_s = 0.005
    with ThreadPoolExecutor(2) as pool:
        for task in [pool.submit(server.download, remote) for _ in range(2)]:
            task.result()
    assert server.whole(remote)
    assert server.ranges("a.tiff") == [None]


def test_where_nobody_answers_the_others_do_not_go_on_for_hours(server: Server) -> None:
    remotes = [server.publish(f"{i}.tiff", 10 * MB) for i in range(6)]
    server.pause_s = 0.05  # half a minute a file
    server.statuses["/files/0.tiff"] = [404]
    begun = time.monotonic()
    with pytest.raises(MitofmError, match="6 of 6 files are missing"):
        server.download(*remotes)
    assert time.monotonic() - begun < 15
    assert all(name.endswith(".part") for name in server.files())
