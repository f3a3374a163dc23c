"""Measuring within a training loop: what is measured, and that the loop does not notice."""

import importlib.util
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nami_bench import Scorer
from nami_bench.errors import GenerationError, InputError
from nami_bench.watching.results import FOLDER, read_run
from tests.nami_bench.watching.conftest import numbered
from tests.nami_bench.watching.test_models import PLAN, SMALL, Brightness, pipeline_folder, watched

__all__ = ["pipeline_folder"]
pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs the extra models"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning"),
]
CALL = {"num_inference_steps": 1, "height": 32, "width": 32, "max_sequence_length": 48}


class Toy:
    """As much of a pipeline as the callback asks for: a network, a scheduler, and a call."""

    def __init__(self):
        import torch

        self.network = torch.nn.Sequential(torch.nn.Linear(1, 3), torch.nn.Dropout(0.5))
        self.scheduler = {"timesteps": [1, 2, 3]}
        self.components = {"network": self.network, "scheduler": self.scheduler}
        self.seen: list = []

    def __call__(self, prompt, generator, output_type, level=0.5):
        import torch

        self.seen.append((torch.is_grad_enabled(), self.network.training))
        self.scheduler["timesteps"] = []
        random.random(), np.random.rand(), torch.rand(1)
        noise = [torch.rand(8, 8, 3, generator=g).numpy() * level for g in generator]
        return (noise,)


@pytest.fixture
def toy():
    return Toy()


def callback(every=2, **options):
    from nami_bench.watching.callback import ValidationCallback

    return ValidationCallback(Scorer(Brightness()), numbered(3), every=every, **options)


def test_it_measures_when_it_is_due(toy, tmp_path):
    validate = callback(folder=tmp_path, call={"level": 0.8})
    found = [validate.on_step(step, toy) for step in range(5)]
    assert [one and one.step for one in found] == [None, None, 2, None, 4]
    assert [one.name for one in read_run(tmp_path).measured] == ["step-2", "step-4"]
    first = found[2].scores["brightness"]
    assert first.value == pytest.approx(0.4 * 255, rel=0.2)
    assert first.values == found[4].scores["brightness"].values  # the same weights and seeds
    validate.measure(4, toy)  # training went back to a checkpoint
    assert [one.name for one in read_run(tmp_path).measured] == ["step-2", "step-4"]


def test_the_loop_does_not_notice(toy):
    import torch

    toy.network[1].eval()  # frozen by the loop, and so it stays
    validate = callback()

    def draws(between):
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)
        between()
        return random.random(), np.random.rand(), torch.rand(1).item()

    assert draws(lambda: validate.on_step(2, toy)) == draws(lambda: None)
    assert set(toy.seen) == {(False, False)}
    assert torch.is_grad_enabled()
    assert [module.training for module in toy.network.modules()] == [True, True, False]
    assert toy.scheduler == {"timesteps": [1, 2, 3]}


def test_a_pipeline_that_fails_leaves_the_loop_as_it_was(toy):
    with pytest.raises(GenerationError, match="the pipeline cannot draw: TypeError"):
        callback(call={"no_such": 1}).on_step(2, toy)
    assert toy.network.training
    assert toy.scheduler == {"timesteps": [1, 2, 3]}


def test_wrong_numbers_and_prompts_are_refused():
    from nami_bench.watching.callback import ValidationCallback

    with pytest.raises(InputError, match="every must be at least 1"):
        callback(every=0)
    with pytest.raises(InputError, match="no prompts"):
        ValidationCallback(Scorer(Brightness()), [], every=1)


TWO_PROCESSES = """
import sys
import torch.distributed as distributed
from pathlib import Path
from tests.nami_bench.watching.test_callback import Toy, callback
meeting = f"file://{sys.argv[1]}/meet"
distributed.init_process_group("gloo", init_method=meeting, rank=int(sys.argv[2]), world_size=2)
found = callback().on_step(2, Toy())
distributed.barrier()
print(found is not None)
"""


@pytest.mark.slow
def test_of_several_processes_only_the_first_measures(tmp_path):
    command = [sys.executable, "-c", TWO_PROCESSES, str(tmp_path)]
    started = [
        subprocess.Popen(
            [*command, str(rank)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
        )
        for rank in range(2)
    ]
    assert [process.communicate(timeout=600)[0].strip() for process in started] == ["True", "False"]


@pytest.mark.slow
def test_its_values_are_those_of_a_watch_of_the_same_weights(pipeline_folder, run):
    import shutil

    from diffusers import DiffusionPipeline

    from nami_bench.watching.callback import ValidationCallback
    from nami_bench.watching.models import ModelSettings

    checkpoint = shutil.copytree(pipeline_folder("sd3"), run / "checkpoint-5")
    (on_disk,) = watched(run, ModelSettings(options=SMALL))
    pipeline = DiffusionPipeline.from_pretrained(checkpoint)
    pipeline.transformer.train()
    validate = ValidationCallback(Scorer(Brightness()), PLAN.prompt_set, every=5, call=CALL)
    within = validate.on_step(5, pipeline)
    assert within.scores["brightness"].values == on_disk.scores["brightness"].values
    assert pipeline.transformer.training


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_transformers_trainer_measures_and_keeps_the_values_in_its_history(toy, tmp_path):
    import torch
    from transformers import Trainer, TrainingArguments

    from nami_bench.watching.trainer_callback import ValidationTrainerCallback

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = toy.network

        def forward(self, x, labels=None):
            found = self.network(x)
            return {"loss": ((found - labels) ** 2).mean(), "logits": found}

    def pipeline_of(model):
        assert model.network is toy.network
        return toy

    data = [{"x": torch.ones(1), "labels": torch.zeros(3)} for _ in range(8)]
    settings = TrainingArguments(
        output_dir=str(tmp_path / "out"),
        max_steps=4,
        per_device_train_batch_size=2,
        report_to=[],
        use_cpu=True,
    )
    validate = callback(folder=tmp_path / FOLDER)
    trainer = Trainer(
        Model(), settings, train_dataset=data, callbacks=[ValidationTrainerCallback(validate, pipeline_of)]
    )
    trainer.train()
    assert [one.step for one in read_run(tmp_path).measured] == [2, 4]
    logged = [row for row in trainer.state.log_history if "validation/brightness" in row]
    assert [row["step"] for row in logged] == [2, 4]
