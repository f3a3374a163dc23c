"""The metrics server: what it takes, refuses and answers, and that it answers as the offline metric does."""

import base64
import contextlib
import io
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgpack
import numpy as np
import pytest
from PIL import Image

from nami_bench import Scorer
from nami_bench.domain import Prompt
from nami_bench.errors import InputError, UnknownNameError, WorkError
from nami_bench.evaluation.protocol import ScoringResult
from nami_bench.images import read_image
from nami_bench.metrics_server.settings import Limits
from nami_bench.scoring.local import create_metrics
from tests.support.drawn import drawn, shapes_prompts
from tests.support.metrics_server import served

PROMPTS = shapes_prompts(30)
PICTURES = drawn(PROMPTS)


def geneval(**options):
    return create_metrics(["geneval"], {"detector": "shapes", "rewards": True, **options})


@pytest.fixture(scope="module")
def address():
    with served(geneval()) as address:
        yield address


@pytest.fixture(scope="module")
def offline():
    with Scorer("geneval", detector="shapes", rewards=True) as scorer:
        return scorer.score(PICTURES, PROMPTS)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def ask(address, images, prompts=None, **more):
    """Post JSON; images are bytes or messages."""
    sent = [base64.b64encode(one).decode() if isinstance(one, bytes) else one for one in images]
    prompts = [prompt.metadata() for prompt in PROMPTS[: len(images)]] if prompts is None else prompts
    return httpx.post(f"{address}/v1/score", json={"images": sent, "prompts": prompts, **more}, timeout=60)


def same(found, expected):
    assert found.values.tolist() == expected.values.tolist()
    assert found.instrument == expected.instrument
    assert {name: list(v) for name, v in found.rewards.items()} == {
        name: list(v) for name, v in expected.rewards.items()
    }


@pytest.mark.parametrize("batch_size", [64, 7])
def test_the_server_answers_as_the_metric_does_offline_in_the_images_order(address, offline, batch_size):
    with Scorer.connect(address, "geneval", batch_size=batch_size) as scorer:
        scores = scorer.score(PICTURES, PROMPTS)
    same(scores, offline)
    assert scores.summary() == offline.summary()
    assert json.loads(json.dumps(offline.details)) == list(scores.details)


def test_json_without_msgpack_says_the_same(address, offline, monkeypatch):
    monkeypatch.setitem(sys.modules, "msgpack", None)
    with Scorer.connect(address, "geneval") as scorer:
        same(scorer.score(PICTURES, PROMPTS), offline)


def test_png_lossless_webp_and_raw_pixels_are_one_image(address, offline):
    raw = {"raw": base64.b64encode(PICTURES[0].tobytes()).decode(), "height": 64, "width": 64}
    for image in (encoded(PICTURES[0]), encoded(PICTURES[0], "WEBP", lossless=True), raw):
        answer = ask(address, [image]).json()["scores"]["geneval"]
        assert answer["values"] == offline.values[:1].tolist()


def test_raw_pixels_are_red_green_blue(address):
    """A server that hands them on as BGR finds a blue star."""
    clauses = {"tag": "colors", "include": [{"class": "star", "count": 1, "color": "red"}]}
    (image,) = drawn([Prompt("00000", "a photo of a red star", geneval=clauses)], error_rate=0)
    exchanged = Image.fromarray(np.ascontiguousarray(np.asarray(image)[:, :, ::-1]))
    messages = [
        {"raw": base64.b64encode(one.tobytes()).decode(), "height": 64, "width": 64}
        for one in (image, exchanged)
    ]
    answer = ask(address, messages, [{**clauses, "prompt": "a photo of a red star"}] * 2).json()
    assert answer["scores"]["geneval"]["values"] == [1.0, 0.0]
    assert httpx.get(f"{address}/v1/info").json()["channel_order"] == "RGB"


def test_lossy_images_are_refused_unless_they_are_allowed():
    lossy = [encoded(PICTURES[0], "JPEG"), encoded(PICTURES[0], "WEBP", quality=80)]
    with served(geneval()) as address:
        for image in lossy:
            answer = ask(address, [image])
            assert answer.status_code == 422
            assert "changes verdicts" in answer.json()["error"]
    with served(geneval(), Limits(allow_lossy=True)) as address:
        assert ask(address, lossy, [PROMPTS[0].metadata()] * 2).status_code == 200


def test_a_damaged_image_has_a_reason_and_the_others_their_values(address, offline):
    images = [encoded(image) for image in PICTURES[:4]]
    images[2] = images[2][:-30]
    answer = ask(address, images).json()["scores"]["geneval"]
    assert answer["values"] == [*offline.values[:2].tolist(), None, offline.values[3]]
    assert "image 2 is damaged" in answer["reasons"][2]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "words"),
    [
        (b"{", "application/json", 422, "no JSON"),
        (b"[]", "application/json", 422, "'images' and 'prompts'"),
        (b"\xc1", "application/msgpack", 422, "no msgpack"),
        (b"x", "application/octet-stream", 415, "not 'application/octet-stream'"),
        (b"\x80\x04K\x01.", "application/python-pickle", 415, "application/json"),
        (b'{"images": ["%%%"], "prompts": ["x"]}', "application/json", 422, "not base64"),
        (b'{"images": [7], "prompts": ["x"]}', "application/json", 422, "image 0 must be"),
        (b'{"images": [], "prompts": [], "metrics": ["x"]}', "application/json", 404, "unknown metric 'x'"),
        (b'{"images": [], "prompts": [], "metrics": "fid"}', "application/json", 422, "list of names"),
        (b'{"images": [{"raw": "AAAA", "height": 2, "width": 2}], "prompts": ["x"]}', "application/json", 422,
         "12 bytes, not 3"),
        (b"[" * 100000, "application/json", 422, "no JSON"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_in_one_sentence(address, body, content_type, status, words):
    answer = httpx.post(f"{address}/v1/score", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_malformed_clauses_are_refused_and_name_the_prompt(address):
    bad = {"prompt": "x", "tag": "colors", "include": [{"class": "star", "count": 0}]}
    answer = ask(address, [encoded(PICTURES[0])] * 2, [PROMPTS[0].metadata(), bad])
    assert answer.status_code == 422
    assert "prompt 1: include[0]" in answer.json()["error"]


def test_requests_are_bounded():
    with served(geneval(), Limits(body_mb=1, images=3, pixels=100)) as address:
        many = ask(address, [encoded(PICTURES[0])] * 4)
        assert (many.status_code, many.json()["error"]) == (413, "a request may have 3 images, got 4")
        large = httpx.post(
            f"{address}/v1/score", content=b" " * (2 << 20), headers={"Content-Type": "application/json"}
        )
        assert large.status_code == 413
        wide = ask(address, [encoded(PICTURES[0])]).json()["scores"]["geneval"]
        assert "over the limit of 100" in wide["reasons"][0]


def test_a_body_without_a_length_is_bounded_too():
    def chunks():
        for _ in range(64):
            yield b" " * (1 << 16)

    with served(geneval(), Limits(body_mb=1)) as address, contextlib.suppress(httpx.WriteError):
        answer = httpx.post(
            f"{address}/v1/score", content=chunks(), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 413


def test_a_token_is_wanted_everywhere_but_for_health(monkeypatch):
    monkeypatch.delenv("NAMI_METRICS_TOKEN", raising=False)
    with served(geneval(), token="secret") as address:
        assert httpx.get(f"{address}/healthz").status_code == 200
        for path in ("/v1/info", "/metrics"):
            assert httpx.get(address + path).status_code == 401
        assert ask(address, [encoded(PICTURES[0])]).status_code == 401
        for token in (None, "wrong", "sécret"):
            with pytest.raises(InputError, match="wants its token"):
                Scorer.connect(address, token=token)
        with Scorer.connect(address, "geneval", token="secret") as scorer:
            assert len(scorer.score(PICTURES[:2], PROMPTS[:2])) == 2


class Slow:
    """A metric that takes its time and remembers what it was given."""

    name = "slow"
    instrument = "slow-1"

    def __init__(self):
        self.batches = []
        self.begun, self.go = threading.Event(), threading.Event()

    def applies_to(self, prompt):
        return True

    def score(self, items):
        self.begun.set()
        self.go.wait(20)
        self.batches.append(len(items))
        for item in items:
            if item.prompt.text == "raise":
                raise WorkError("the device is gone")
            yield ScoringResult(item, float(np.asarray(read_image(item.image))[0, 0, 0]))


def gray(level):
    return Image.new("RGB", (4, 4), (level,) * 3)


def test_requests_that_wait_are_joined_and_each_gets_its_own_values():
    slow = Slow()
    with served({"slow": slow}, Limits(batch=20)) as address, ThreadPoolExecutor(8) as pool:
        asked = []
        for at in range(8):
            images = [encoded(gray(10 * at + n)) for n in range(5)]
            asked.append(pool.submit(ask, address, images, ["x"] * 5))
            slow.begun.wait(20)  # the first alone: the others wait for it
        while _waiting(address) < 35:
            time.sleep(0.01)
        slow.go.set()
        for at, future in enumerate(asked):
            values = future.result().json()["scores"]["slow"]["values"]
            assert values == [10 * at + n for n in range(5)]
    assert sorted(slow.batches) == [5, 15, 20] or (sum(slow.batches) == 40 and max(slow.batches) == 20)


def _waiting(address):
    return _count(address, "nami_waiting_images")


def _count(address, name):
    lines = httpx.get(f"{address}/metrics").text.splitlines()
    return sum(float(line.split()[1]) for line in lines if line.split()[0] == name)


def test_what_is_wrong_with_one_request_is_nothing_to_those_joined_with_it():
    slow = Slow()
    with served({"slow": slow}) as address, ThreadPoolExecutor(4) as pool:
        pool.submit(ask, address, [encoded(gray(1))], ["x"])
        assert slow.begun.wait(20)  # the first alone: the others wait for it
        others = [pool.submit(ask, address, [encoded(gray(9))], [text]) for text in ("x", "raise", "x")]
        while _waiting(address) < 3:
            time.sleep(0.01)
        slow.go.set()
        statuses = [future.result().status_code for future in others]
        assert statuses == [200, 424, 200]
        assert others[1].result().json()["error"] == "the device is gone"


def test_more_than_may_wait_is_told_to_come_again():
    slow = Slow()
    with served({"slow": slow}, Limits(waiting=6)) as address, ThreadPoolExecutor(4) as pool:
        busy = []
        for _ in range(2):
            busy.append(pool.submit(ask, address, [encoded(gray(1))] * 5, ["x"] * 5))
            slow.begun.wait(20)
        while _waiting(address) < 5:
            time.sleep(0.01)
        refused = ask(address, [encoded(gray(1))] * 2, ["x"] * 2)
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        slow.go.set()
        assert [future.result().status_code for future in busy] == [200, 200]


def test_a_request_that_is_asked_again_is_worked_on_once():
    slow = Slow()
    with served({"slow": slow}) as address, ThreadPoolExecutor(2) as pool:
        again = {"images": [encoded(gray(3))], "prompts": ["x"], "id": "one"}
        first = pool.submit(ask, address, **again)
        second = pool.submit(ask, address, **again)
        slow.go.set()
        answers = [first.result().json(), second.result().json(), ask(address, **again).json()]
        assert answers[0] == answers[1] == answers[2]
        assert slow.batches == [1]
        assert _count(address, "nami_repeated_requests_total") == 2
        ask(address, **{**again, "id": "another"})
        assert slow.batches == [1, 1]


def test_no_images_are_no_work(address):
    answer = ask(address, []).json()["scores"]["geneval"]
    assert (answer["values"], answer["instrument"]) == ([], "shapes-analytic-1+palette-1")


def test_prometheus_counts_images_and_failures():
    with served(geneval()) as address:
        ask(address, [encoded(PICTURES[0]), b"none"])
        text = httpx.get(f"{address}/metrics").text
        for line in (
            'nami_images_total{metric="geneval"} 2.0',
            'nami_failures_total{metric="geneval"} 1.0',
            'nami_requests_total{status="200"} 1.0',
            'nami_batch_images_bucket{le="2.0"} 1.0',
        ):
            assert line in text.splitlines()


def test_the_client_says_what_is_not_there(address):
    with pytest.raises(UnknownNameError, match="unknown metric 'pickscore'"):
        Scorer.connect(address, "pickscore")
    with pytest.raises(WorkError, match="does not answer"):
        Scorer.connect("http://127.0.0.1:9", patience=0)


def test_a_server_that_comes_back_with_another_instrument_is_refused():
    with served(geneval()) as address:
        scorer = Scorer.connect(address, "geneval")
        scorer.score(PICTURES[:2], PROMPTS[:2])
    changed = geneval(params={"threshold": 0.5})
    with (
        served(changed, port=int(address.rpartition(":")[2])),
        pytest.raises(WorkError, match=r"threshold=0\.5 now, before it was"),
    ):
        scorer.score(PICTURES[:2], PROMPTS[:2])
    scorer.close()


def test_the_answer_is_msgpack_where_that_is_wanted(address):
    answer = httpx.get(f"{address}/v1/info", headers={"Accept": "application/msgpack"})
    assert msgpack.unpackb(answer.content)["metrics"]["geneval"]["of_set"] is False


ALONE = """
import importlib.abc, sys
from importlib.metadata import packages_distributions
allowed = {"nami_bench", "numpy", "PIL", "httpx", "anyio", "httpcore", "h11", "idna", "certifi", "sniffio",
           "truststore", "typing_extensions"}
allowed |= {name for name, of in packages_distributions().items() if set(of) & {"httpx", "anyio", "httpcore"}}

class Only(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in allowed or top.startswith("_"):
            return None
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Only())
from nami_bench import Scorer
with Scorer.connect(sys.argv[1], "geneval") as scorer:
    clauses = {"tag": "single_object", "include": [{"class": "star", "count": 1}], "prompt": "a star"}
    import numpy
    print(scorer.score(numpy.zeros((3, 8, 8, 3)), clauses).rewards["verdict"].tolist())
"""


def test_a_client_needs_numpy_pillow_and_httpx_alone(address):
    command = [sys.executable, "-c", ALONE, address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "[0.0, 0.0, 0.0]\n", done.stderr
