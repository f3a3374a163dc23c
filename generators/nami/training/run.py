"""A training run in its folder: go on where it stopped, train, log, validate, keep checkpoints.

RUN/run.json       the configuration that the folder belongs to
RUN/autoencoder/   the fitted autoencoder, where the model has one
RUN/bridge/        the pretrained bridge
RUN/checkpoints/   step-00001000/ ...: everything a run needs to go on, bit for bit on a CPU
RUN/log.jsonl      one line for each logged step, validation or event
RUN/tensorboard/   the same for TensorBoard
RUN/samples/       pictures of the sample prompts
RUN/pipeline/      the finished model with averaged weights, for the generator `nami`
"""

from collections.abc import Callable
from pathlib import Path

from nami_bench.generators.nami.training.preparation import Preparation
from nami_bench.generators.nami.training.trainer import PipelineCallback, Trainer


class TrainingRun(Preparation):
    """One run of a configuration in its folder."""

    def train(
        self,
        advance: Callable[[int], object] = lambda steps: None,
        callback: PipelineCallback | None = None,
    ) -> Path:
        """Train to the end and return the finished pipeline's folder; `advance` is told of steps done, and
        `callback` sees the pipeline now and then.

        Raises WorkError where the loss is no longer finite or explodes; the batch's ids are saved then.
        """
        self.prepare_bridge()
        trainer = Trainer(self, callback)
        start = trainer.restore()
        if start:
            self.say(f"going on from step {start}")
        advance(start)
        trainer.loop(start, advance)
        return trainer.finish()
