"""`nami-bench deploy`."""

from pathlib import Path

import click

from nami_bench.cli.common import say


@click.group()
def deploy() -> None:
    """Run the annotation server elsewhere. Containers and systemd: docs/deployment.md."""


@deploy.command("space", epilog="Example: nami-bench deploy space my-study --title 'Rate images' --log-in")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--title", default="Rate images", show_default=True, help="What the Space is called.")
@click.option("--log-in", is_flag=True, help="Let people log in with their account on the hub.")
@click.option("--organization", default="", metavar="NAME", help="Only members of it, with --log-in.")
@click.option(
    "--package",
    default="",
    metavar="SPEC",
    help="What pip installs there. Default: this version of nami-bench.",
)
def space(folder: Path, title: str, log_in: bool, organization: str, package: str) -> None:
    """Write FOLDER, to be uploaded as a Space on the Hugging Face hub.

    Nothing is uploaded. Creating a Space that runs a server needs a paid plan of the hub; a study in earnest
    is safer on a server of your own (docs/deployment.md).
    """
    from nami_bench.deployment.space_folder import SpaceOptions, write_space

    for path in write_space(folder, SpaceOptions(title, package, log_in, organization)):
        say(f"wrote {path}")
    say(f"next: `hf upload OWNER/NAME {folder} . --repo-type space`, and a storage bucket mounted at /data")
