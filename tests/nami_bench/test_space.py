"""A Space: the folder that is uploaded, and what the hub's machine starts, started here."""

import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
import yaml

from nami_bench import __version__
from nami_bench.deployment.copies import KEPT, Copies
from nami_bench.domain import Annotator
from nami_bench.store import Store
from tests.support.databases import new_sqlite
from tests.support.program import nami_bench


def front_matter(folder: Path) -> dict[str, object]:
    settings = yaml.safe_load((folder / "README.md").read_text().split("---")[1])
    assert isinstance(settings, dict)
    return settings


def test_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "space"
    done = nami_bench("deploy", "space", folder, "--title", 'Räte: "images" #1')
    assert done.returncode == 0, done.stderr
    assert (folder / "requirements.txt").read_text() == f"nami-bench=={__version__}\n"
    settings = front_matter(folder)
    assert settings["title"] == 'Räte: "images" #1'
    assert (settings["sdk"], settings["sdk_version"]) == ("gradio", version("gradio"))
    assert (folder / str(settings["app_file"])).is_file()
    assert "hf_oauth" not in settings
    again = nami_bench("deploy", "space", folder)
    assert (again.returncode, "not empty" in again.stderr) == (2, True)


def test_a_log_in_through_the_hub(tmp_path: Path) -> None:
    folder = tmp_path / "space"
    done = nami_bench("deploy", "space", folder, "--log-in", "--organization", "my-lab")
    assert done.returncode == 0, done.stderr
    settings = front_matter(folder)
    assert (settings["hf_oauth"], settings["hf_oauth_authorized_org"]) == (True, "my-lab")
    for wrong in (["--organization", "my-lab"], ["--log-in", "--organization", "a\nb"], ["--title", " "]):
        assert nami_bench("deploy", "space", tmp_path / "other", *wrong).returncode == 2


def test_copies_follow_what_is_written(tmp_path: Path) -> None:
    url, folder = new_sqlite(tmp_path / "nami.db"), tmp_path / "kept"
    copies = Copies(tmp_path / "nami.db", folder, every_s=0.01)
    assert copies.restore() is None, "it is there"
    with Store.open(url) as store:
        copies.begin()
        for number in range(KEPT + 3):
            seen = {*folder.glob("*.db")}
            store.accounts.add(Annotator(f"p{number}"))
            deadline = time.monotonic() + 10
            while (now := {*folder.glob("*.db")}) <= seen or len(now) > KEPT:
                assert time.monotonic() < deadline
                time.sleep(0.005)
        still = sorted(folder.iterdir())
        time.sleep(0.05)
        assert sorted(folder.iterdir()) == still, "nothing was written, and it was copied"
        store.accounts.add(Annotator("last"))
    copies.end()
    kept = sorted(folder.iterdir())
    assert len(kept) == KEPT
    kept[-1].with_name("nami-9.db").write_bytes(kept[-1].read_bytes()[:9000])  # torn, and the newest
    (tmp_path / "nami.db").unlink()
    assert Copies(tmp_path / "nami.db", folder).restore() == kept[-1]
    with Store.open(url) as store:
        assert [one.name for one in store.accounts.all()][-1] == "last"


@contextmanager
def started(space: Path, data: Path, port: int) -> Iterator[list[str]]:
    """The Space, as the hub starts it; at the end, after SIGTERM, what it said."""
    said: list[str] = []
    environment = {
        "PATH": os.environ["PATH"],
        "SPACE_HOST": "lab-study.hf.space",
        "OAUTH_CLIENT_ID": "client",
        "OAUTH_CLIENT_SECRET": "secret",
        "NAMI_DATA": str(data),
        "NAMI_PORT": str(port),
    }
    server = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=space,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        for _ in range(600):
            try:
                assert httpx.get(f"http://127.0.0.1:{port}/healthz").json()["ready"]
                break
            except httpx.HTTPError:
                assert server.poll() is None, server.communicate()[0]
                time.sleep(0.1)
        yield said
    finally:
        server.terminate()
        said.append(server.communicate(timeout=30)[0])
    assert server.returncode == 0, said[0]


@pytest.mark.slow  # two processes that load the server
def test_a_space_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    space, data = tmp_path / "space", tmp_path / "data"
    nami_bench("deploy", "space", space)
    data.mkdir()
    with started(space, data, port) as said:
        headers = {"Host": "lab-study.hf.space", "X-Forwarded-Proto": "https"}
        page = httpx.get(f"http://127.0.0.1:{port}/login", headers=headers)
        assert page.status_code == 200
        assert 'href="login/hub"' in page.text
        framed = httpx.get(f"http://127.0.0.1:{port}/", headers={**headers, "Sec-Fetch-Dest": "iframe"})
        assert "in a tab of its own" in framed.text
        assert "https://huggingface.co" in framed.headers["content-security-policy"]
    token = re.search(r"as owner with the token (\S+)", said[0])
    assert token is not None, said[0]
    (copy,) = (data / "backups").iterdir()
    assert sqlite3.connect(copy).execute("SELECT name FROM annotator").fetchall() == [("owner",)]
    with started(space, data, port) as said:
        given = {"name": "owner", "token": token[1]}
        answer = httpx.post(f"http://127.0.0.1:{port}/login", data=given)
        assert answer.status_code == 303
    assert "going on from" in said[0]
    assert "token" not in said[0]
