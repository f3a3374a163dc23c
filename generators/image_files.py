"""Image files that are there already: in a folder, or as members of tar files (webdataset's form)."""

import os
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nami_bench.errors import InputError
from nami_bench.foreign_files import is_hidden
from nami_bench.generators.layouts import ENDINGS

_UNREAD = ("gif", "bmp", "tif", "tiff", "avif", "heic", "jxl", "svg")


class FolderFiles:
    """The images of a folder and of those below it; links out of it are named when they are asked for."""

    def __init__(self, root: Path) -> None:
        """Raises InputError where there is no such folder."""
        if not root.is_dir():
            raise InputError(f"{root} is not a folder")
        self.root = self.place = root.resolve()
        found = sorted(_walk(self.root))
        self.names = [name for name in found if _ending(name) in ENDINGS]
        self.unread = [name for name in found if _ending(name) in _UNREAD]

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """The path itself."""
        path = self.root / name
        if not Path(os.path.realpath(path)).is_relative_to(self.root):
            raise InputError(f"{path} links out of the folder; put the image itself there")
        yield path


class TarFiles:
    """The images in tar files; a member is read when it is asked for, and nothing is unpacked.

    `texts`: the other members, by name without ending and by ending ("txt", "json"). `place`: the tar file,
    or the folder `root` of several.
    """

    def __init__(self, root: Path, tars: Sequence[Path]) -> None:
        """Raises InputError for a file that is no tar file."""
        self.root = root.resolve()
        self.place = tars[0].resolve() if len(tars) == 1 else self.root
        self._members: dict[str, tuple[Path, tarfile.TarInfo]] = {}
        self.texts: dict[str, dict[str, bytes]] = {}
        self.unread: list[str] = []
        for tar in tars:
            self._read(tar, f"{tar.name}/" if len(tars) > 1 else "")
        self.names = list(self._members)

    def _read(self, tar: Path, prefix: str) -> None:
        try:
            with tarfile.open(tar) as archive:
                for member in archive:
                    if member.isfile() and not is_hidden(Path(member.name).name):
                        self._take(archive, tar, member, prefix)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise InputError(f"{tar} cannot be read as a tar file: {error}") from error

    def _take(self, archive: tarfile.TarFile, tar: Path, member: tarfile.TarInfo, prefix: str) -> None:
        name, ending = prefix + member.name, _ending(member.name)
        if ending in ENDINGS:
            self._members[name] = tar, member
        elif ending in _UNREAD:
            self.unread.append(name)
        elif ending in ("txt", "json") and (file := archive.extractfile(member)) is not None:
            self.texts.setdefault(name.rpartition(".")[0], {})[ending] = file.read()

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """A copy of the member, there as long as the context."""
        tar, member = self._members[name]
        with tempfile.TemporaryDirectory(prefix="nami-bench-") as folder:
            path = Path(folder) / Path(member.name).name
            try:
                with tarfile.open(tar) as archive:
                    data = archive.extractfile(member)
                    path.write_bytes(b"" if data is None else data.read())
            except (tarfile.TarError, OSError, EOFError) as error:
                raise InputError(f"{tar} cannot be read as a tar file: {error}") from error
            yield path


ImageFiles = FolderFiles | TarFiles
"""Both have `names` of images, `unread`, names of files of other kinds, a `file` for a name, and the `place`
that they were opened from."""


def open_images(source: Path) -> ImageFiles:
    """A folder, a tar file, or a folder of tar files without images of its own; raises InputError."""
    if source.is_file():
        return TarFiles(source.parent, [source])
    files = FolderFiles(source)
    tars = [path for path in sorted(source.glob("*.tar")) if not is_hidden(path.name)]
    return TarFiles(source, tars) if tars and not files.names else files


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not is_hidden(name)]
        inside = Path(folder).relative_to(root)
        yield from ((inside / name).as_posix() for name in files if not is_hidden(name))


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower()
