"""A study's report: one folder of HTML, plots, thumbnails and data that opens from disk."""
