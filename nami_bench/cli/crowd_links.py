"""`nami-bench crowd invite`, `links` and `revoke`: invitation links."""

from datetime import datetime
from pathlib import Path

import click

from nami_bench.cli.common import echo, open_bench, print_json, print_table, say, who, write_or_print
from nami_bench.cli.consent import counted
from nami_bench.cli.options import FILE, json_option


@click.command(
    "invite", epilog="Example: nami-bench crowd invite pilot --base https://rate.example.org --for 'Zoë'"
)
@click.argument("study")
@click.option("--base", metavar="URL", required=True, help="The server's address, as browsers know it.")
@click.option(
    "--for", "labels", multiple=True, metavar="LABEL", help="For whom; repeatable: a link for each."
)
@click.option(
    "--from",
    "table",
    metavar="FILE.csv",
    type=FILE,
    help="Labels from the first column of a CSV file with a header.",
)
@click.option(
    "--uses",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="For so many people each; 0: for any number. A link for one is their way back, too.",
)
@click.option(
    "--expires", type=click.DateTime(["%Y-%m-%d"]), help="Opens to nobody new from this day (UTC) on."
)
@click.option("-o", "--output", metavar="FILE.csv", type=FILE, help="File to write; default: stdout.")
@click.option(
    "--qr", metavar="FILE.svg", type=FILE, help="Also draw the link, which must be one, as a QR code."
)
def invite(
    study: str,
    base: str,
    labels: tuple[str, ...],
    table: Path | None,
    uses: int,
    expires: datetime | None,
    output: Path | None,
    qr: Path | None,
) -> None:
    """Make links into a study, and write them down, once: only their hashes are kept."""
    from datetime import UTC

    from nami_bench.errors import InputError
    from nami_bench.export.qr_code import qr_svg
    from nami_bench.export.spreadsheet import csv_table

    wanted = [*labels, *(_labels(table) if table is not None else ())] or [""]
    if qr is not None and len(wanted) > 1:
        raise InputError(f"--qr draws one link, and these would be {len(wanted)}")
    with open_bench() as bench:
        tokens = bench.store.links.invite(
            study,
            wanted,
            uses_allowed=uses,
            expires_at=None if expires is None else expires.replace(tzinfo=UTC),
            created_by=who(),
        )
    addresses = [f"{base.rstrip('/')}/join/link/{token}" for token in tokens]
    write_or_print(output, csv_table(("label", "link"), zip(wanted, addresses, strict=True)))
    if qr is not None:
        write_or_print(qr, qr_svg(addresses[0]))
    say(f"study {study}: {counted(len(tokens), 'link')}; they cannot be shown again")


@click.command("links", epilog="Example: nami-bench crowd links pilot")
@click.argument("study")
@json_option
def links(study: str, as_json: bool) -> None:
    """A study's links: for whom, how often used, whether they still open it."""
    from dataclasses import asdict

    with open_bench() as bench:
        found, now = bench.store.links.all(study), bench.store.clock()
    if as_json:
        print_json([asdict(one) for one in found])
        return
    words = {"link_revoked": "revoked", "link_expired": "expired", "link_used": "used up"}
    print_table(
        ("link", "for", "used", "of", "expires", "state", "made by"),
        [
            (
                one.id,
                one.label or None,
                one.uses,
                one.uses_allowed or "any",
                one.expires_at and f"{one.expires_at:%Y-%m-%d}",
                words.get(one.problem(now) or "", "open"),
                one.created_by,
            )
            for one in found
        ],
    )


@click.command("revoke", epilog="Example: nami-bench crowd revoke pilot 3 4")
@click.argument("study")
@click.argument("numbers", nargs=-1, type=int, required=True, metavar="LINK...")
def revoke(study: str, numbers: tuple[int, ...]) -> None:
    """End links for good, by their numbers in `crowd links`. Who came by one stays in the study."""
    with open_bench() as bench:
        ended = bench.store.links.revoke(study, numbers)
    echo(f"{counted(ended, 'link')} ended")


def _labels(path: Path) -> list[str]:
    """The labels of a file, below its header."""
    from nami_bench.errors import InputError
    from nami_bench.export.link_labels import labels_of

    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    found = labels_of("\n".join(lines[1:]))
    if not found:
        raise InputError(f"{path}: there is no label below the header")
    return found
