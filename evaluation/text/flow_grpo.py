"""flow_grpo's OCR reward (Liu et al. 2025, arXiv 2505.05470; flow_grpo/ocr.py of its repository)."""

from collections.abc import Sequence
from statistics import fmean

from rapidfuzz.distance import Levenshtein

from nami_bench.domain import Prompt
from nami_bench.evaluation.measurement import Measurement
from nami_bench.evaluation.text.metric import Details, Figures, TextMetric
from nami_bench.evaluation.text.reader import ReadText
from nami_bench.evaluation.text.targets import Quoted, Texts


def reward(target: str, lines: Sequence[str]) -> tuple[float, int, int]:
    """(reward 0..1, edits, characters of the target).

    Both texts without spaces and in lower case, lines one after the other. A target that stands within what
    is read costs nothing, however much is read beside; else edits count, up to as many as it has characters.
    """
    wanted, read = (text.replace(" ", "").lower() for text in (target, "".join(lines)))
    edits = 0 if wanted in read else min(Levenshtein.distance(read, wanted), len(wanted))
    return 1 - edits / len(wanted), edits, len(wanted)


class FlowGrpoText(TextMetric):
    """The reward for text in images with which flow_grpo trains.

    The target is what stands between the first two straight double quotation marks, be the first a mark of
    inches, and the rest of the prompt where there is but one: as the original has it. A prompt without them
    ends the original; here its other quotation marks count. Of several targets only the first one does.
    Published with PaddleOCR 2.9.1 (lang="en", no turned lines), every line that it is at all sure of.

    `details`: "edits", "characters".
    """

    name = "text-flow-grpo"
    rule = "flow-grpo-ocr-1"

    def targets_of(self, prompt: Prompt) -> Texts:
        """The one target."""
        if (
            isinstance(self.targets, Quoted)
            and prompt.text.count('"')
            and prompt.text.split('"')[1].strip(" ")
        ):
            return (prompt.text.split('"')[1],)
        return super().targets_of(prompt)[:1]

    def measure(self, targets: Texts, read: ReadText) -> Measurement:
        """The reward."""
        value, edits, characters = reward(targets[0], [line.text for line in read.lines])
        return Measurement(value, details={"edits": edits, "characters": characters})

    @staticmethod
    def figures(results: Sequence[Details]) -> Figures:
        """The mean reward."""
        return {"reward": fmean(1 - d["edits"] / d["characters"] for d in results)}
