"""Public prompt sets: read from a local file, or downloaded where their bytes have a pinned hash."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from nami_bench.errors import InputError
from nami_bench.prompts.cache import cached_file, read_cached, read_or_download
from nami_bench.prompts.files import digest, parse_candidates, read_content, read_folder
from nami_bench.prompts.protocol import Availability, Candidate, SourceContent


class PublicSource:
    """A published prompt set: read from a local file, or downloaded where its bytes have a pinned hash."""

    name: str
    origin: str
    licence: str
    address: str | None
    sha256: str | None = None
    texts_sha256: str | None = None
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
            return read_content(self.path, self.tag_columns)
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
    origin = "Saharia et al. 2022 (arXiv 2205.11487)"
    licence = "MIT (repository); DrawBench by Google"
    address = (
        "https://raw.githubusercontent.com/openai/dalle3-eval-samples/"
        "d7c88c07b492ad7b9fd3003126d00719a2edabb1/prompts/drawbench.txt"
    )
    sha256 = "3d4f4b2db7520208ee056d470202c07fd77766b96d133ea9f4ab00a323381e9a"


class PartiPrompts(PublicSource):
    """PartiPrompts (Yu et al. 2022, arXiv 2206.10789): tags category and challenge."""

    name = "partiprompts"
    origin = "Yu et al. 2022 (arXiv 2206.10789)"
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
    origin = "users of a web application; Kirstain et al. 2023 (arXiv 2305.01569)"
    licence = "MIT"
    address = (
        "https://raw.githubusercontent.com/yifan123/flow_grpo/"
        "ac4c86e8cae021841f1fde853d340e0db67690dd/dataset/pickscore/test.txt"
    )
    sha256 = "d75c025fa451866e70f7e36243f7cdd93095523cb51f5f9651f2ce3236d20262"


class DSGDiffusionDB(PublicSource):
    """DSG-1k's DiffusionDB slice (Cho et al. 2023, arXiv 2310.18235).

    Read from the published table, dsg-1k-anns.csv, which has a row for each question and names every
    prompt's slice in its item_id; or from a file of this slice alone.
    """

    name = "dsg-diffusiondb"
    origin = "users of Stable Diffusion (Wang et al. 2022, arXiv 2210.14896), drawn by Cho et al. 2023"
    licence = "Apache-2.0"
    address = (
        "https://github.com/j-min/DSG/blob/7330119a39f76ff90e619a8bd3ff321e71aa986b/dsg/data/dsg-1k-anns.csv"
    )
    texts_sha256 = "5afeb3ae128bf8e899e315ccb53f0873c974a66d2ef561f803ec99e0a77b991a"
    tag_columns = ("item_id",)
    item_prefix: ClassVar[str] = "diffusiondb_"

    def load(self) -> SourceContent:
        """Read the published table or the file of the slice."""
        content = super().load()
        if not any("item_id" in candidate.tags for candidate in content.candidates):
            return content
        items = ((candidate.tags.get("item_id", ""), candidate.text) for candidate in content.candidates)
        texts = dict.fromkeys(text for item, text in items if item.startswith(self.item_prefix))
        if not texts:
            raise InputError(f"{self.path} has no item_id that begins with {self.item_prefix}")
        return replace(content, candidates=tuple(map(Candidate, texts)))


class DSGMidjourney(DSGDiffusionDB):
    """DSG-1k's Midjourney slice, likewise."""

    name = "dsg-midjourney"
    origin = "users of Midjourney, drawn by Cho et al. 2023 (arXiv 2310.18235)"
    texts_sha256 = "b117829a05edd239fc6c132e5136e06e52747d44c97f3ca4a46c90b9f66d4bb0"
    item_prefix = "midjourney_"


class DPGBench(PublicSource):
    """DPG-Bench (Hu et al. 2024, arXiv 2403.05135): tag origin, the data set a prompt was written from.

    Its published form is a folder with a text file for each prompt, named ORIGIN NUMBER .txt; a JSONL file
    with the keys item (that name) and prompt, and its question file, dpg_bench.csv, are read as well. Prompts
    keep that name.
    """

    name = "dpg-bench"
    origin = "written by a language model from texts of other data sets; Hu et al. 2024 (arXiv 2403.05135)"
    licence = "Apache-2.0"
    address = "https://github.com/TencentQQGYLab/ELLA/tree/3c228f1dc6c4d3cad0a47493816151a419f14db3/dpg_bench/prompts"
    texts_sha256 = "402e0c256fa67a965a2f5d1129b1622b28615d97dfec5efba6cce2e17888eff6"
    tag_columns = ("item", "item_id")

    def load(self) -> SourceContent:
        """Read the folder or file that was given."""
        folder = self.path if self.path is not None and self.path.is_dir() else None
        content = super().load() if folder is None else read_folder(folder)
        return replace(content, candidates=tuple(map(_with_origin, content.candidates)))


def _with_origin(candidate: Candidate) -> Candidate:
    # Items that are a bare number are DPG-Bench's own.
    named = {**candidate.extra, **candidate.tags}
    item = str(named.get("item") or named.get("item_id", ""))
    return replace(
        candidate, tags={"origin": item.rstrip("0123456789") or "dpg"}, extra={"item": item} if item else {}
    )
