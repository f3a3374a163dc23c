"""The folder that is uploaded as a Space: front matter, what is installed, what is started."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nami_bench.errors import InputError
from nami_bench.images import write_bytes

_APP = '''"""Starts the annotation server; what lasts lies in the storage bucket that is mounted at /data."""

from nami_bench.deployment.space import main

if __name__ == "__main__":
    main()
'''

_README = """\
# {title}

People rate images here. The annotation server is [NAMI-Bench](https://pypi.org/project/nami-bench/).

- **Storage**: mount a storage bucket at `/data` in the Space's settings. Without one, everything is gone when
  the Space sleeps or restarts. `/data` is a workspace: put its `images` and `prompts` there.
- **The first administrator's token** stands in the Space's log, once.
- The database is written on the Space's own disk and copied to `/data/backups` every minute and when the
  Space stops: of a crash, the last minute may be lost.
- Give people the address https://OWNER-NAME.hf.space: in the hub's frame they are only led to it.
"""


@dataclass(frozen=True, slots=True)
class SpaceOptions:
    """What is asked of a Space.

    `package` is what pip installs; `log_in` lets people of the hub log in, those of `organization` alone
    where it is given.
    """

    title: str = "Rate images"
    package: str = ""
    log_in: bool = False
    organization: str = ""

    def __post_init__(self) -> None:
        if not self.title.strip() or not self.title.isprintable():
            raise InputError("the title of a Space is one line of text")
        if self.organization and not self.log_in:
            raise InputError("an organization is asked for where people log in through the hub: add --log-in")
        if self.organization and not re.fullmatch(r"[\w.-]+", self.organization):
            raise InputError(f"{self.organization!r} is no name of an organization on the hub")


def write_space(folder: Path, options: SpaceOptions) -> list[Path]:
    """Write the files of a Space into `folder`, which may exist but must be empty; the files.

    Raises InputError, StorageError.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already and not empty: name a new folder")
    texts = {
        "README.md": front_matter(_settings(options)) + "\n" + _README.format(title=options.title),
        "app.py": _APP,
        "requirements.txt": f"{_installed(options)}\n",
    }
    for name, text in texts.items():
        write_bytes(folder / name, text.encode())
    return [folder / name for name in texts]


def front_matter(settings: Mapping[str, Any]) -> str:
    """Settings as the YAML at the head of a Space's README; every JSON value is a YAML one."""
    lines = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in settings.items())
    return "\n".join(("---", *lines, "---", ""))


def _settings(options: SpaceOptions) -> dict[str, Any]:
    from importlib.metadata import version

    settings: dict[str, Any] = {
        "title": options.title,
        "colorFrom": "blue",
        "colorTo": "gray",
        "sdk": "gradio",
        "sdk_version": version("gradio"),
        "python_version": "3.11",
        "app_file": "app.py",
        "header": "mini",
        "pinned": False,
    }
    if options.log_in:
        settings |= {"hf_oauth": True, "hf_oauth_expiration_minutes": 480}
    if options.organization:
        settings["hf_oauth_authorized_org"] = options.organization
    return settings


def _installed(options: SpaceOptions) -> str:
    from nami_bench import __version__

    return options.package or f"nami-bench=={__version__}"
