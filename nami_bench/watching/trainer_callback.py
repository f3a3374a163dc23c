"""Measuring within `transformers.Trainer`."""

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from nami_bench.watching.callback import ValidationCallback


class ValidationTrainerCallback(TrainerCallback):
    """A `ValidationCallback` for `transformers.Trainer`: `Trainer(..., callbacks=[this])`.

    `pipeline_of` makes the pipeline, or hands over the one there is, for the trained model. Values also go
    into the trainer's own log history, under names such as validation/geneval.
    """

    def __init__(self, validation: ValidationCallback, pipeline_of: Callable[[Any], Any]) -> None:
        self._validation, self._pipeline_of = validation, pipeline_of

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Measure where it is due, in the main process."""
        step = state.global_step
        if not state.is_world_process_zero or not self._validation.due(step):
            return
        found = self._validation.measure(step, self._pipeline_of(kwargs["model"]))
        values = {
            f"validation/{metric}": result.value
            for metric, result in found.scores.items()
            if result.value is not None
        }
        state.log_history.append({**values, "step": step})

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Close the loggers."""
        self._validation.close()
