"""`nami-bench serve-metrics`: metrics and GenEval's rewards for other programs, over HTTP."""
