"""`python -m nami_bench`."""

from nami_bench.cli import main

main()
