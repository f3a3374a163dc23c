"""Where prompts come from: GenEval's grammar, sets that ship with the package, public sets, your own file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import ClassVar

from nami_bench import registry
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.shapes import SHAPES
from prompts.cache import cached_file, read_cached, read_or_download
from prompts.files import digest, parse_candidates, read_bytes
from prompts.geneval import OFFICIAL_SHA256, Grammar, clauses, geneval_metadata, metadata_lines
from prompts.protocol import Availability, Candidate, PromptSource, SourceContent

SHAPES_GRAMMAR = Grammar(class_names=SHAPES, uncolored=None)


def resolve_sources(names: Iterable[str], paths: Mapping[str, Path]) -> dict[str, PromptSource]:
    """The sources called `names`; `paths` are local files for some of them.

    A name that no plugin has is a slot for the user's own file. Raises UnknownNameError for such a name
    without a file, and for a file whose name is not among `names`.
    """
    wanted = list(dict.fromkeys(names))
    stray = [name for name in paths if name not in wanted]
    if stray:
        raise UnknownNameError("source of this recipe", stray[0], wanted)
    return {name: _resolve(name, paths.get(name)) for name in wanted}


def all_sources() -> list[PromptSource]:
    """Every registered source, by name, as it is without a local file."""
    return [_resolve(name, None) for name in registry.plugins("prompt_sources")]


def _resolve(name: str, path: Path | None) -> PromptSource:
    known = registry.plugins("prompt_sources")
    source: PromptSource
    if name in known:
        source = registry.create("prompt_sources", name, None if path is None else {"path": path})
        return source
    if path is None:
        raise UnknownNameError("prompt source", name, known, f"or give your own file: --source {name}=FILE")
    return OwnFile(name, path)


class GenEvalSource:
    """GenEval's 553 prompts, from its grammar."""

    name = "geneval"
    licence = "MIT"
    address: str | None = None
    sha256: str | None = OFFICIAL_SHA256
    availability = Availability.HERE
    grammar: ClassVar[Grammar] = Grammar()

    def load(self) -> SourceContent:
        """Generate GenEval's lines; their hash is that of the official file."""
        rows = geneval_metadata(self.grammar)
        candidates = tuple(Candidate(r["prompt"], {"task": r["tag"]}, clauses(r)) for r in rows)
        return SourceContent(candidates, digest(metadata_lines(rows)))


class ShapesGenEvalSource(GenEvalSource):
    """GenEval's grammar over the flat shapes that the procedural renderer draws."""

    name = "shapes-geneval"
    sha256 = None
    grammar = SHAPES_GRAMMAR


class EmbeddedSource:
    """Prompts in a file of this package."""

    name: str
    file: ClassVar[str]
    licence = "MIT"
    address: str | None = None
    sha256: str | None = None
    availability = Availability.HERE

    def load(self) -> SourceContent:
        """Read the package's file."""
        data = (files("prompts") / "data" / self.file).read_bytes()
        return SourceContent(
            parse_candidates(data, Path(self.file).suffix, self.file), digest(data), self.file
        )


class ShapesCommunitySource(EmbeddedSource):
    """Short free texts about flat shapes, with GenEval's clauses."""

    name = "shapes-community"
    file = "shapes_community.jsonl"


class ShapesLongSource(EmbeddedSource):
    """Long texts about flat shapes, with GenEval's clauses."""

    name = "shapes-long"
    file = "shapes_long.jsonl"


class OwnFile:
    """The user's own prompt file, under the name that a recipe calls it by."""

    licence = "the user's own"
    address: str | None = None
    sha256: str | None = None

    def __init__(self, name: str, path: Path | None) -> None:
        self.name, self.path = name, path

    @property
    def availability(self) -> Availability:
        """Whether a file was given."""
        return Availability.FILE if self.path is None else Availability.HERE

    def load(self) -> SourceContent:
        """Read the file; raises InputError where none was given or it cannot be read."""
        if self.path is None:
            raise InputError(
                f"the slot {self.name!r} of the recipe is filled with your own prompts: "
                f"pass --source {self.name}=FILE (txt, jsonl, csv or tsv)"
            )
        return _read_file(self.path)


class LumiereSlot(OwnFile):
    """The open place of NAMI-1K's LumiereSet, which was never published; DrawBench fits it well."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """`path`: the file that fills the slot."""

        path: Path | None = None

    def __init__(self, options: Options) -> None:
        super().__init__("lumiere", options.path)


class PublicSource:
    """A published prompt set: read from a local file, or downloaded where its bytes have a pinned hash."""

    name: str
    licence: str
    address: str | None
    sha256: str | None = None
    tag_columns: ClassVar[tuple[str, ...]] = ()

    @dataclass(frozen=True, slots=True)
    class Options:
        """`path`: a local copy, which need not equal the published file."""

        path: Path | None = None

    def __init__(self, options: Options) -> None:
        self.path = options.path

    @property
    def availability(self) -> Availability:
        """Whether a local copy was given or the file was downloaded before, and else whether it can be."""
        if self.path is not None:
            return Availability.HERE
        if self.address is None or self.sha256 is None:
            return Availability.FILE
        cached = read_cached(self.name, self.address, self.sha256)
        return Availability.DOWNLOAD if cached is None else Availability.HERE

    def load(self) -> SourceContent:
        """Read the local copy, else the cached or downloaded file."""
        if self.path is not None:
            return _read_file(self.path, self.tag_columns)
        if self.address is None or self.sha256 is None:
            raise InputError(
                f"the source {self.name!r} cannot be downloaded by itself: get it from {self.address} "
                f"and pass --source {self.name}=FILE (txt, jsonl, csv or tsv)"
            )
        data = read_or_download(self.name, self.address, self.sha256)
        file = cached_file(self.name, self.address).name
        return SourceContent(
            parse_candidates(data, Path(file).suffix, file, self.tag_columns), digest(data), file
        )


class DrawBench(PublicSource):
    """DrawBench (Saharia et al. 2022, arXiv 2205.11487), as published with DALL-E 3's evaluation samples."""

    name = "drawbench"
    licence = "MIT (repository); DrawBench by Google"
    address = (
        "https://raw.githubusercontent.com/openai/dalle3-eval-samples/"
        "d7c88c07b492ad7b9fd3003126d00719a2edabb1/prompts/drawbench.txt"
    )
    sha256 = "3d4f4b2db7520208ee056d470202c07fd77766b96d133ea9f4ab00a323381e9a"


class PartiPrompts(PublicSource):
    """PartiPrompts (Yu et al. 2022, arXiv 2206.10789): tags category and challenge."""

    name = "partiprompts"
    licence = "Apache-2.0"
    address = (
        "https://raw.githubusercontent.com/google-research/parti/"
        "5a657978134374ce28973948331b319adef164bd/PartiPrompts.tsv"
    )
    sha256 = "fab29e41bb512a169b56acab4cf2a41dcb675e285df2efcde6640c7dd3c440eb"
    tag_columns = ("Category", "Challenge")


class PickAPic(PublicSource):
    """Pick-a-Pic (Kirstain et al. 2023, arXiv 2305.01569): prompts of web users, a test split of 2048."""

    name = "pickapic"
    licence = "MIT"
    address = (
        "https://raw.githubusercontent.com/yifan123/flow_grpo/"
        "ac4c86e8cae021841f1fde853d340e0db67690dd/dataset/pickscore/test.txt"
    )
    sha256 = "d75c025fa451866e70f7e36243f7cdd93095523cb51f5f9651f2ce3236d20262"


class DSGDiffusionDB(PublicSource):
    """DSG-1k's DiffusionDB slice (Cho et al. 2023, arXiv 2310.18235) as a file with one prompt a line."""

    name = "dsg-diffusiondb"
    licence = "Apache-2.0"
    address = (
        "https://github.com/j-min/DSG/blob/7330119a39f76ff90e619a8bd3ff321e71aa986b/dsg/data/dsg-1k-anns.csv"
    )


class DSGMidjourney(DSGDiffusionDB):
    """DSG-1k's Midjourney slice, likewise."""

    name = "dsg-midjourney"


class DPGBench(PublicSource):
    """DPG-Bench (Hu et al. 2024, arXiv 2403.05135): tag origin, the data set a prompt was written from.

    Its published form is a folder with a text file for each prompt, named ORIGIN NUMBER .txt; a JSONL file
    with the keys item (that name) and prompt is read as well.
    """

    name = "dpg-bench"
    licence = "Apache-2.0"
    address = "https://github.com/TencentQQGYLab/ELLA/tree/3c228f1dc6c4d3cad0a47493816151a419f14db3/dpg_bench/prompts"
    tag_columns = ("item",)

    def load(self) -> SourceContent:
        """Read the folder or file that was given."""
        folder = self.path if self.path is not None and self.path.is_dir() else None
        content = super().load() if folder is None else _read_folder(folder)
        return replace(content, candidates=tuple(map(_with_origin, content.candidates)))


def _with_origin(candidate: Candidate) -> Candidate:
    # Items that are a bare number are DPG-Bench's own.
    origin = candidate.tags.get("item", "").rstrip("0123456789") or "dpg"
    return replace(candidate, tags={"origin": origin})


def _read_file(path: Path, tag_columns: tuple[str, ...] = ()) -> SourceContent:
    data = read_bytes(path)
    return SourceContent(parse_candidates(data, path.suffix, str(path), tag_columns), digest(data), path.name)


def _read_folder(folder: Path) -> SourceContent:
    """One prompt in each .txt file; the hash is that of what `sha256sum *.txt` prints."""
    contents = {path: read_bytes(path) for path in sorted(folder.glob("*.txt"))}
    if not contents:
        raise InputError(f"{folder} holds no .txt files")
    listing = "".join(f"{digest(data)}  {path.name}\n" for path, data in contents.items())
    candidates = []
    for path, data in contents.items():
        lines = parse_candidates(data, ".txt", str(path))
        candidates.append(Candidate(" ".join(line.text for line in lines), {"item": path.stem}))
    return SourceContent(tuple(candidates), digest(listing.encode()), folder.name)
