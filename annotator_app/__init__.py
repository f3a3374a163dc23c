"""The annotation app: sessions (assignment, blinding) and the browser interface."""
