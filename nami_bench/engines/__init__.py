"""Where work on many items is done: in this process, or by the workers of a Ray cluster."""

from nami_bench.engines.protocol import LOCAL, Engine, Job, LocalEngine, shard_size

__all__ = ["LOCAL", "Engine", "Job", "LocalEngine", "shard_size"]
