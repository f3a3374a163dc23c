"""Models that write: long prompts about images, and whatever else a text can ask them for."""
