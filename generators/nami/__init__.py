"""NAMI: text to image by bridged progressive rectified flow transformers (arXiv 2503.09242)."""
