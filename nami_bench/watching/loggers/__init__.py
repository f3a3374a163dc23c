"""Where values, tables and images go beside the results file: one module for each program."""
