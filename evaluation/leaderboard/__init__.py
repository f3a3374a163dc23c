"""What a leaderboard says, as values: rows, intervals, agreement, strengths, plans."""
