"""Which recorded image a file's name means, where names say neither prompt nor sample: by whence it came."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from nami_bench.domain import ImageRecord


@dataclass(frozen=True, slots=True)
class Meant:
    """An image of a model: which prompt and sample it is of."""

    prompt_id: str
    sample: int


class ImageNames:
    """Imported images of a prompt set by the files that they were, as their records keep them."""

    def __init__(self, records: Iterable[ImageRecord]) -> None:
        self._by_name: dict[tuple[str, str], list[tuple[PurePosixPath, Meant]]] = {}
        self._samples: Counter[tuple[str, str]] = Counter()
        for record in records:
            self._samples[record.model, record.prompt_id] += 1
            if file := record.provenance.get("file"):
                path = PurePosixPath(str(file))
                meant = Meant(record.prompt_id, record.sample)
                self._by_name.setdefault((record.model, path.name), []).append((path, meant))

    def find(self, model: str, image: str) -> Meant | None:
        """The one image of a model whose file is called so, in folders of the same names as far as both have
        them; None where there is none or more than one."""
        path = _path(image)
        found = {meant for file, meant in self._by_name.get((model, path.name), ()) if _are_one(file, path)}
        return next(iter(found)) if len(found) == 1 else None

    def samples(self, model: str, prompt_id: str) -> int:
        """How many images of the prompt are recorded."""
        return self._samples[model, prompt_id]


class SeenImages:
    """Images that are known by nothing but the names that a file gives them: numbered as they come."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], dict[PurePosixPath, int]] = {}

    def number(self, model: str, prompt_id: str, image: str) -> int:
        """Which image of its model and prompt it is, from 0."""
        seen, path = self._numbers.setdefault((model, prompt_id), {}), _path(image)
        if path not in seen:
            known = next((number for other, number in seen.items() if _are_one(other, path)), None)
            seen[path] = len(set(seen.values())) if known is None else known
        return seen[path]


def _path(image: str) -> PurePosixPath:
    """An image's name as a path: of an address, without what is asked for behind its question mark."""
    return PurePosixPath(image.replace("\\", "/").partition("?")[0])


def _are_one(one: PurePosixPath, other: PurePosixPath) -> bool:
    """Whether two names are one file's: folders count as far as both have them."""
    length = min(len(one.parts), len(other.parts))
    return one.parts[-length:] == other.parts[-length:]
