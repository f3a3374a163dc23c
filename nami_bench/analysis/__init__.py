"""What judgements say, from Python: `nami_bench.leaderboard`, `agreement`, `strengths` and `compare`.

They are what the commands of these names print, from a data frame, a file or a workspace.
"""
