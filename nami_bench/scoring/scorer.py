"""Images in, scores out: the same metrics, values and instruments as the command line's."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar, cast, overload

from nami_bench.errors import InputError
from nami_bench.scoring.given_images import Given, given_images
from nami_bench.scoring.given_prompts import given_prompts
from nami_bench.scoring.scores import Scores

if TYPE_CHECKING:
    from nami_bench.domain import Prompt
    from nami_bench.evaluation.protocol import Metric, SetMetric

    NamedOrMade = str | Metric | SetMetric

R = TypeVar("R", Scores, dict[str, Scores])
Advance = Callable[[int], object]


class _Metrics(Protocol):
    """Where the work is done: in this process, or by a server."""

    names: tuple[str, ...]

    def score(
        self, images: Sequence[Given], prompts: "tuple[Prompt, ...]", advance: Advance
    ) -> dict[str, Scores]: ...

    def instrument(self, name: str) -> str: ...

    def close(self) -> None: ...


class Scorer(Generic[R]):
    """Scores images by one metric or several.

        with Scorer("geneval", detector="mask2former") as scorer:
            scores = scorer.score(images, metadata)
        scores.values, scores.failures, scores.summary()

    `metrics`: a name (`nami-bench plugins` lists them), a metric object, or a sequence of them. `options` are
    those of `nami-bench plugins show NAME`. Each goes to every metric that has one of that name; options for
    one of several stand under its name: `geneval={"detector": "yolox"}`.

    Weights are loaded with the first call and stay until `close()`. It may be used from several threads, one
    call at a time does the work; within a training loop neither random numbers nor autocast are disturbed.

    Raises InputError for unknown names and options, and where a metric lacks its package.
    """

    @overload
    def __init__(self: "Scorer[Scores]", metrics: "NamedOrMade", **options: Any) -> None: ...

    @overload
    def __init__(
        self: "Scorer[dict[str, Scores]]", metrics: "Sequence[NamedOrMade]", **options: Any
    ) -> None: ...

    def __init__(self, metrics: Any, **options: Any) -> None:
        from nami_bench.scoring.local import LocalMetrics, create_metrics

        self._one = not isinstance(metrics, list | tuple)
        wanted = [metrics] if self._one else list(metrics)
        names = [one for one in wanted if isinstance(one, str)]
        made = {one.name: one for one in wanted if not isinstance(one, str)}
        if options and not names:
            raise InputError("options belong to metrics that are named: these are made already")
        named = create_metrics(names, options) if names or not made else {}
        self._metrics: _Metrics = LocalMetrics({**named, **made})

    @classmethod
    def connect(
        cls,
        url: str,
        metrics: str | Sequence[str] | None = None,
        *,
        token: str | None = None,
        timeout: float = 300.0,
        patience: float = 600.0,
        batch_size: int = 64,
        connections: int = 4,
    ) -> "Scorer[Any]":
        """A scorer in front of `nami-bench serve-metrics`, which is at `url`.

        It needs numpy, Pillow and httpx, neither torch nor any metric's packages. `metrics`: one of the
        server's, or several; None: all. `token`: the server's, by default NAMI_METRICS_TOKEN. Images go in
        requests of `batch_size`, `connections` at a time, as PNG. A request is answered within `timeout`
        seconds or asked again, as it is where the server is away or busy, for `patience` seconds; what is
        answered is never scored twice. Raises InputError where the server is not ours, refuses the token or
        lacks the metric, WorkError where it stays away.
        """
        from nami_bench.scoring.remote import RemoteMetrics

        self = cls.__new__(cls)
        self._one = isinstance(metrics, str)
        wanted = None if metrics is None else [metrics] if isinstance(metrics, str) else list(metrics)
        self._metrics = RemoteMetrics(
            url, wanted, token, timeout=timeout, patience=patience, batch_size=batch_size,
            connections=connections,
        )  # fmt: skip
        return self

    @property
    def instruments(self) -> dict[str, str]:
        """By metric, what names everything its values depend on; finds the weights, or says that there are
        none (InputError)."""
        return {name: self._metrics.instrument(name) for name in self._metrics.names}

    def score(self, images: Any, prompts: Any, advance: Advance | None = None) -> R:
        """One value for each image: `Scores`, or of several metrics a dictionary of them by name.

        `images`: Pillow images, paths, the bytes of files, numpy arrays (height, width, channels) or torch
        tensors (channels, height, width), uint8 or float 0..1; or one array of many. `prompts`: for each
        image a text, a `Prompt`, or GenEval's metadata; or one for all. An image that cannot be read or
        judged has no value and a reason. `advance` is told how many more are done, for each metric.

        Raises InputError for what is neither image nor prompt, and where a metric cannot be run at all.
        """
        given = given_images(images)
        asked = given_prompts(prompts, len(given))
        found = self._metrics.score(given, asked, advance or (lambda count: None))
        return cast(R, found[self._metrics.names[0]] if self._one else found)

    def close(self) -> None:
        """Let go of weights or connections, and give the device's memory back."""
        self._metrics.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
