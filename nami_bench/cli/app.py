"""The program `nami-bench`: its groups, and the one place where errors become exit codes."""

import importlib
import io
import logging
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from nami_bench import __version__
from nami_bench.cli.common import say_unless_logged
from nami_bench.cli.output_options import take_output_options
from nami_bench.cli.terminal import VisibleFormatter, visible
from nami_bench.cli.verbosity import note_said, unexpected
from nami_bench.errors import NamiBenchError, WorkError
from nami_bench.neural.foreign_bars import keep_off_this_program
from nami_bench.neural.loading import told_by

COMPLETION = "_NAMI_BENCH_COMPLETE"
"""The variable by which a shell asks what Tab would suggest; only then is what answers loaded."""

# Command -> (module with a click command of that name, one line of help). Listed here so that
# `--help` imports none of the modules.
COMMANDS = {
    "init": ("nami_bench.cli.init", "Make a workspace with a commented nami.toml."),
    "demo": ("nami_bench.cli.demo", "The whole job on embedded defaults, offline; then the annotation app."),
    "run": ("nami_bench.cli.run", "A whole run in one file: planned, done, locked, checked."),
    "prompts": ("nami_bench.cli.prompts", "Make, list and export prompt sets."),
    "models": ("nami_bench.cli.models", "Add, list, rename and remove models under test."),
    "generate": ("nami_bench.cli.generate", "Make images; resumable."),
    "images": ("nami_bench.cli.images", "Import, export, verify and remove images."),
    "throughput": ("nami_bench.cli.throughput", "Images a second and latency of a model, under load."),
    "geneval": ("nami_bench.cli.geneval", "GenEval on any folder in its layout."),
    "dpg": ("nami_bench.cli.dpg", "DPG-Bench on any folder of image grids."),
    "questions": ("nami_bench.cli.questions", "Write and check the questions of question benchmarks."),
    "text": ("nami_bench.cli.text", "What metrics read in images: published figures, and a page."),
    "evaluate": ("nami_bench.cli.evaluate", "Automatic metrics over recorded images."),
    "watch": ("nami_bench.cli.watch", "Checkpoints measured as a training writes them."),
    "serve-metrics": ("nami_bench.cli.serve_metrics", "Metrics and rewards for other programs, over HTTP."),
    "study": ("nami_bench.cli.study", "Create, list and watch annotation studies."),
    "annotators": ("nami_bench.cli.annotators", "Add, list, disable and erase annotators."),
    "crowd": ("nami_bench.cli.crowd", "Crowd workers and invitation links: who came, how, what is due."),
    "annotate": ("nami_bench.cli.annotate", "Serve the annotation app."),
    "console": ("nami_bench.cli.console", "Serve the owner's console alone."),
    "ratings": ("nami_bench.cli.ratings", "Import, export and exclude human ratings."),
    "votes": ("nami_bench.cli.votes", "The world's votes in: public sets of votes and ratings."),
    "marks": ("nami_bench.cli.marks", "What annotators marked: export, import, agreement, heat maps."),
    "agreement": ("nami_bench.cli.agreement", "How far annotators agree, and each beside the others."),
    "strengths": (
        "nami_bench.cli.strengths",
        "Models by pairwise comparisons: Bradley-Terry, by criterion.",
    ),
    "leaderboard": ("nami_bench.cli.leaderboard", "Models by human and automatic scores."),
    "compare": ("nami_bench.cli.compare", "A variant of a model beside it: time saved, quality kept."),
    "publish": ("nami_bench.cli.publish", "What files would reveal about people, before they leave."),
    "report": ("nami_bench.cli.report", "A study's report: HTML, plots, image grids."),
    "site": ("nami_bench.cli.site", "A results site: every number leads to the images behind it."),
    "nami": ("nami_bench.cli.nami", "The NAMI model itself: convert weights, count costs, measure speed."),
    "weights": ("nami_bench.cli.weights", "Weights of metrics, detectors and judges: list, fetch, carry."),
    "deploy": ("nami_bench.cli.deploy", "The annotation server as a Space on the Hugging Face hub."),
    "db": ("nami_bench.cli.db", "Back up and restore the workspace's database."),
    "plugins": ("nami_bench.cli.plugins", "Everything registered, by group."),
    "doctor": (
        "nami_bench.cli.doctor",
        "What is wrong with installation, machine and workspace.",
    ),
}


class _LazyGroup(click.Group):
    """Imports a command's module only when that command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        command = take_output_options(command)
        if not os.environ.get(COMPLETION):
            return command
        from nami_bench.cli.completion import with_suggestions

        return with_suggestions(cmd_name, command)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        # Unlike click's own: without importing every command for its line of help.
        commands = [CompletionItem(name, help=line) for name, (_, line) in COMMANDS.items()]
        found = [command for command in commands if command.value.startswith(incomplete)]
        return found or click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (NamiBenchError, click.ClickException, OSError) as error:
            note_said(f"error: {error}")
            raise
        except (click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            raise WorkError(unexpected(error)) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from nami_bench.errors import UnknownNameError

            raise UnknownNameError("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="-v, -q and --log-file may as well stand after the command. Try it: `nami-bench demo`. "
    "Help on a command: `nami-bench generate --help`.",
)
@click.option(
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to work on. Default: the current folder if it is a workspace, else ./nami-workspace.",
)
@click.version_option(__version__, prog_name="nami-bench")
@click.pass_context
def cli(ctx: click.Context, workspace: Path | None) -> None:
    """Benchmark text-to-image models: prompts, images, GenEval, human ratings, leaderboards."""
    ctx.obj = workspace
    ctx.with_resource(told_by(say_unless_logged))


take_output_options(cli, hidden=False)


def main() -> NoReturn:
    """Run the program; exit 0 done, 1 the work failed, 2 wrong use or bad input."""
    if asked := os.environ.get(COMPLETION):
        from nami_bench.cli.completion import answer

        answer(cli, asked)
    keep_off_this_program()
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(VisibleFormatter())
    try:
        code = cli(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except NamiBenchError as error:
        _fail(str(error), error.exit_code)
    except click.ClickException as error:
        if isinstance(error, click.NoSuchOption) and (hint := _in_other_case(error)):
            error = click.NoSuchOption(error.option_name, error.message + hint, ctx=error.ctx)
        said = io.StringIO()
        error.show(said)
        click.echo(visible(said.getvalue(), lines=True), nl=False, err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted; what was finished is kept", 1)
    except BrokenPipeError:
        # The reader of our output is gone (`| head`): nothing to report, nothing to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        _fail(f"{error.filename or 'the system'}: {error.strerror or error}", 1)


def _in_other_case(error: click.NoSuchOption) -> str:
    """A question after the option that is meant where -o was said for -O, or the reverse; else ""."""
    other = error.option_name.swapcase()
    known = {name for parameter in error.ctx.command.params for name in parameter.opts} if error.ctx else ()
    return f" Did you mean {other}?" if other in known else ""


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"error: {visible(message)}", err=True)
    sys.exit(code)
