"""How automatic metrics agree with people: pure functions, tidy tables in, results out."""
