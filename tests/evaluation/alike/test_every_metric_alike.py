"""Every metric of the package on a hundred images: by the command line, from Python, and by a server.

The models are small ones of the real classes; what the metrics' values mean is tested elsewhere.
"""

import csv
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nami_bench import Scorer, registry
from nami_bench.domain import Annotator, Criterion, ImageState, Rating, Role, Study
from nami_bench.evaluation.questions.from_clauses import items_of
from nami_bench.evaluation.questions.question_file import to_jsonl
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import encode_png
from nami_bench.scoring.local import create_metrics
from nami_bench.store import Store
from tests.support.drawn import drawn, shapes_prompts
from tests.support.hpsv3 import TOY
from tests.support.http_server import Asked, Reply, http_server
from tests.support.metrics_server import served
from tests.support.program import nami_bench

pytestmark = pytest.mark.slow

IMAGES = 100
PROMPTS = shapes_prompts(IMAGES)
PICTURES = drawn(PROMPTS)
SAMPLES = 4
ITEMS, _ = items_of(PROMPTS)
Options = Mapping[str, Mapping[str, Any]]


def _answer(asked: Asked) -> Reply:
    """A server's answer that depends on what it is shown and asked, and on nothing else."""
    said = hashlib.sha256(json.dumps(asked.body["messages"]).encode()).digest()
    if "Final Score" in json.dumps(asked.body["messages"]):
        mark = f"Final Score: {1 + 4 * said[0] / 255:.3f}"
        return Reply(body={"model": "seer-1", "choices": [{"message": {"content": mark}}]})
    if "logprobs" not in asked.body:
        marks = " ".join(str(byte % 3) for byte in said[:3])
        return Reply(body={"model": "seer-1", "choices": [{"message": {"content": marks}}]})
    share = 0.05 + 0.9 * said[0] / 255
    listed = [{"token": t, "logprob": math.log(p)} for t, p in (("Yes", share), ("No", 0.96 - share))]
    chosen = {"token": "Yes", "logprob": math.log(share), "top_logprobs": listed}
    choice = {"message": {"content": "Yes"}, "logprobs": {"content": [chosen]}, "finish_reason": "stop"}
    return Reply(body={"model": "seer-1", "choices": [choice]})


@pytest.fixture(scope="module")
def inception(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        torch.save({}, path)
        torch.manual_seed(0)
        network = FeatureExtractorInceptionV3("random", ["2048"], str(path))
    torch.save(network.state_dict(), path)
    return path


def _question_files(folder: Path) -> Mapping[str, Path]:
    """The prompts' questions in every benchmark's own form."""
    folder.mkdir()
    (folder / "reward.txt").write_text("Mark it after 'Final Score:'. {prompt}")
    (folder / "own.jsonl").write_bytes(to_jsonl(ITEMS))
    with (folder / "geneval2.jsonl").open("w") as lines:
        for item in ITEMS:
            asked = [[question.text, "Yes"] for question in item.questions]
            row = {
                "prompt": item.prompt,
                "atom_count": 2,
                "vqa_list": asked,
                "skills": ["object"] * len(asked),
            }
            lines.write(json.dumps(row) + "\n")
    (folder / "oneig").mkdir()
    texts = {
        f"{n:03d}": {
            "question": {str(q.id): q.text for q in item.questions},
            "dependency": {str(q.id): list(q.parents) or [0] for q in item.questions},
        }
        for n, item in enumerate(ITEMS)
    }
    (folder / "oneig" / "object.json").write_text(json.dumps(texts))
    with (folder / "oneig.csv").open("w") as table:
        rows = [("General_Object", f"{n:03d}", item.prompt) for n, item in enumerate(ITEMS)]
        csv.writer(table).writerows([("category", "id", "prompt_en"), *rows])
    with (folder / "tiif.jsonl").open("w") as asked_lines, (folder / "tiif_prompts.jsonl").open("w") as told:
        for item in ITEMS:
            questions = [q.text for q in item.questions]
            line = {"type": "text", "yn_question_list": questions, "yn_answer_list": ["yes"] * len(questions)}
            asked_lines.write(json.dumps(line) + "\n")
            long = f"{item.prompt}, painted"
            told.write(
                json.dumps({"type": "text", "short_description": item.prompt, "long_description": long})
                + "\n"
            )
    with (folder / "unigenbench.csv").open("w") as table:
        points = {"Testpoints": ["Style"], "Testpoint Description": ["flat"]}
        rows = [(str(n), item.prompt, json.dumps(points)) for n, item in enumerate(ITEMS)]
        csv.writer(table).writerows([("index", "prompt_en", "sub_dims_en"), *rows])
    checklists = {
        f"C-{n:03d}": {
            "Main Class": "Composition",
            "Sub Class": "Multi-Instance",
            "Prompt": item.prompt,
            "Checklist": [{"question": q.text} for q in item.questions],
        }
        for n, item in enumerate(ITEMS)
    }
    (folder / "corebench.json").write_text(json.dumps(checklists))
    wise = [
        {"prompt_id": n + 1, "Prompt": item.prompt, "Explanation": "shapes", "Category": "x"}
        for n, item in enumerate(ITEMS)
    ]
    (folder / "wise.json").write_text(json.dumps(wise))
    texts_read = [{"prompt": item.prompt, "text": ["1", "2"]} for item in ITEMS]
    (folder / "longtext.jsonl").write_text("".join(json.dumps(row) + "\n" for row in texts_read))
    with (folder / "oneig_text.csv").open("w") as table:
        rows = [("Text_Rendering", f"{n:03d}", item.prompt) for n, item in enumerate(ITEMS)]
        csv.writer(table).writerows([("category", "id", "prompt_en"), *rows])
    with (folder / "text_content.csv").open("w") as table:
        rows = [(f"{n:03d}", "1 2") for n, _ in enumerate(ITEMS)]
        csv.writer(table).writerows([("id", "text_content"), *rows])
    return {path.stem: path for path in folder.iterdir()} | {"oneig-table": folder / "oneig.csv"}


@pytest.fixture(scope="module")
def options(
    tmp_path_factory: pytest.TempPathFactory,
    clip_folder: Path,
    clip_head: Path,
    pickscore_folder: Path,
    hps_weights: Path,
    reward_weights: Path,
    bert_folder: Path,
    hpsv3_instruction: Path,
    llava_folder: Path,
    dino_folder: Path,
    inception: Path,
) -> Iterator[Options]:
    """By metric, every one of the package."""
    files = _question_files(tmp_path_factory.mktemp("alike") / "questions")
    real = tmp_path_factory.mktemp("real")
    for at, picture in enumerate(drawn(PROMPTS[:20], error_rate=0, seed=99)):
        (real / f"{at}.png").write_bytes(encode_png(picture)[1])
    distance = {"reference": real, "weights": inception, "allow_few": True, "device": "cpu"}
    beside = {"reference": real, "allow_few": True, "device": "cpu"}
    covering = {**beside, "features": "clip", "model": clip_folder}
    asked = {"judge": "transformers", "judge_options": {"model": llava_folder, "device": "cpu"}}
    folder = files["own"].parent
    with pytest.MonkeyPatch.context() as patch, http_server(_answer) as address:
        patch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdefghij")
        patch.setenv("NO_PROXY", "127.0.0.1")
        server = {"model": "seer", "base_url": f"{address}/v1"}
        told = {"judge": "openai", "judge_options": server}
        yield {
            "geneval": {"detector": "shapes"},
            "clip-score": {"model": clip_folder, "device": "cpu"},
            "aesthetic": {"model": clip_folder, "head": clip_head, "device": "cpu"},
            "pickscore": {"model": pickscore_folder, "processor": pickscore_folder, "device": "cpu"},
            "hpsv2": {"weights": hps_weights, "model": "tiny-hps", "device": "cpu"},
            "image-reward": {"weights": reward_weights, "tokenizer": bert_folder, "device": "cpu"},
            "hpsv3": {
                "weights": TOY / "HPSv3.safetensors",
                "processor": TOY / "model",
                "instruction": hpsv3_instruction,
                "device": "cpu",
            },
            "vqa-score": {"model": llava_folder, "device": "cpu"},
            "vqa-score-openai": server,
            "unified-reward": {**server, "prompt": files["reward"]},
            "wise": {**server, "prompts": files["wise"]},
            "fid": distance,
            "kid": distance,
            "fid-infinity": distance,
            "fd-dinov2": {**beside, "model": dino_folder},
            **dict.fromkeys(("precision", "recall", "density", "coverage"), covering),
            "near-copies": {"threshold": 0.6},
            "reference-copies": {"reference": real, "threshold": 0.6},
            "vendi": {"model": clip_folder, "device": "cpu"},
            "sample-distance": {"features": "clip", "model": clip_folder, "device": "cpu"},
            "dpg": {"questions": files["own"], **asked},
            "dsg": {"questions": files["own"], **asked},
            "tifa": {"questions": files["own"], **asked},
            "geneval2": {"questions": files["geneval2"], **asked},
            "oneig-alignment": {"questions": folder / "oneig", "prompts": files["oneig-table"], **asked},
            "tiif": {"questions": files["tiif"], "prompts": files["tiif_prompts"], **asked},
            "unigenbench": {"questions": files["unigenbench"], **asked},
            "corebench": {"questions": files["corebench"], **asked},
            "text-longtext": {"targets": files["longtext"], **told},
            "text-oneig": {"targets": files["text_content"], "prompts": files["oneig_text"], **told},
            "text-tiif": {"targets": files["longtext"], **told},
            "text-flow-grpo": {"targets": files["longtext"], "reader_options": {"side": 32}},
        }


def test_no_metric_of_the_package_is_left_out(options: Options) -> None:
    own = {
        name for name, point in registry.plugins("metrics").items() if point.value.startswith("nami_bench.")
    }
    assert set(options) == own


def _workspace(folder: Path, samples: int) -> Path:
    """The pictures as so many samples of each of the first prompts."""
    made = GenEvalFolder(folder / "made")
    for at, picture in enumerate(PICTURES):
        prompt, sample = divmod(at, samples)
        if sample == 0:
            made.write_metadata(prompt, PROMPTS[prompt].metadata())
            made.sample_path(prompt, 0).parent.mkdir()
        made.sample_path(prompt, sample).write_bytes(encode_png(picture)[1])
    for words in (["init"], ["images", "import", str(made.root), "--model", "shapes"]):
        assert nami_bench("--workspace", folder / "bench", *words).returncode == 0
    return folder / "bench"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _workspace(tmp_path_factory.mktemp("alike"), samples=1)


@pytest.fixture(scope="module")
def workspace_of_samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _workspace(tmp_path_factory.mktemp("samples"), samples=SAMPLES)


def _by_command(workspace: Path, name: str, chosen: Mapping[str, Any]) -> tuple[list[float | None], str]:
    """The values in the images' order, or the set's, and the instrument, as the workspace has them."""
    pairs: list[str] = []
    for key, value in chosen.items():
        if key == "judge_options":
            pairs += [w for k, v in value.items() for w in ("--judge-option", f"{k}={v}")]
        elif key in ("judge", "detector"):
            pairs += [f"--{key}", str(value)]
        else:
            pairs += ["-O", f"{key}={json.dumps(value) if isinstance(value, dict) else value}"]
    done = nami_bench("--workspace", workspace, "evaluate", name, *pairs)
    assert done.returncode in (0, 1), done.stderr  # 1: the tiny model says neither yes nor no of some
    with Store.open(f"sqlite:///{workspace / 'nami.db'}") as store:
        order = [(record.prompt_id, record.sample) for record in store.images.find(state=ImageState.DONE)]
        sets = [score for score in store.scores.of_sets() if score.metric == name]
        if sets:
            return [sets[0].value], sets[0].instrument
        scores = {(score.prompt_id, score.sample): score for score in store.scores.find(metric=name)}
        return [scores[image].value for image in sorted(order)], next(iter(scores.values())).instrument


@pytest.fixture(scope="module")
def service(options: Options) -> Iterator[str]:
    with served(create_metrics(list(options), options)) as address:
        yield address


NAMES = [
    "aesthetic", "geneval", "clip-score", "pickscore", "hpsv2", "hpsv3", "image-reward",
    "vqa-score", "vqa-score-openai", "wise", "fid", "kid", "fid-infinity",
    "fd-dinov2", "precision", "recall", "density", "coverage", "reference-copies", "dpg", "dsg", "tifa",
    "geneval2", "oneig-alignment", "tiif", "unigenbench", "corebench", "unified-reward",
    "text-longtext", "text-oneig", "text-tiif", "text-flow-grpo",
]  # fmt: skip

COMPARING = ["near-copies", "vendi", "sample-distance"]


@pytest.mark.parametrize("name", NAMES)
def test_command_python_and_server_give_the_same_values(
    name: str, options: Options, workspace: Path, service: str
) -> None:
    expected, instrument = _by_command(workspace, name, options[name])
    assert any(value is not None for value in expected)
    with Scorer(name, **options[name]) as here, Scorer.connect(service, name, batch_size=IMAGES) as there:
        for scores in (here.score(PICTURES, PROMPTS), there.score(PICTURES, PROMPTS)):
            found = [None if np.isnan(value) else value for value in scores.values]
            assert found == expected
            assert scores.instrument == instrument


@pytest.mark.parametrize("name", COMPARING)
def test_metrics_that_compare_images_give_the_same_values_too(
    name: str, options: Options, workspace_of_samples: Path, service: str
) -> None:
    expected, instrument = _by_command(workspace_of_samples, name, options[name])
    assert len(set(expected)) > 1
    prompts = [f"{at // SAMPLES}" for at in range(len(PICTURES))]
    with Scorer(name, **options[name]) as here, Scorer.connect(service, name, batch_size=7) as there:
        for scores in (here.score(PICTURES, prompts), there.score(PICTURES, prompts)):
            assert [None if np.isnan(value) else value for value in scores.values] == expected
            assert scores.instrument == instrument


OF_SETS = {"fid", "kid", "fid-infinity", "fd-dinov2", "precision", "recall", "density", "coverage"}


def test_every_metric_of_images_stands_beside_people(
    options: Options, workspace: Path, tmp_path: Path
) -> None:
    """In the audit and on the Judges page of the site, with ratings of all images by two people."""
    with Store.open(f"sqlite:///{workspace / 'nami.db'}") as store:
        (prompt_set,) = store.catalog.prompt_sets()
        store.studies.add(Study("people", prompt_set.name, ("shapes",), (Criterion("relevance", 1.0),)))
        for name in ("ann", "bob"):
            store.accounts.add(Annotator(name, Role.ANNOTATOR))
        made = store.images.find(state=ImageState.DONE)
        store.ratings.add([
            Rating("people", name, "shapes", record.prompt_id, 0, "relevance", float(37 * at % 101))
            for at, record in enumerate(made)
            for name in ("ann", "bob")
        ])  # fmt: skip
    names = [name for name in NAMES if name not in OF_SETS]
    for name in names:
        _by_command(workspace, name, options[name])
    audit = tmp_path / "audit.csv"
    done = nami_bench("--workspace", workspace, "evaluate", "--audit", "--study", "people", "--csv", audit)
    assert done.returncode == 0, done.stderr
    with audit.open(newline="", encoding="utf-8-sig") as lines:
        beside = {row["metric"] for row in csv.DictReader(lines)}
    assert beside >= {*names}
    assert nami_bench("--workspace", workspace, "site", "-o", tmp_path / "site").returncode == 0
    judges = (tmp_path / "site" / "judges.html").read_text()
    assert [name for name in names if name not in judges] == []
