"""Any object detection model of transformers, with its own image processor: boxes without masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from PIL.Image import Image
from transformers import MODEL_FOR_OBJECT_DETECTION_MAPPING, AutoImageProcessor, AutoModelForObjectDetection

from nami_bench.errors import InputError, one_line
from nami_bench.evaluation.geneval.clip_color import ClipColorClassifier
from nami_bench.evaluation.geneval.precision import GPU_BATCH_SIZE, NetworkOptions, Precision
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.geneval.transformers_loading import detector_files, geneval_labels
from nami_bench.evaluation.processor_cores import Cores
from nami_bench.neural.batches import run_alike
from nami_bench.neural.pretrained import load_network, pretrained

CPU_BATCH_SIZE = 4


class TransformersDetector:
    """DETR and its kin, YOLOS, RT-DETR and others: not the published detector.

    Images are prepared and boxes read off as the model's own files say. Labels that mean a class of
    GenEval's get its name; the others keep theirs. Colors are judged from whole boxes.
    """

    libraries = ("torch", "torchvision", "transformers", "open_clip_torch")

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Options(NetworkOptions):
        """`model`: a name on the Hugging Face hub or a folder that save_pretrained wrote; `revision`: a
        branch, tag or commit on the hub."""

        model: str
        revision: str | None = None

    def __init__(self, options: Options) -> None:
        self.options = options
        self._files = detector_files(options.model, options.revision)
        if type(self._files.config) not in MODEL_FOR_OBJECT_DETECTION_MAPPING:
            raise InputError(
                f"{options.model} is a {self._files.config.model_type}, which transformers has no object "
                "detection for; a Mask2Former belongs to the detector 'mask2former-hf'"
            )
        self._labels = geneval_labels(self._files.config.id2label)
        self.class_names = tuple(dict.fromkeys(self._labels))

    @cached_property
    def identity(self) -> str:
        """Detector, model, hashes of its settings and weights, and the dtype where it is not float32."""
        return f"transformers-{self._files.identity}{self._precision.suffix}"

    @cached_property
    def color_classifier(self) -> ClipColorClassifier:
        """CLIP, as the options say."""
        return ClipColorClassifier(self.options)

    @property
    def runs_on(self) -> Mapping[str, str]:
        """Device and dtype; see `Detector`."""
        return self._precision.runs_on

    @property
    def batch_size(self) -> int:
        """Images in one pass; on a CPU, in a pass of each core."""
        on_cpu = self._precision.device.type == "cpu"
        return CPU_BATCH_SIZE * self._cores.count if on_cpu else GPU_BATCH_SIZE

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Detections of each 8-bit RGB image: all that the model gives, but those that it calls nothing."""
        # Only images of one size share a pass: most models see other pixels in an image that is padded.
        return run_alike(images, lambda image: image.size, self._run)

    def _run(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Images of one size."""
        self._network, self._processor  # noqa: B018  (loaded once, before threads ask for them)
        on_cpu = self._precision.device.type == "cpu"
        return self._cores.share(self._pass, images) if on_cpu else self._pass(images)

    @torch.inference_mode()
    def _pass(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Images of one size in one pass."""
        pixels = [image.convert("RGB") for image in images]
        inputs = self._processor(images=pixels, return_tensors="pt").to(self._precision.device)
        with self._precision.autocast():
            output = self._network(**inputs)
        width, height = images[0].size
        sizes = [(height, width)] * len(images)
        found = self._processor.post_process_object_detection(output, threshold=0.0, target_sizes=sizes)
        return [self._detections(one, width, height) for one in found]

    def _detections(self, found: Mapping[str, torch.Tensor], width: int, height: int) -> list[Detection]:
        boxes = found["boxes"].float().cpu()
        limits = torch.tensor([width, height] * 2, dtype=torch.float32)
        clipped = torch.minimum(boxes.clamp(min=0), limits).tolist()
        return [
            Detection(self._labels[label], (x1, y1, x2, y2), score)
            for (x1, y1, x2, y2), label, score in zip(
                clipped, found["labels"].tolist(), found["scores"].float().tolist(), strict=True
            )
        ]

    @cached_property
    def _cores(self) -> Cores:
        return Cores()

    @cached_property
    def _precision(self) -> Precision:
        return Precision(self.options)

    @cached_property
    def _network(self) -> Any:
        return load_network(AutoModelForObjectDetection, self._files.folder).to(self._precision.device)

    @cached_property
    def _processor(self) -> Any:
        try:
            return pretrained(AutoImageProcessor, self._files.folder)
        except Exception as error:  # whatever a foreign file's values lead to
            raise InputError(
                f"{self._files.folder} has no usable preprocessor_config.json: {one_line(str(error))}"
            ) from error
