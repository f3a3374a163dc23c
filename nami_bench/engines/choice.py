"""Which engine is asked for: that of this process, or Ray's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nami_bench.engines.protocol import LOCAL, Engine
from nami_bench.errors import InputError


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What was asked for, not yet started."""

    name: str
    address: str | None
    workers: int | None
    cpus: float | None
    gpus: float | None

    @contextmanager
    def started(self) -> Iterator[Engine]:
        """The engine, while it runs. Raises InputError where it cannot be had."""
        if self.name == "local":
            yield LOCAL
            return
        try:
            from nami_bench.engines.ray_cluster import ray_engine
        except ModuleNotFoundError as error:
            raise InputError(
                f"the engine ray needs the package {error.name!r}: pip install 'nami-bench[ray]'"
            ) from error
        with ray_engine(self.address, self.workers, self.cpus or 1, self.gpus) as engine:
            yield engine
