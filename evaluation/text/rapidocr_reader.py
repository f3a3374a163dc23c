"""PaddleOCR's small models in ONNX, as the package rapidocr carries them: on a CPU, offline."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import rapidocr
from PIL.Image import Image

from nami_bench.errors import InputError, one_line
from nami_bench.evaluation.text.reader import Line, Page, ReadText
from nami_bench.neural.hub import combined_sha256

MODELS = {"Det": "PP-OCRv6_det_small", "Cls": "ch_ppocr_mobile_v2.0_cls_mobile", "Rec": "PP-OCRv6_rec_small"}
"""What finds lines, turns those that stand on their heads, and reads them: files of the package."""
_SIDE = 736  # the package's own, as is the lowest score
_SCORE = 0.5
_NARROWEST = 20
"""Sides over each other: the engine enlarges the shorter one, and the longer one with it, without end."""


class RapidOCRReader:
    """Chinese, English, Japanese and what else is written in Latin letters; Apache-2.0.

    The models are named by their paths within the package, so that nothing is ever fetched. Not PaddleOCR
    2.9.1, with which TIIF-Bench's and flow_grpo's figures were made: those models are of other versions.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`side`: images whose shorter side has fewer pixels are enlarged to find lines in them, 32..2000.
        `lowest_score`: lines of which the reader is less sure are left out, 0..1."""

        side: int = _SIDE
        lowest_score: float = _SCORE

        def __post_init__(self) -> None:
            if not 32 <= self.side <= 2000:
                raise InputError(f"text reader 'rapidocr': side {self.side} is not between 32 and 2000")
            if not 0 <= self.lowest_score <= 1:
                raise InputError(
                    f"text reader 'rapidocr': lowest_score {self.lowest_score} is not between 0 and 1"
                )

    speaks = False
    libraries = ("rapidocr", "onnxruntime", "opencv-python-headless")
    runs_on: ClassVar[Mapping[str, str]] = {"device": "cpu", "dtype": "float32"}

    def __init__(self, options: Options = Options()) -> None:
        self.options = options

    @cached_property
    def identity(self) -> str:
        """The package's version, its models' hash, and what is set otherwise than there."""
        usual = {"side": _SIDE, "lowest_score": _SCORE}
        changed = [
            f"{name}={getattr(self.options, name)}"
            for name, value in usual.items()
            if getattr(self.options, name) != value
        ]
        models = combined_sha256(list(self._models.values()))
        return "+".join([f"rapidocr-{version('rapidocr')}-{models}", *changed])

    def read(self, pages: Iterable[Page]) -> Iterator[ReadText]:
        """Yield the lines of each page from above to below, with their corners."""
        return (self._read(page.image) for page in pages)

    def _read(self, image: Image) -> ReadText:
        if max(image.size) > _NARROWEST * min(image.size):
            return ReadText(problem=f"{image.width} x {image.height} pixels are too narrow to be read")
        pixels = np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])  # BGR, as OpenCV has it
        try:
            found = self._engine(pixels)
        except Exception as error:  # whatever a foreign engine makes of an image
            return ReadText(problem=f"the image cannot be read: {one_line(str(error), 200)}")
        if not found.txts:
            return ReadText()
        lines = zip(found.txts, found.scores, found.boxes.tolist(), strict=True)
        return ReadText(
            tuple(Line(text, float(score), tuple((x, y) for x, y in box)) for text, score, box in lines)
        )

    @cached_property
    def _engine(self) -> Any:
        settings = {f"{part}.model_path": str(path) for part, path in self._models.items()}
        return rapidocr.RapidOCR(
            params={
                **settings,
                "Global.log_level": "critical",
                "Global.text_score": self.options.lowest_score,
                "Det.limit_side_len": self.options.side,
            }
        )

    @cached_property
    def _models(self) -> Mapping[str, Path]:
        folder = Path(str(rapidocr.__file__)).parent / "models"
        found = {part: folder / f"{name}.onnx" for part, name in MODELS.items()}
        missing = [path.name for path in found.values() if not path.is_file()]
        if missing:
            raise InputError(
                f"the package rapidocr at {folder.parent} does not carry {', '.join(missing)}: "
                "pip install 'nami-bench[text]' -c constraints.txt"
            )
        return found
