"""Store and statistics to rows, rows to tables and files."""
