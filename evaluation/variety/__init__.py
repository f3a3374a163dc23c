"""How varied a model's images are, and which of them are nearly the same."""
