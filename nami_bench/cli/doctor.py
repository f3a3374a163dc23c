"""`nami-bench doctor`."""

import click

from nami_bench.cli.common import echo, print_json, workspace_root
from nami_bench.cli.options import json_option


@click.command(
    epilog="Examples: nami-bench doctor; for a report of a problem: nami-bench doctor --json > doctor.json"
)
@json_option
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Look for what is wrong with this installation, this machine and the workspace, and say what to do.

    One line for each check: ok, warn or fail, what was found, and the remedy. Nothing is changed, and no
    secret is shown. Libraries are imported for trial in another process. The exit code is 1 if a check
    failed. Works without a workspace, and without torch or with a broken one.
    """
    from concurrent.futures import ThreadPoolExecutor
    from dataclasses import asdict

    from nami_bench.doctor.checks import checks
    from nami_bench.doctor.finding import Status, examined

    found = []
    with ThreadPoolExecutor(1) as beside:
        for check in checks(workspace_root(), beside):
            finding = examined(check)
            found.append((check.name, finding))
            if not as_json:
                remedy = f" -> {finding.remedy}" if finding.remedy else ""
                echo(f"{finding.status:<5} {check.name}: {finding.found}{remedy}")
    worst = max((finding.status for _, finding in found), key=list(Status).index)
    if as_json:
        print_json({"status": worst, "checks": [{"check": name, **asdict(one)} for name, one in found]})
    context.exit(1 if worst is Status.FAIL else 0)
