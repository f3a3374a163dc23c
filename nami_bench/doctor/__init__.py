"""What may be wrong with an installation or a workspace, found before it costs a night."""
