"""Where prompts come from: GenEval's grammar, sets that ship with the package, your own file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import ClassVar

from nami_bench import registry
from nami_bench.domain.clauses import clause_fields
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.prompts.files import digest, parse_candidates, read_content
from nami_bench.prompts.geneval import OFFICIAL_SHA256, Grammar, geneval_metadata, metadata_lines
from nami_bench.prompts.protocol import Availability, Candidate, PromptSource, SourceContent
from nami_bench.prompts.recipe import builtin_recipes, load_recipe
from nami_bench.shapes import SHAPES

SHAPES_GRAMMAR = Grammar(class_names=SHAPES, uncolored=None)


def resolve_sources(names: Iterable[str], paths: Mapping[str, Path]) -> dict[str, PromptSource]:
    """The sources called `names`; `paths` are local files for some of them.

    A name that no plugin has is a slot for the user's own file. Raises UnknownNameError for such a name
    without a file, and for a file whose name is not among `names`.
    """
    wanted = list(dict.fromkeys(names))
    stray = next((name for name in paths if name not in wanted), None)
    if stray is not None:
        takers = [recipe for recipe in builtin_recipes() if stray in load_recipe(recipe).source_names]
        hint = f"the recipe {' or '.join(takers)} takes it" if takers else ""
        raise UnknownNameError("source of this recipe", stray, wanted, hint)
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
    origin = "GenEval's grammar (Ghosh et al. 2023, arXiv 2310.11513), run here"
    licence = "MIT"
    address: str | None = None
    sha256: str | None = OFFICIAL_SHA256
    texts_sha256: str | None = None
    availability = Availability.HERE
    grammar: ClassVar[Grammar] = Grammar()

    def load(self) -> SourceContent:
        """Generate GenEval's lines; their hash is that of the official file."""
        rows = geneval_metadata(self.grammar)
        candidates = tuple(Candidate(r["prompt"], {"task": r["tag"]}, clause_fields(r)) for r in rows)
        return SourceContent(candidates, digest(metadata_lines(rows)))


class ShapesGenEvalSource(GenEvalSource):
    """GenEval's grammar over the flat shapes that the procedural renderer draws."""

    name = "shapes-geneval"
    origin = "GenEval's grammar over flat shapes, run here"
    sha256 = None
    grammar = SHAPES_GRAMMAR


class EmbeddedSource:
    """Prompts in a file of this package, written for this project."""

    name: str
    file: ClassVar[str]
    tag_columns: ClassVar[tuple[str, ...]] = ()
    origin = "written for this project"
    licence = "MIT"
    address: str | None = None
    sha256: str | None = None
    texts_sha256: str | None = None
    availability = Availability.HERE

    def load(self) -> SourceContent:
        """Read the package's file."""
        data = (files("nami_bench.prompts") / "data" / self.file).read_bytes()
        candidates = parse_candidates(data, Path(self.file).suffix, self.file, self.tag_columns)
        return SourceContent(candidates, digest(data), self.file)


class NamiShortSource(EmbeddedSource):
    """Everyday prompts of a few words, as people try a model out with: tags category and challenge."""

    name = "nami-short"
    file = "nami_short.jsonl"
    tag_columns = ("category", "challenge")


class NamiCommunitySource(EmbeddedSource):
    """Prompts in the many ways in which people type them; also tags language (ISO 639-1) and typo."""

    name = "nami-community"
    file = "nami_community.jsonl"
    origin = "written for this project, in the manner of an image service's users"
    tag_columns = ("category", "challenge", "language", "typo")


class NamiLongSource(EmbeddedSource):
    """Descriptions of 60 to 120 words: tags category and challenge."""

    name = "nami-long"
    file = "nami_long.jsonl"
    origin = "written for this project, without images, in the manner of a captioning model"
    tag_columns = ("category", "challenge")


class ShapesCommunitySource(EmbeddedSource):
    """Short free texts about flat shapes, with GenEval's clauses."""

    name = "shapes-community"
    file = "shapes_community.jsonl"


class ShapesLongSource(EmbeddedSource):
    """Long texts about flat shapes, with GenEval's clauses."""

    name = "shapes-long"
    file = "shapes_long.jsonl"


class ShapesWordsSource(EmbeddedSource):
    """Short texts about words in quotation marks, half of them with a flat shape and GenEval's clauses."""

    name = "shapes-words"
    file = "shapes_words.jsonl"


class OwnFile:
    """The user's own prompt file, under the name that a recipe calls it by."""

    origin = "the user's own file"
    licence = "the user's own"
    address: str | None = None
    sha256: str | None = None
    texts_sha256: str | None = None

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
        return read_content(self.path)


class LumiereSlot(OwnFile):
    """The open place of NAMI-1K's LumiereSet, which was never published; DrawBench fits it well."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """`path`: the file that fills the slot."""

        path: Path | None = None

    def __init__(self, options: Options) -> None:
        super().__init__("lumiere", options.path)
