"""How fast NAMI is, part by part, and what its sampler's schedule costs in accuracy."""
