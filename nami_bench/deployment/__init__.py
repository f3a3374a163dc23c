"""The annotation server elsewhere than on one's own machine: as a Space on the Hugging Face hub."""
