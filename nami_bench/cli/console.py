"""`nami-bench console`."""

import click

from nami_bench.cli.common import announce, open_bench, say


@click.command(epilog="Example: nami-bench console --port 7861")
@click.option("--study", metavar="NAME", help="The only study to show. Default: all.")
@click.option("--host", help="Address to listen on; 0.0.0.0 for other machines too. Default: from nami.toml.")
@click.option("--port", type=click.IntRange(0, 65535), default=7861, show_default=True, help="0: a free one.")
@click.option(
    "--host-name",
    "host_names",
    metavar="NAME",
    multiple=True,
    help="A name by which browsers reach it, such as a proxy's; may be repeated.",
)
@click.option(
    "--root-path", metavar="PATH", help="What a proxy leaves before the app's own paths, such as /nami."
)
def console(
    study: str | None, host: str | None, port: int, host_names: tuple[str, ...], root_path: str | None
) -> None:
    """Serve the owner's console alone until Ctrl-C: studies, people, results, for administrators.

    `nami-bench annotate` has it too, at /admin. This is for looking at a workspace while nobody rates, or
    beside a server that is not to be touched. Administrators log in as there (a first one: `nami-bench
    annotators add NAME --role administrator`).
    """
    from nami_bench.annotator_app.server import PATIENCE_S, serve_console

    with open_bench(PATIENCE_S) as bench:
        serve_console(
            bench.workspace,
            bench.store,
            study,
            host=host,
            port=port,
            host_names=host_names,
            root_path=root_path,
            on_ready=_announce,
        )
    say("stopped")


def _announce(address: str) -> None:
    announce(f"the console is at {address}")
    say("log in as an administrator; Ctrl-C stops")
