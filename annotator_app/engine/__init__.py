"""Who is shown what, and what becomes of the answers: no web framework, no page, only the store's `Desk`."""
