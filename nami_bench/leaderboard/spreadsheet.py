"""Text in CSV cells that no spreadsheet program takes for a formula.

Programs run a cell that begins with =, +, -, @, a tab or a line break, also where the CSV quotes it
(OWASP, "CSV injection"). An apostrophe before it makes it text. Texts that begin with an apostrophe
get one more, so that reading undoes writing.
"""

_MARK = "'"
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", _MARK)


def neutralized(text: str) -> str:
    """`text` as it may stand in a cell."""
    return _MARK + text if text.startswith(_RISKY) else text


def restored(cell: str) -> str:
    """The text that `neutralized` made `cell` of."""
    return cell[1:] if cell.startswith(_MARK) and cell[1:].startswith(_RISKY) else cell
