"""Long prompts written about images by vision-language models."""
