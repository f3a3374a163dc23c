"""What people would prefer, as models trained on their choices predict it."""
