"""Leaderboards and judgements in the forms in which they leave a workspace, and those that come back."""
