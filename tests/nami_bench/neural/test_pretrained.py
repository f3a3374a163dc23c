"""No folder's Python is run, nothing is asked, and only one module loads what others made."""

import ast
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("diffusers")

from nami_bench import registry  # noqa: E402
from nami_bench.errors import InputError  # noqa: E402
from nami_bench.neural import pretrained as loading  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
HOME = "nami_bench/neural/pretrained.py"
_CODE = """
from pathlib import Path
Path({mark!r}).write_text("ran")
from diffusers import DiffusionPipeline
from transformers import BertConfig, BertModel, BertTokenizer, CLIPImageProcessor, ProcessorMixin
class Pipeline(DiffusionPipeline): pass
class Config(BertConfig): pass
class Model(BertModel): pass
class Tokenizer(BertTokenizer): pass
class Images(CLIPImageProcessor): pass
class Processor(ProcessorMixin): pass
"""


class Trap:
    """A model's folder whose every file says that its own code must be run, and whether that was run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = folder.parent / "ran"
        shutil.copytree(ROOT / "generators/nami/shipped/nami-tiny/tokenizer", folder)
        code = _CODE.format(mark=str(self.mark))
        for place in (folder, folder / "part"):
            place.mkdir(exist_ok=True)
            (place / "own.py").write_text(code)
            (place / "pipeline.py").write_text(code)
        names = {
            "AutoConfig": "own.Config",
            "AutoModel": "own.Model",
            "AutoModelForImageTextToText": "own.Model",
            "AutoModelForObjectDetection": "own.Model",
            "AutoModelForCausalLM": "own.Model",
            "AutoTokenizer": ["own.Tokenizer", "own.Tokenizer"],
            "AutoImageProcessor": ["own.Images", "own.Images"],
            "AutoProcessor": "own.Processor",
        }
        config = {"model_type": "never-heard-of", "architectures": ["Model"], "auto_map": names}
        for place in (folder, folder / "part"):
            (place / "config.json").write_text(json.dumps(config))
        self.change("tokenizer_config.json", tokenizer_class="Tokenizer", auto_map=names)
        for file in ("preprocessor_config.json", "processor_config.json"):
            (folder / file).write_text(json.dumps({"image_processor_type": "Images", "auto_map": names}))
        (folder / "chat_template.jinja").write_text("{{ messages }}")
        (folder / "model.safetensors").write_bytes((8).to_bytes(8, "little") + b"{}      ")

    def change(self, file: str, **changes: Any) -> None:
        path = self.folder / file
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trap]:
    """Whoever is asked hears "y"."""
    from transformers import dynamic_module_utils

    answers = io.StringIO("y\n" * 50)
    monkeypatch.setattr("sys.stdin", answers)
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    built = Trap(tmp_path / "trap")
    yield built
    assert not built.mark.exists()
    assert answers.tell() == 0


def _detector(folder: Path) -> object:
    made: Any = registry.create("detectors", "transformers", {"model": str(folder)})
    return made._processor


def _vqa(folder: Path) -> object:
    made: Any = registry.create("metrics", "vqa-score", {"model": str(folder)})
    return made._judge


def _image_reward(folder: Path) -> object:
    made: Any = registry.create("metrics", "image-reward", {"tokenizer": str(folder)})
    return made._tokenizer


def _pickscore(folder: Path) -> object:
    made: Any = registry.create("metrics", "pickscore", {"model": str(folder), "processor": str(folder)})
    return made._model


def _hpsv3(folder: Path) -> object:
    made: Any = registry.create("metrics", "hpsv3", {"processor": str(folder)})
    return made._reader


def _aesthetic(folder: Path) -> object:
    made: Any = registry.create("metrics", "aesthetic", {"version": "2.5", "model": str(folder)})
    return made._model


def _writer(folder: Path) -> object:
    made: Any = registry.create("prompt_writers", "transformers", {"model": str(folder)})
    return made._processor


def _writer_network(folder: Path) -> object:
    made: Any = registry.create("prompt_writers", "transformers", {"model": str(folder)})
    return made._network


@pytest.mark.parametrize(
    "load",
    [_detector, _vqa, _image_reward, _pickscore, _hpsv3, _aesthetic, _writer, _writer_network],
)
def test_an_adapter_neither_runs_a_folders_code_nor_asks(trap: Trap, load: Callable[[Path], object]) -> None:
    with pytest.raises(InputError):
        load(trap.folder)


def test_a_known_model_s_processor_with_code_beside_it_is_not_run(trap: Trap) -> None:
    from transformers import AutoImageProcessor

    trap.change("preprocessor_config.json", image_processor_type="CLIPImageProcessor")
    found = loading.pretrained(AutoImageProcessor, trap.folder, backend="pil")
    assert type(found).__module__.startswith("transformers.")


@pytest.mark.parametrize(
    "index",
    [
        {"_class_name": ["pipeline", "Pipeline"]},
        {"_class_name": "DiffusionPipeline", "part": ["own", "Model"]},
        {"_class_name": "StableDiffusionPipeline", "tokenizer": ["transformers", "AutoTokenizer"]},
        {"_class_name": "StableDiffusionPipeline", "text_encoder": ["transformers", "AutoModel"]},
    ],
    ids=["pipeline", "component", "tokenizer", "network"],
)
def test_a_pipeline_neither_runs_a_folders_code_nor_asks(trap: Trap, index: dict[str, Any]) -> None:
    from nami_bench.generators.diffusers_loading import load_pipeline

    for name in index:
        if not name.startswith("_"):
            shutil.copytree(trap.folder, trap.folder.parent / "copy")
            shutil.move(trap.folder.parent / "copy", trap.folder / name)
    (trap.folder / "model_index.json").write_text(json.dumps({"_diffusers_version": "0.42.1", **index}))
    with pytest.raises(InputError, match="cannot load the pipeline"):
        load_pipeline(trap.folder, torch.float32)


@pytest.mark.parametrize(
    "text",
    [
        {"hf_model_name": "FOLDER"},
        {"hf_tokenizer_name": "FOLDER", "tokenizer_kwargs": {"trust_remote_code": True}},
    ],
)
def test_open_clip_runs_no_code_of_a_folder_either(trap: Trap, text: dict[str, Any]) -> None:
    pytest.importorskip("open_clip")
    from nami_bench.evaluation.open_clip_model import clip_files

    text = json.loads(json.dumps(text).replace("FOLDER", str(trap.folder)))
    vision = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
    config = {"model_cfg": {"embed_dim": 8, "vision_cfg": vision, "text_cfg": text}, "preprocess_cfg": {}}
    (trap.folder / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="other than CLIP's own"):
        clip_files(str(trap.folder))


def test_code_runs_only_where_its_user_says_so_and_never_from_elsewhere(trap: Trap) -> None:
    with pytest.raises(InputError, match="run_code=true"):
        registry.create("prompt_writers", "cogvlm2", {"model": str(trap.folder)})
    trap.change("config.json", auto_map={"AutoModelForCausalLM": "other/repository--own.Model"})
    trap.change("tokenizer_config.json", auto_map={})
    made: Any = registry.create("prompt_writers", "cogvlm2", {"model": str(trap.folder), "run_code": "true"})
    with pytest.raises(InputError, match="code that is not in its folder"):
        _ = made._model


def test_a_checkpoint_that_would_run_something_is_not_loaded(tmp_path: Path) -> None:
    import pickle

    class Runs:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    for name, write in (("zip.pth", torch.save), ("plain.pth", _dump)):
        write(Runs(), tmp_path / name)
        with pytest.raises(pickle.UnpicklingError):
            loading.read_pickled(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def _dump(value: object, path: Path) -> None:
    import pickle

    path.write_bytes(pickle.dumps(value, protocol=2))


LOADERS = {"from_pretrained", "from_single_file", "torch.load", "jit.load", "hub.load", "pickle.load",
           "pickle.loads", "pickle.Unpickler", "joblib.load", "load_learner", "input"}  # fmt: skip


def _uses(tree: ast.AST) -> Iterator[str]:
    """What a module names of LOADERS, called or handed on, and every leave to run code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = getattr(node.value, "attr", getattr(node.value, "id", ""))
            yield from LOADERS & {node.attr if node.attr.startswith("from_") else f"{owner}.{node.attr}"}
        elif isinstance(node, ast.Name):
            yield from LOADERS & {node.id}
        elif isinstance(node, ast.ImportFrom) and node.module in ("torch", "pickle", "torch.hub"):
            yield from {"load", "loads", "Unpickler"} & {name.name for name in node.names}
        elif isinstance(node, ast.Call):
            for keyword in node.keywords:
                value = getattr(keyword.value, "value", None)
                if (keyword.arg, value) in (("trust_remote_code", True), ("weights_only", False)):
                    yield f"{keyword.arg}={value}"
                if keyword.arg in ("custom_pipeline", "allow_pickle") and value is not False:
                    yield keyword.arg


def test_nothing_else_loads_what_others_made() -> None:
    homes = ("nami_bench", "prompts", "generators", "evaluation", "annotator_app", "benchmarks")
    files = [path for home in homes for path in sorted((ROOT / home).rglob("*.py"))]
    assert len(files) > 300
    found = {path.relative_to(ROOT).as_posix(): set(_uses(ast.parse(path.read_bytes()))) for path in files}
    expected = {
        "from_pretrained",
        "from_single_file",
        "pickle.Unpickler",
        "torch.load",
        "trust_remote_code=True",
    }
    assert {path: uses for path, uses in found.items() if uses} == {HOME: expected}


@pytest.mark.parametrize(
    "code",
    ["AutoModel.from_pretrained(x)", "load = CLIPModel.from_pretrained", "torch.load(x)", "input()",
     "from torch import load", "f(trust_remote_code=True)", "np.load(x, allow_pickle=True)"],
)  # fmt: skip
def test_the_walk_sees_what_it_looks_for(code: str) -> None:
    assert list(_uses(ast.parse(code)))
