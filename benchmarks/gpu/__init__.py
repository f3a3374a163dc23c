"""What only a GPU can show, in parts of at most a minute and a half each: `make bench-gpu`."""
