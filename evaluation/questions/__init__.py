"""Benchmarks that ask questions about an image: graphs of questions, judges that answer them, rules that join
the answers (DPG-Bench, DSG, TIFA, GenEval 2)."""
