"""The plugin of docs/plugins.md, taken from the page, works as the page says."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "plugins.md"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder that holds the guide's package as an installer would leave it."""
    code, project = re.findall(r"```(?:python|toml)\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (tmp_path / "plain_colors.py").write_text(code)
    parsed = tomllib.loads(project)["project"]
    info = tmp_path / f"plain_colors-{parsed['version']}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {parsed['name']}\nVersion: {parsed['version']}\n"
    (info / "METADATA").write_text(metadata)
    [(group, names)] = parsed["entry-points"].items()
    lines = "".join(f"{name} = {value}\n" for name, value in names.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{lines}")
    return tmp_path


def test_the_guides_plugin_is_found_and_makes_images(site: Path) -> None:
    def run(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "nami_bench", *arguments],
            cwd=site,
            env={**os.environ, "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert "plain-colors" in run("plugins")
    run("init", ".")
    run("prompts", "build", "shapes-demo")
    commands = re.findall(r"^nami-bench (models add|generate) (.*)$", GUIDE.read_text(), re.MULTILINE)
    assert len(commands) == 2
    for command, rest in commands:
        run(*command.split(), *rest.split())
    assert len(list((site / "images" / "plain").rglob("*.png"))) == 48
