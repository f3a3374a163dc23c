"""Text in images: what a prompt wants to be read, what is read, and by which published rule that is scored."""
