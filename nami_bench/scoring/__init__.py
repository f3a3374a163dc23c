"""Metrics from Python: `Scorer`, on this machine or in front of a server."""
