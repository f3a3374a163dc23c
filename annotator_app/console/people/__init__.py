"""The parts of the page on people."""
