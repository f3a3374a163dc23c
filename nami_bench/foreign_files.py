"""What files are that are no images for us, in words: by their first bytes, without reading them as such."""

_BEGINNINGS = {
    b"GIF8": "a GIF",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"BM": "a BMP",
    b"8BPS": "a Photoshop file",
    b"\xff\x0a": "a JPEG XL image",
    b"\0\0\0\x0cJXL ": "a JPEG XL image",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 image",
    b"v/1\x01": "an OpenEXR image",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"\x93NUMPY": "a NumPy array",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself (git lfs pull fetches it)",
    b"SQLite format 3": "a SQLite database",
}
_BRANDS = {
    b"avif": "an AVIF image",
    b"avis": "an AVIF image",
    b"heic": "a HEIC image",
    b"mif1": "a HEIC image",
}

_LEFT_BY_SYSTEMS = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "lost+found", "$recycle.bin"}
    | {"system volume information"}
)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is not what its owner put there: hidden, or left by a system."""
    return name.startswith(".") or name.lower() in _LEFT_BY_SYSTEMS


def kind_of(data: bytes) -> str:
    """What a file of these bytes is, as "a GIF"; "" where they do not tell."""
    if not data:
        return "empty"
    for beginning, kind in _BEGINNINGS.items():
        if data.startswith(beginning):
            return kind
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "a video")
    start = data[:256].lstrip().lower()
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in data[:1024]):
        return "an SVG drawing"
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return "a text file" if _is_text(data[:1024]) else ""


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(data) - 3:  # not merely cut within a letter
            return False
        text = data[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter.isspace() or letter == "\ufeff" for letter in text)
