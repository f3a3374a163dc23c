"""Prompt sets: GenEval's grammar, sources, recipes and their assembly."""
