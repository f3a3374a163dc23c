"""What the pages of the console share: the study at hand, who asks, and how events are bound."""

import html
import inspect
import logging
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import gradio as gr
from starlette.concurrency import run_in_threadpool

from nami_bench.annotator_app.levels import Level, admits
from nami_bench.annotator_app.onlooker import Onlooker
from nami_bench.annotator_app.studies import Studies
from nami_bench.annotator_app.terms import Terms
from nami_bench.domain import Annotator, Role
from nami_bench.errors import NamiBenchError, StorageError
from nami_bench.pipeline.known_prompts import KnownPrompts
from nami_bench.store import Store

REMEMBERED_S = 3.0
"""For so long what many consoles look at is not asked for again."""

AT_ONCE = 8
"""So many calls of one function may run at the same time."""

KEEP_STUDY = "(study) => { window.nami.keepStudy(study); return [study]; }"
"""Into the address, so that the other pages, a reload and a link show the same study."""

T = TypeVar("T")

_FAILED = "This did not work just now: try again. The server's log says why."
_NOT_FOR_YOU = {
    Level.ADJUDICATOR: "This is for adjudicators and administrators: log in again.",
    Level.OWNER: "This is for administrators: log in again.",
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks, and about which study."""

    owner: str
    study: str
    """"" where there is none, in what does not need one."""
    is_owner: bool = True
    """Else an adjudicator, who does not learn who raters are, nor the models."""
    query: Mapping[str, str] = field(default_factory=dict)
    """What the address of the page says after its question mark."""


@dataclass
class Console:
    """What a page's `build` is given; of the page that is being built `study` is the selector, and
    `no_study` what it says where there is none."""

    store: Store
    studies: Studies
    images_dir: Path
    onlooker: Onlooker
    known: KnownPrompts
    terms: Terms
    blocks: gr.Blocks
    study: gr.Dropdown = field(init=False)
    level: Level = field(init=False, default=Level.OWNER)
    """Of the page that is being built: what it binds is for those who reach it."""
    no_study: gr.HTML = field(init=False)
    _remembered: dict[Hashable, tuple[float, Any]] = field(init=False, default_factory=dict)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def show(
        self,
        look: Callable[..., Any],
        outputs: Any,
        *,
        inputs: Any = (),
        every: float | None = None,
    ) -> None:
        """Fill `outputs` with what `look(call, *inputs)` says: at once, for another study, every so often."""
        events = [self.blocks.load, self.study.input]
        if every is not None:
            events.append(gr.Timer(every).tick)
        self.on(events, look, inputs, outputs, again=True)

    def on(
        self,
        event: Any,
        run: Callable[..., Any],
        inputs: Any = (),
        outputs: Any = (),
        *,
        js: str | None = None,
        shows_progress: bool = False,
        needs_study: bool = True,
        again: bool = False,
    ) -> Any:
        """Call `run(call, *inputs)` at an event (or several), for those of the page's level, and put into
        `outputs` what it returns. `js` runs in the browser before. Where it `needs_study`, nothing happens
        without one. An event that comes while the one before is at work is dropped, as the second press of a
        button; where it is to be done `again`, the last one of them follows. Values come as the browser sent
        them: they are not compared with the choices that this process remembers of a session, which may be
        older than those on the page. Returns Gradio's event, for `.then` and `.success`."""
        sinks = _listed(outputs)
        return gr.on(
            event if isinstance(event, list) else [event],
            self._guarded(run, len(sinks), needs_study),
            inputs=[self.study, *_listed(inputs)],
            outputs=sinks,
            js=js,
            preprocess=False,
            api_visibility="private",
            concurrency_limit=AT_ONCE,
            show_progress="minimal" if shows_progress else "hidden",
            trigger_mode="always_last" if again else "once",
        )

    def keep_study(self, event: Any) -> None:
        """After an event that `on` gave, which chose another study: it is the one that is selected."""
        event.then(None, inputs=[self.study], js=KEEP_STUDY, api_visibility="private", show_progress="hidden")

    def remembered(self, key: Hashable, compute: Callable[[], T], seconds: float = REMEMBERED_S) -> T:
        """`compute()`, once in so many seconds for all who look; from threads (`def` functions) alone."""
        with self._lock:
            until, value = self._remembered.get(key, (0.0, None))
            if time.monotonic() >= until:
                value = compute()
                self._remembered = {
                    k: one for k, one in self._remembered.items() if one[0] > time.monotonic()
                }
                self._remembered[key] = (time.monotonic() + seconds, value)
            return cast(T, value)

    def selected(self, request: gr.Request, chosen: str | None) -> str | None:
        """The study that a page is about: what its selector says, else its address, else the newest."""
        names = self.names()
        asked = (chosen, request.query_params.get("study"), names[-1] if names else None)
        return next((name for name in asked if name in names), None)

    def names(self) -> list[str]:
        """The studies that are served, oldest first."""
        return [self.studies.only] if self.studies.only else [*self.store.studies.names()]

    @staticmethod
    def tell(words: str) -> None:
        """Say what was done, in a corner of the page of who asked; `words` are text, not HTML."""
        gr.Info(html.escape(words))

    def account(self, request: gr.Request, level: Level) -> Annotator | None:
        """Who sent an event, if they reach a level."""
        name = request.username
        if not name:
            return None
        account = self.store.accounts.get(name)
        return account if account.active and admits(level, account.role) else None

    def on_select(
        self, table: gr.Dataframe, run: Callable[..., Any], inputs: Any = (), outputs: Any = ()
    ) -> None:
        """Call `run(call, row, *inputs)` when somebody chooses a row: its cells, as texts."""
        sinks = _listed(outputs)
        guarded = self._guarded(run, len(sinks))

        async def chosen(request: gr.Request, event: gr.SelectData, study: str | None, *values: Any) -> Any:
            return await guarded(request, study, [str(cell) for cell in event.row_value], *values)

        chosen.__name__ = guarded.__name__
        table.select(
            chosen,
            inputs=[self.study, *_listed(inputs)],
            outputs=sinks,
            preprocess=False,
            api_visibility="private",
            concurrency_limit=AT_ONCE,
            show_progress="hidden",
            trigger_mode="always_last",
        )

    @staticmethod
    def picture(image: int, *, small: bool = False) -> str:
        """The address, relative to a page of the console, of the image of this number in the database."""
        return f"picture/{image}/small" if small else f"picture/{image}"

    def _guarded(self, run: Callable[..., Any], outputs: int, needs_study: bool = True) -> Callable[..., Any]:
        nothing = gr.skip() if outputs == 1 else tuple(gr.skip() for _ in range(outputs)) or None

        level = self.level

        def who(request: gr.Request, chosen: str | None) -> Call | None:
            account = self.account(request, level)
            if account is None:
                raise gr.Error(_NOT_FOR_YOU[level], print_exception=False)
            study = self.selected(request, chosen)
            is_owner = account.role is Role.ADMINISTRATOR
            if study is None and needs_study:
                return None
            return Call(account.name, study or "", is_owner, dict(request.query_params))

        async def guarded(request: gr.Request, chosen: str | None, *values: Any) -> Any:
            try:
                call = await run_in_threadpool(who, request, chosen)
                if call is None:
                    return nothing
                if inspect.iscoroutinefunction(run):
                    return await run(call, *values)
                return await run_in_threadpool(run, call, *values)
            except NamiBenchError as error:
                gr.Warning(html.escape(_words(error)))
            except gr.Error:
                raise
            except Exception:
                _log.exception("the console: %s", run.__qualname__)
                gr.Warning(_FAILED)
            return nothing

        # No more of it: Gradio would read the parameters of `run`.
        guarded.__name__ = f"{run.__module__.rpartition('.')[2]}_{run.__name__}"
        return guarded


def _words(error: NamiBenchError) -> str:
    """The error's own sentence; what the database says is for the log."""
    if isinstance(error, StorageError):
        _log.error("the console: %s", error)
        return _FAILED
    sentence = str(error)
    return sentence[:1].upper() + sentence[1:]


def _listed(components: Any) -> list[Any]:
    return [*components] if isinstance(components, Sequence) else [components]
