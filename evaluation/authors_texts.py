"""Texts that a model was trained with and that its authors keep in a Python file: read there, never run."""

import ast
from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from nami_bench.errors import InputError


def authors_file(path: Path, member: str) -> bytes:
    """The file itself, or of a wheel (.whl) its `member`; raises InputError where it cannot be read."""
    try:
        if path.suffix != ".whl":
            return path.read_bytes()
        with ZipFile(path) as wheel:
            return wheel.read(member)
    except (OSError, BadZipFile, KeyError) as error:
        raise InputError(f"cannot read {member} in {path}: {error}") from error


def named_texts(source: bytes, where: str) -> dict[str, str]:
    """The texts of a Python file by what they are called: a variable, or a key of a dictionary.

    In a text that is put together the places of variables are written {name}. Of two texts of one name the
    later counts. Raises InputError where the file is no Python.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{where} is no Python file: {error}") from error
    return {name: text for name, node in _named(tree) if (text := _text(node)) is not None}


def _named(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value


def _text(node: ast.expr) -> str | None:
    """None where it is no text, or holds more than texts and names."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = [_part(part) for part in node.values]
    return None if None in parts else "".join(part for part in parts if part is not None)


def _part(node: ast.expr) -> str | None:
    if isinstance(node, ast.FormattedValue):
        plain = isinstance(node.value, ast.Name) and node.conversion == -1 and node.format_spec is None
        return f"{{{node.value.id}}}" if plain and isinstance(node.value, ast.Name) else None
    return _text(node)
