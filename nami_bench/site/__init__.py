"""A results site: a folder of pages that opens from disk and goes onto any static host."""
