"""Take the pictures of docs/site.md: `make screenshots`.

The site of the demo's workspace, opened from disk.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from docs.screenshots import chromium, take
from nami_bench.run_file.site import write_site


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        workspace, pages = Path(folder) / "nami-workspace", Path(folder) / "pages"
        command = [sys.executable, "-m", "nami_bench", "--workspace", str(workspace), "demo", "--no-serve"]
        subprocess.run(command, check=True)
        write_site(pages, workspace, title="NAMI-Bench demo")
        for name, (address, act, height) in PICTURES.items():
            page = browser.new_page(viewport={"width": 1280, "height": height})
            page.goto((pages / address).as_uri() + ("#models=shapes-good,shapes-fair" if act else ""))
            page.wait_for_load_state("networkidle")
            take(page, name)
            page.close()


PICTURES: dict[str, tuple[str, bool, int]] = {
    "site-board": ("index.html", True, 1000),
    "site-prompt": ("prompt/demo-simulated/00003.html", False, 620),
    "site-judges": ("judges.html", False, 900),
}
"""By name: the page, whether two models are compared, and the height."""


if __name__ == "__main__":
    main()
