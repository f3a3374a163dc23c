"""Training NAMI: bridges first, then the transformer over all windows of its flow at once."""
