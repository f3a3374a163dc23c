"""What runs the annotation server elsewhere: scripts, containers, units."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml

from nami_bench.domain import Annotator, Role
from nami_bench.store import Store

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"


def test_the_image_runs_as_nobody_special_and_says_how_it_is() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER 1000$", text, re.MULTILINE)
    assert "/healthz" in text
    for copied in re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE):
        assert (ROOT / copied).exists()
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert all(list(ROOT.glob(path)) for path in kept)


def test_compose_names_what_is_there() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    app = compose["services"]["app"]
    subnet = compose["networks"]["front"]["ipam"]["config"][0]["subnet"]
    assert app["environment"]["NAMI_TRUSTED_PROXY"] == subnet
    assert set(app["networks"]) == {"front", "back"}
    assert compose["services"]["db"]["networks"] == ["back"]
    assert compose["networks"]["back"] == {"internal": True}
    assert "ports" not in app, "only Caddy is reached from outside"
    for service in compose["services"].values():
        assert set(service.get("secrets", ())) <= compose["secrets"].keys()
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or (ROOT / source).is_file()
    asked = set(re.findall(r"NAMI_\w+", (DEPLOY / "start.sh").read_text()))
    assert {name for name in app["environment"] if name.startswith("NAMI_")} <= asked


def test_secrets_are_made_once_and_fit(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    for _ in range(2):
        subprocess.run([DEPLOY / "make-secrets.sh", folder], check=True, capture_output=True)
        first = (folder / "database_password").read_text()
    assert len(first) == 48
    assert (folder / "database_password").read_text() == first
    assert (folder / "database_url").read_text() == f"postgresql://nami:{first}@db/nami"
    assert folder.stat().st_mode & 0o77 == 0
    names = {
        Path(one["file"]).name
        for one in yaml.safe_load((ROOT / "compose.yaml").read_text())["secrets"].values()
    }
    assert names == {path.name for path in folder.iterdir()}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for program in ("nami-bench", "start-nami-bench"):
        (tmp_path / "bin" / program).symlink_to("/bin/true")
    for unit in (one for one in DEPLOY.iterdir() if one.suffix in (".service", ".timer")):
        text = unit.read_text().replace("/opt/nami-bench", str(tmp_path))
        (tmp_path / unit.name).write_text(text.replace("User=nami\n", ""))  # that there is one
    found = sorted(map(str, tmp_path.glob("nami-bench*")))
    assert len(found) == 3
    done = subprocess.run(["systemd-analyze", "verify", *found], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow  # installs 60 packages
def test_the_scripts_install_and_start_the_server(
    tmp_path: Path, new_postgresql: Callable[[], str], postgresql_server: Path
) -> None:
    prefix, data, url_file = tmp_path / "prefix", tmp_path / "data", tmp_path / "url"
    subprocess.run([DEPLOY / "install.sh", prefix], check=True, env={**os.environ, "PYTHON": sys.executable})
    assert subprocess.run([prefix / "bin" / "python", "-c", "import torch"], capture_output=True).returncode
    data.mkdir()
    url_file.write_text(new_postgresql() + "\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        "PATH": f"{prefix / 'bin'}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "NAMI_WORKSPACE": str(data),
        "NAMI_DATABASE_URL_FILE": str(url_file),
        "NAMI_PORT": str(port),
        "NAMI_HOST_NAME": "study.example.org",
        "NAMI_TRUSTED_PROXY": "172.30.0.0/24",
        "NAMI_WORKERS": "2",
    }
    said = _run_until_well(environment, port)
    token = re.search(r"^owner\s+(\S+)$", said, re.MULTILINE)
    assert token is not None, said
    assert "owner" not in _run_until_well(environment, port), "the token is shown once"
    with Store.open(url_file.read_text().strip()) as store:
        assert store.logins.authenticate("owner", token[1]) == Annotator("owner", Role.ADMINISTRATOR)


def _run_until_well(environment: dict[str, str], port: int) -> str:
    """Start the server, ask how it is by its name, end it with SIGTERM; what it said."""
    server = subprocess.Popen(
        [DEPLOY / "start.sh"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        for _ in range(600):
            try:
                answer = httpx.get(f"http://127.0.0.1:{port}/healthz")
                break
            except httpx.HTTPError:
                assert server.poll() is None, server.communicate()[0]
                time.sleep(0.1)
        assert answer.json() == {"live": True, "ready": True}
        page = httpx.get(f"http://127.0.0.1:{port}/login", headers={"Host": "study.example.org"})
        assert page.status_code == 200
    finally:
        server.terminate()
        said = server.communicate(timeout=20)[0]
    assert server.returncode == 0, said
    return said
