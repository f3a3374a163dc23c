"""Text in images: what a prompt wants to be read, what is read, and the published rules that score it."""
