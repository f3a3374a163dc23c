"""GenEval (Ghosh, Hajishirzi, Schmidt 2023, arXiv 2310.11513) without mmdet and mmcv."""
