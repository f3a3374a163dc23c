"""What adapters of neural networks share."""
