"""Commands that take a folder, and have subcommands beside: `geneval DIR ...` and `geneval summary FILE`."""

from typing import Any

import click


class FolderOrCommand(click.Group):
    """A group whose `on_folder` runs where the first argument names none of its commands."""

    on_folder: click.Command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in self.commands:
            return super().make_context(info_name, args, parent, **extra)
        return self.on_folder.make_context(info_name, args, parent, **extra)
