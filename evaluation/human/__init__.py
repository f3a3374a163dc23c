"""Statistics of human ratings: pure functions, values in, results out."""
