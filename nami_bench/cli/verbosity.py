"""How much a run says, and its log file: what -v, -q and --log-file ask for."""

import logging
import os
import platform
import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from nami_bench import __version__
from nami_bench.cli.terminal import VisibleFormatter, visible
from nami_bench.errors import InputError
from nami_bench.redaction import redacted, redacted_words

OURS = "nami_bench"
_SAID = "nami_said"
_log = logging.getLogger(__name__)


class Output:
    """What was asked for, and the handlers that do it; `close` leaves logging as it was."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        """`tell` puts a line on the terminal."""
        self.tell = tell
        self.verbose = 0
        self.is_quiet = False
        self.log_file: Path | None = None
        self._file: _LogFile | None = None
        self._console: _Console | None = None
        self._levels = [(logger, logger.level) for logger in (logging.getLogger(), logging.getLogger(OURS))]

    def change(self, verbose: int = 0, quiet: bool = False, log_file: Path | None = None) -> None:
        """Ask for more than before. Raises UsageError for opposites, InputError for an unwritable file."""
        self.verbose += verbose
        self.is_quiet |= quiet
        if self.is_quiet and self.verbose:
            raise click.UsageError("give -q or -v, not both")
        opened = self._open(log_file) if log_file is not None else None
        self._set_console()
        root, ours = (logger for logger, _ in self._levels)
        root.setLevel(logging.INFO if self.verbose > 1 else logging.WARNING)
        ours.setLevel(logging.DEBUG if self.verbose > 1 or self._file else logging.INFO)
        if opened is not None:
            opened.header()

    def close(self) -> None:
        """Take the handlers away again."""
        root = logging.getLogger()
        for handler in (self._console, self._file):
            if handler is not None:
                root.removeHandler(handler)
                handler.close()
        for logger, level in self._levels:
            logger.setLevel(level)

    def _set_console(self) -> None:
        if self._console is None:
            self._console = _Console(self.tell)
            logging.getLogger().addHandler(self._console)
        self._console.verbose = self.verbose
        self._console.setLevel(logging.ERROR if self.is_quiet else logging.NOTSET)

    def _open(self, path: Path) -> "_LogFile":
        if self._file is not None:
            raise click.UsageError("--log-file was given twice")
        try:
            self._file = _LogFile(path, self.tell)
        except OSError as error:
            raise InputError(f"cannot write the log file {path}: {error.strerror or error}") from error
        self.log_file = path
        logging.getLogger().addHandler(self._file)
        return self._file


_now: Output | None = None


def begin(tell: Callable[[str], None]) -> Output:
    """What the run that begins now is asked for; that of one before it ends."""
    global _now
    end()
    _now = Output(tell)
    return _now


def end() -> None:
    """The run is over."""
    global _now
    if _now is not None:
        _now.close()
    _now = None


def is_quiet() -> bool:
    """Whether the run that is under way was told to say results and errors only."""
    return _now is not None and _now.is_quiet


def is_verbose() -> bool:
    """Whether log records of ours are shown to people."""
    return _now is not None and _now.verbose > 0


def note_said(message: str) -> None:
    """Put what people are told on the terminal into the log file, too."""
    _log.info(message, extra={_SAID: True})


def unexpected(error: Exception) -> str:
    """One sentence about an error that nobody foresaw; its traceback goes to the log, and by -v to people."""
    what = f"unexpected {type(error).__name__}: {visible(str(error).strip().partition(chr(10))[0])}"
    _log.info("unexpected error", exc_info=error)
    if _now is not None and _now.log_file is not None:
        return f"{what}; details are in {_now.log_file}"
    if _now is not None and _now.verbose:
        return what
    return f"{what}; for details give the same command again with -v or --log-file FILE"


class _Console(logging.Handler):
    """Log records as lines for people."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self.tell, self.verbose = tell, 0
        self.setFormatter(VisibleFormatter())

    def filter(self, record: logging.LogRecord) -> bool:
        """Warnings; with -v our messages; with -vv also our details, and the messages of libraries."""
        steps = self.verbose if _is_ours(record) else self.verbose - 1
        lowest = {1: logging.INFO, 2: logging.DEBUG}.get(min(steps, 2), logging.WARNING)
        return record.levelno >= lowest and not hasattr(record, _SAID) and bool(super().filter(record))

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        self.tell(line if record.levelno >= logging.WARNING else f"{record.name}: {line}")


class _LogFile(logging.StreamHandler[Any]):
    """Our records from DEBUG on, and libraries' warnings; a new file is for its owner's eyes only."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self.path, self.tell = path, tell
        self._failed = False
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        super().__init__(os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace"))
        self.setFormatter(_Redacting("%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"))

    def filter(self, record: logging.LogRecord) -> bool:
        """All that is ours; of libraries what may matter."""
        wanted = _is_ours(record) or record.levelno >= logging.WARNING or logging.getLogger().level < 30
        return wanted and bool(super().filter(record))

    def header(self) -> None:
        """What was run, where, and on which versions."""
        from nami_bench.software import software

        versions = ", ".join(f"{name} {version}" for name, version in software().items())
        _log.debug("nami-bench %s: %s", __version__, shlex.join(redacted_words(sys.argv[1:])))
        _log.debug("in %s on %s: %s", Path.cwd(), platform.platform(), versions)

    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk ends the log, not the work; that is said once."""
        if not self._failed:
            self._failed = True
            self.tell(f"the log file {self.path} takes no more: {sys.exc_info()[1]}")

    def close(self) -> None:
        with suppress(OSError):  # what could not be written before, and was said, cannot be written now
            self.stream.close()
        super().close()


class _Redacting(VisibleFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] == OURS
