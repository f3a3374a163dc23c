"""Judges: plugins of the group `nami_bench.judges`, which answer questions about images."""
