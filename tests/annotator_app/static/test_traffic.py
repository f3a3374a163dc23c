"""Blind: everything that a browser sends and receives, read for what could tell the model."""

import hashlib
import io
import json
import zlib
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pytest
from PIL import Image

from nami_bench.domain import Criterion

SKIPPED = ("/app/", "/login", "/favicon.ico")  # the program's own files: the same for everybody


@dataclass
class Traffic:
    """What one browser sent and received, in order: (url, everything as bytes)."""

    exchanges: list[tuple[str, bytes]] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)
    image_headers: list[dict[str, str]] = field(default_factory=list)

    def listen(self, page: Any) -> None:
        page.route("**/*", self._pass_on)

    def _pass_on(self, route: Any) -> None:
        response = route.fetch(max_redirects=0)
        body, request = response.body(), route.request
        heads = json.dumps([request.all_headers(), response.headers_array]).encode()
        sent = (request.post_data or "").encode()
        self.exchanges.append((request.url, b"\n".join((request.url.encode(), heads, sent, body))))
        if "/image/" in request.url:
            self.images.append(body)
            self.image_headers.append(response.headers)
        route.fulfill(response=response)


def chunks(png: bytes) -> dict[bytes, bytes]:
    """A PNG file's chunks by type; IDAT inflated."""
    found: dict[bytes, bytes] = {}
    at = 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        kind = png[at + 4 : at + 8]
        found[kind] = found.get(kind, b"") + png[at + 8 : at + 8 + length]
        at += 12 + length
    return found


def pixels(png: bytes) -> str:
    return hashlib.sha256(Image.open(io.BytesIO(png)).convert("RGB").tobytes()).hexdigest()


def secrets_of(studio: Any) -> list[bytes]:
    """What must never be seen: names and paths, and hashes in every way of writing them."""
    found = [
        *studio.study.models,
        str(studio.workspace.root),
        "samples/0000",
        "nami.db",
        "zebrafish",
        "quokka",
    ]
    for image in studio.store.images.find():
        data = (studio.images_dir / image.path).read_bytes()
        found += [image.path, image.sha256, image.sha256[:16], hashlib.md5(data).hexdigest()]
        found += [hashlib.sha256(image.path.encode()).hexdigest()[:16]]
    raw = [bytes.fromhex(image.sha256) for image in studio.store.images.find()]
    return [text.encode() for text in found] + raw


def whole_session(studio: Any, visit: Callable[..., Any], keys: list[str]) -> tuple[Traffic, Any]:
    """Log in, rate everything, go back and correct, meet a reload."""
    name = studio.newcomer()
    screen = visit(studio, name, path="/login", settled=False)
    traffic = Traffic()
    traffic.listen(screen.page)
    screen.page.goto(studio.address)
    screen.settle()
    done = 0
    while screen.page.locator(".screen h1").is_hidden():
        screen.wait_for_image()
        screen.press(*keys, "Enter")
        done += 1
        screen.page.wait_for_selector(f"[data-part=count]:text-matches('^{done} of')")
        if done == 2:
            screen.press("Backspace")
            screen.part("correcting").wait_for()
            screen.wait_for_image()
            screen.press("ArrowUp", "f", "Enter")
            screen.wait_until_sent()
            screen.page.reload()
            screen.settle()
        screen.page.wait_for_timeout(30)
    screen.wait_until_sent()
    return traffic, screen


@pytest.mark.parametrize("mode", ["rating", "pairwise"])
def test_no_byte_of_a_session_tells_the_model(
    new_studio: Callable[..., Any], visit: Callable[..., Any], mode: str
) -> None:
    studio = new_studio(mode=mode, criteria=(Criterion("relevance", 1),), size=(96, 64))
    keys = ["7", "7"] if mode == "rating" else ["ArrowLeft"]
    sessions = [whole_session(studio, visit, keys) for _ in range(2)]
    hidden = secrets_of(studio)
    on_disk = [(studio.images_dir / image.path).read_bytes() for image in studio.store.images.find()]
    assert all(any(secret in data for secret in hidden) for data in on_disk)  # it is there to be found
    addresses: list[set[str]] = []
    for traffic, _ in sessions:
        assert len(traffic.images) >= 8
        for url, everything in traffic.exchanges:
            if any(url.startswith(studio.address + path) for path in SKIPPED):
                continue
            told = [
                secret for secret in hidden if secret in everything or secret.hex().encode() in everything
            ]
            assert told == [], url
            assert not [w for w in decoded(everything) if any(secret in w for secret in hidden)], url
        addresses.append({url.rsplit("/", 1)[1] for url, _ in traffic.exchanges if "/image/" in url})

    # The same image has nothing in common for two annotators but its pixels and the length that all have.
    assert not addresses[0] & addresses[1]
    assert not {part for a in addresses[0] for part in a.split(".") if len(part) > 12} & {
        part for a in addresses[1] for part in a.split(".") if len(part) > 12
    }
    first, second = ({pixels(image): image for image in traffic.images} for traffic, _ in sessions)
    assert first.keys() == second.keys()
    assert len(first) == 8
    for key, image in first.items():
        assert image != second[key]
        assert hashlib.sha256(image).hexdigest() not in {i.sha256 for i in studio.store.images.find()}
        assert chunks(image).keys() <= {b"IHDR", b"IDAT", b"IEND", b"paDd"}
        assert zlib.decompress(chunks(image)[b"IDAT"]) == zlib.decompress(chunks(second[key])[b"IDAT"])
    assert len({len(image) for traffic, _ in sessions for image in traffic.images}) == 1

    # Headers of images are the same for all, but for the time.
    for traffic, _ in sessions:
        rest = [{k: v for k, v in h.items() if k != "date"} for h in traffic.image_headers]
        assert all(one == rest[0] for one in rest)


def decoded(everything: bytes) -> list[bytes]:
    """The words of an exchange that are base64, decoded."""
    words = []
    for word in (
        everything.replace(b"-", b"+").replace(b"_", b"/").replace(b'"', b" ").replace(b".", b" ").split()
    ):
        if 16 <= len(word) <= 400 and word.isascii():
            try:
                words.append(b64decode(word + b"=" * (-len(word) % 4), validate=True))
            except ValueError:
                continue
    return words


def test_order_and_sides_tell_nothing(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> None:
    """Which model comes first, or stands on the left, differs by annotator and by item."""
    studio = new_studio(tuple(f"prompt {i}" for i in range(6)), served=False)
    from nami_bench.annotator_app.sessions import AnnotationSession

    orders = []
    for _ in range(6):
        session = AnnotationSession(studio.store, studio.images_dir, studio.study.name, studio.newcomer())
        items = session.state().items
        orders.append(
            tuple(
                studio.store.annotation.assignment(i.token, session._annotator).images[0].model for i in items
            )
        )
    assert len(set(orders)) > 1
    assert {models[0] for models in orders} == set(studio.study.models)
    for a, b in combinations(orders, 2):
        assert len(a) == len(b) == 3


def test_an_image_takes_as_many_requests_whoever_made_it(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    """Requests come in one order and number for every item: one submission, one image loaded ahead."""
    studio = new_studio(criteria=(Criterion("relevance", 1),))
    screen = visit(studio)
    screen.page.wait_for_load_state("networkidle")
    urls: list[str] = []
    screen.page.on(
        "request", lambda request: urls.append(request.url.removeprefix(studio.address).split("/")[1])
    )
    for done in range(1, 6):
        screen.wait_for_image()
        screen.rate(50)
        screen.wait_for_count(f"{done} of 8")
        screen.wait_until_sent()
        screen.page.wait_for_load_state("networkidle")
    assert urls == ["item", "image"] * 5
