"""Pages to look at the images of a results file: what those of several benchmarks share."""
