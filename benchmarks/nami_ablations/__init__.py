"""The paper's ablations in miniature: `python -m benchmarks.nami_ablations --help`."""
