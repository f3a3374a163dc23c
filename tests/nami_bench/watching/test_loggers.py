"""Loggers against the programs themselves, in their offline modes: what was written is read back by them."""

import json
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.images import HeldImage
from nami_bench.watching.loggers import protocol
from nami_bench.watching.loggers.protocol import Entry, entry_of, open_logger
from nami_bench.watching.results import Measured, MetricResult

SCORES = {
    "geneval": MetricResult(0.5, (0.25, 0.75), {"colors": 0.4}, (1.0, 0.0, None), {2: "lost"}),
    "fid": MetricResult(None, reason="too few images"),
}
MEASURED = Measured("checkpoint-5", 5, "a" * 64, "images", 0.0, "", 1.0, SCORES)


@pytest.fixture
def entry() -> Entry:
    pictures = [("a [red] star", HeldImage(Image.new("RGB", (8, 8), "red"), "red"))]
    return entry_of(MEASURED, 5, pictures)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "my run's rün"
    place.mkdir()
    return place


def twice(name: str, folder: Path, entry: Entry) -> None:
    """Two checkpoints, the second by a watch that was taken up again."""
    for step in (5, 10):
        began = int(time.time())
        logger = open_logger(name, folder, "exp")
        logger.log(replace(entry, step=step, name=f"checkpoint-{step}"))
        logger.close()
        while name == "wandb" and int(time.time()) == began:  # it names the folders of sessions by the second
            time.sleep(0.05)


def test_an_entry_names_what_has_a_value(entry: Entry) -> None:
    assert entry.values == {
        "geneval": 0.5,
        "geneval/low": 0.25,
        "geneval/high": 0.75,
        "geneval/colors": 0.4,
    }
    assert entry.rows == [("geneval", 0.5, 0.25, 0.75, 3, 1), ("fid", None, None, None, 0, 0)]


def test_an_unknown_logger_names_the_known_ones(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="known: mlflow, tensorboard, trackio, wandb"):
        open_logger("x", folder, "exp")


def test_a_missing_package_is_said_with_the_command_that_installs_it(folder: Path, monkeypatch) -> None:
    monkeypatch.setitem(protocol.LOGGERS, "wandb", ("no_such_package.x", "Y"))
    with pytest.raises(
        InputError, match="--log wandb needs the package 'no_such_package': pip install no_such_package"
    ):
        open_logger("wandb", folder, "exp")


@pytest.mark.slow
def test_tensorboard_reads_values_tables_and_images(folder: Path, entry: Entry) -> None:
    pytest.importorskip("torch")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    twice("tensorboard", folder, entry)
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("geneval/colors")] == [
        (5, pytest.approx(0.4)),
        (10, pytest.approx(0.4)),
    ]
    assert len(events.Images("images/0: a [red] star")) == 2
    (tag,) = events.Tags()["tensors"]
    table = events.Tensors(tag)[0].tensor_proto.string_val[0].decode()
    assert "| checkpoint-5 | geneval | 0.5 | 0.25 | 0.75 | 3 | 1 |" in table


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_wandb_keeps_values_tables_and_images_offline(folder: Path, entry: Entry, monkeypatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    twice("wandb", folder, entry)
    wandb.teardown()  # its own process has written all only when it has ended
    runs = sorted((folder / "wandb").glob("offline-run-*"))
    assert runs
    assert len({run.name.rpartition("-")[2] for run in runs}) == 1  # one run, by its id
    rows = [row for run in runs for row in wandb_rows(next(run.glob("*.wandb")))]
    assert [(row["checkpoint_step"], row["geneval"], row["geneval/low"]) for row in rows] == [
        (5, 0.5, 0.25),
        (10, 0.5, 0.25),
    ]
    assert rows[0]["_step"] < rows[1]["_step"]  # else W&B would drop the second when it is sent
    assert all(row["images/captions"] == ["a [red] star"] for row in rows)
    tables = [json.loads(file.read_text()) for file in folder.rglob("*.table.json")]
    assert {row[0] for table in tables for row in table["data"]} == {"checkpoint-5", "checkpoint-10"}
    assert tables[0]["data"][0][1:3] == ["geneval", 0.5]
    assert len(list(folder.rglob("images/*.png"))) == 2


def wandb_rows(file: Path) -> Iterator[dict]:
    """The rows of an offline run's file: records of W&B's protocol, framed as in LevelDB's log."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, whole = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if (room := 32768 - at % 32768) < 7:
            at += room
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # complete, or the last part
            record = Record.FromString(whole)
            whole = b""
            if record.WhichOneof("record_type") == "history":
                items = record.history.item
                yield {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_keeps_values_tables_and_images_in_a_local_database(folder: Path, entry: Entry) -> None:
    mlflow = pytest.importorskip("mlflow")
    twice("mlflow", folder, entry)
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder.resolve() / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("nami-watch")
    (run,) = client.search_runs([experiment.experiment_id])  # taken up again, not begun anew
    assert run.info.run_name == "exp"
    history = client.get_metric_history(run.info.run_id, "geneval/colors")
    assert [(metric.step, metric.value) for metric in history] == [(5, 0.4), (10, 0.4)]
    artifacts = folder / "mlflow-artifacts"
    assert len(list(artifacts.rglob("*.png"))) == 2
    tables = sorted(artifacts.rglob("*.json"))
    assert json.loads(tables[0].read_text())["rows"][0]["value"] == 0.5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_trackio_keeps_values_tables_and_images(folder: Path, entry: Entry, monkeypatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(folder / "trackio"))
    trackio = pytest.importorskip("trackio")
    twice("trackio", folder, entry)
    from trackio.sqlite_storage import SQLiteStorage

    (run,) = trackio.Api().runs("nami-watch")
    assert run.name == "exp"
    rows = [row for row in SQLiteStorage.get_logs("nami-watch", "exp") if "geneval" in row]
    assert [(row["step"], row["geneval/low"]) for row in rows] == [(5, 0.25), (10, 0.25)]
    assert list((folder / "trackio").rglob("*.png"))
