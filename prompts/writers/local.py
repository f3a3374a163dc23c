"""What writers share whose model runs in this process."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import torch
from PIL.Image import Image

from nami_bench.errors import NamiBenchError, WorkError, one_line
from nami_bench.prompts.writers.protocol import Answer, AnswerState, WritingRequest
from nami_bench.prompts.writers.weights import DtypeName, ModelFiles, model_files, placed, surroundings


class LocalWriter(ABC):
    """Asks a model about one image after another; what fails for one image is that image's reason."""

    adapter: str

    def __init__(self, model: str, revision: str | None, dtype: DtypeName | None, device: str) -> None:
        self._name, self._revision = model, revision
        self._device, self._dtype = placed(device, dtype)

    @cached_property
    def _files(self) -> ModelFiles:
        return model_files(self._name, self._revision)

    def describe(self) -> Mapping[str, Any]:
        """Adapter, model, what identifies its files, and the dtype."""
        return {
            "adapter": self.adapter,
            "model": self._files.name,
            **self._files.identity,
            "dtype": str(self._dtype).removeprefix("torch."),
        }

    def write(self, requests: Iterable[WritingRequest]) -> Iterator[Answer]:
        """Yield one answer for each request, in order.

        Raises InputError where the model cannot be loaded, WorkError where the device is lost.
        """
        for request in requests:
            yield self._answer(request)

    @abstractmethod
    def _say(self, image: Image | None, request: WritingRequest) -> tuple[str, bool]:
        """The answer's text without special tokens, and whether the model ended by itself."""

    def _answer(self, request: WritingRequest) -> Answer:
        try:
            text, finished = self._say(request.image, request)
        except NamiBenchError:
            raise
        except torch.AcceleratorError as error:
            # A CUDA context does not survive such an error: no later answer could be had.
            raise WorkError(f"the device failed: {one_line(str(error))}; run it again to go on") from error
        except Exception as error:
            reason = f"{type(error).__name__}: {one_line(str(error))}"
            return Answer(request, AnswerState.FAILED, reason=reason)
        return Answer(request, text=text, finished=finished, details=surroundings(self._device))
