"""W&B is a copy: whatever its server does, the cell neither fails nor waits, and the copy on disk is whole."""

import http.server
import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import wandb

from mitofm.training.copies import wandb_run
from mitofm.training.copies.metric_copies import Copies, InTime
from mitofm.training.copies.wandb_run import WandbRun
from mitofm.training.settings import Logger

LOGGER = Logger(csv=False, wandb=True, project="p", entity=None)
LABELS = {"dataset": "d", "backbone": "b", "weights": "w", "split": "s", "fraction": 1, "seed": 0, "adaptation": "full",
          "negative": "look-alike", "positive": "mitotic figure"}  # fmt: skip
METRICS = {
    "sets": {"all": {"auroc": 0.8, "balanced_accuracy": 0.7, "n": 4}, "in_domain": {"auroc": None, "n": 2}},
    "threshold": {"value": 0.4, "rule": "validation"},
    "chosen": {},
}
COST = {"seconds": 2.5, "trained_parameters": 7}
PREDICTIONS = pd.DataFrame({"label": [0, 1, 0, 1], "logit": [-1.0, 2.0, 0.5, 0.1]})


class Server(http.server.ThreadingHTTPServer):
    """Answers as W&B does, as far as a run needs it to begin, or misbehaves."""

    daemon_threads = True
    block_on_close = False
    behaviour = "answers"
    begun: threading.Event  # a run has been made


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.server.behaviour == "hangs":
            time.sleep(60)
        if self.server.behaviour == "closes":
            self.close_connection = True
            return
        entity = {"id": "e", "name": "e"}
        bucket = {"id": "x", "name": "x", "displayName": "x", "config": "{}", "summaryMetrics": "{}", "history": "[]",
                  "historyLineCount": 0, "eventsLineCount": 0, "logLineCount": 0, "events": "[]",
                  "project": {"id": "p", "name": "p", "entity": entity}}  # fmt: skip
        viewer = {"id": "v", "entity": "e", "username": "u", "flags": "{}", "teams": {"edges": []}}
        data = {"viewer": viewer, "upsertBucket": {"bucket": bucket, "inserted": True}, "model": {"bucket": None}}
        answer = json.dumps({"data": data}).encode()
        self.send_response(500 if self.server.behaviour == "answers 500" else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        if b"upsertBucket" in asked:
            self.server.begun.set()

    do_GET = do_PUT = do_POST  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """W&B's own process remembers the first address that it was given: there is one, and W&B has been started."""
    server = Server(("127.0.0.1", 0), Handler)
    server.begun = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        patch.setenv("WANDB_API_KEY", "x" * 40)
        patch.setenv("WANDB_MODE", "online")
        wandb.teardown()  # of tests before these
        wandb.init(mode="offline", dir=tmp_path_factory.mktemp("first"), settings=wandb.Settings(silent=True)).finish()
        yield server
        wandb.teardown()
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(one_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """It answers, and no cell has found otherwise."""
    monkeypatch.setattr(wandb_run, "_unreachable", False)
    one_server.behaviour, one_server.begun = "answers", threading.Event()
    return one_server


def opener(folder: Path, cell: str) -> Callable[[], InTime]:
    settings = LOGGER
    return lambda: InTime(
        lambda: WandbRun(settings, cell, cell, "study", LABELS, {"seed": 0}, folder), "W&B", seconds=4
    )


def records(file: Path) -> Iterator[bytes]:
    """The records of a W&B file: a LevelDB log (blocks of 32 KiB; checksum, length, kind, data) after a header of 7 bytes."""
    data, at, held = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        held += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield held
            held = b""


def held(file: Path) -> dict[str, Any]:
    """The summary that a W&B file holds."""
    from wandb.proto import wandb_internal_pb2

    summary: dict[str, Any] = {}
    for data in records(file):
        record = wandb_internal_pb2.Record.FromString(data)
        for item in [*record.summary.update, *record.history.item]:
            summary[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
    return summary


@pytest.mark.parametrize("dies", ["before the cell", "in the cell"])
@pytest.mark.parametrize("behaviour", ["answers 500", "hangs", "closes"])
def test_a_sick_server_neither_fails_nor_holds_up_a_cell(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, dies: str
) -> None:
    monkeypatch.setattr(wandb_run, "_PATIENCE", 1.0)  # of the 3 s that it has of 5
    cell = f"{behaviour}{dies}".replace(" ", "")
    if dies == "before the cell":
        server.behaviour = behaviour
    began = time.monotonic()
    copies = Copies([opener(tmp_path, cell)])
    if dies == "in the cell":
        assert server.begun.wait(timeout=60)
        server.behaviour, began = behaviour, time.monotonic()
    for step in range(20):
        copies.log({"train/loss": 1 / (step + 1)}, step + 1)
    copies.finish(METRICS, COST, PREDICTIONS)
    copies.close(failed=False)
    assert time.monotonic() - began < 5
    wanted = {f"{name}/{key}": value for name, values in METRICS["sets"].items() for key, value in values.items()}
    wanted |= {"threshold": 0.4, "train/loss": 0.05, "cost/seconds": 2.5, "cost/trained_parameters": 7}
    (file,) = tmp_path.glob(f"wandb/*run-*-{cell}/*.wandb")
    until = time.monotonic() + 30  # W&B's own process writes the file, and on a busy machine it takes its time
    while not wanted.items() <= held(file).items() and time.monotonic() < until:
        time.sleep(0.1)
    assert held(file) | wanted == held(file)


def test_the_next_cells_do_not_ask_again(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb_run, "_PATIENCE", 1.0)
    server.behaviour = "closes"
    Copies([opener(tmp_path, "first")]).close(failed=False)
    monkeypatch.setattr(wandb_run, "_PATIENCE", 60.0)  # far more than a busy machine takes to open a run
    began = time.monotonic()
    Copies([opener(tmp_path, "second")]).close(failed=False)
    assert time.monotonic() - began < 30
    assert [folder.name.split("-")[0] for folder in tmp_path.glob("wandb/*run-*-second")] == ["offline"]


def test_runs_are_written_where_they_are_asked_for_if_the_working_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    for cell in ("first", "second"):
        (tmp_path / cell / "runs").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / cell)
        WandbRun(LOGGER, cell, cell, "study", LABELS, {"seed": 0}, Path("runs")).close(False)
        assert list((tmp_path / cell).glob(f"runs/wandb/offline-run-*/run-{cell}.wandb"))
