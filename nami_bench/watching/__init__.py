"""The training companion: checkpoints measured as they appear, and callbacks for training loops."""
