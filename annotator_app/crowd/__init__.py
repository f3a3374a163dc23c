"""People who come into a study by themselves: platforms, the door, the way out, payment."""
