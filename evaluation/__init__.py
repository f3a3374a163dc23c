"""Automatic metrics and the statistics of human ratings. Nothing here knows the store."""
