"""Image servers on this machine with the request and response schemas of three that people have.

Each answers a request's path and JSON body. Pictures follow from the seed, as theirs do.
"""

import base64
import io
import json
import random
import threading
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tests.support.http_server import Asked, Reply


def noise_png(seed: int, width: int = 16, height: int = 16) -> bytes:
    """A PNG file of random tiles that follow from the seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _size(text: str | None, default: tuple[int, int]) -> tuple[int, int]:
    width, _, height = (text or "").partition("x")
    return (int(width), int(height)) if height.isdecimal() else default


class ImageServer:
    """Keeps what it was asked; `paint` answers a request whose fields its schema takes."""

    schema: type[BaseModel]

    def __init__(self) -> None:
        self.bodies: list[Mapping[str, Any]] = []
        self.gets: list[Asked] = []
        self.lock = threading.Lock()

    def __call__(self, asked: Asked) -> Reply:
        if asked.method == "GET":
            with self.lock:
                self.gets.append(asked)
            return self.fetch(asked)
        if asked.path != "/v1/images/generations":
            return Reply(404, {"error": {"message": f"no route {asked.path}", "code": None}})
        with self.lock:
            self.bodies.append(asked.body)
        try:
            return self.paint(self.schema.model_validate(asked.body))
        except ValidationError as error:
            return self.invalid(error)

    def fetch(self, asked: Asked) -> Reply:
        return Reply(404)

    def paint(self, request: Any) -> Reply:
        raise NotImplementedError

    def invalid(self, error: ValidationError) -> Reply:
        """As FastAPI says it."""
        problems = json.loads(error.json(include_url=False, include_input=False))
        return Reply(422, {"detail": [{**one, "loc": ["body", *one["loc"]]} for one in problems]})


class VllmOmniRequest(BaseModel):
    """`ImageGenerationRequest` of vLLM-Omni 0.30; unknown fields are taken and ignored."""

    model_config = ConfigDict(extra="allow")

    prompt: str
    model: str | None = None
    n: int = Field(default=1, ge=1, le=10)
    size: str | None = None
    response_format: Literal["b64_json", "file"] = "b64_json"
    seed: int | None = Field(default=None, ge=-(2**63), le=2**63 - 1)
    generator_device: str | None = None
    negative_prompt: str | None = None
    num_inference_steps: int | None = Field(default=None, ge=1, le=200)
    guidance_scale: float | None = Field(default=None, ge=0, le=20)
    true_cfg_scale: float | None = Field(default=None, ge=0, le=20)
    bot_task: str | None = None
    use_system_prompt: str | None = None
    return_stage_metrics: bool = False


class VllmOmni(ImageServer):
    """vLLM-Omni: no seed is a random one; answers with metrics, and never with a revised prompt."""

    schema = VllmOmniRequest

    def paint(self, request: VllmOmniRequest) -> Reply:
        seed = random.getrandbits(60) if request.seed is None else request.seed
        width, height = _size(request.size, (16, 16))
        picture = base64.b64encode(noise_png(seed % 2**32, width, height)).decode()
        stages = {"stage_durations": {"text_encoder": 0.1, "dit": 1.5, "vae": 0.2}}
        metrics = {"peak_memory_mb": 2048.5, **(stages if request.return_stage_metrics else {})}
        cot = "The user wants a picture." if request.bot_task else None
        item = {"b64_json": picture, "url": None, "revised_prompt": None}
        size = f"{width}x{height}"
        return Reply(
            body={"created": 1, "data": [item], "size": size, "output_format": "png", "cot_output": cot}
            | {"metrics": metrics}
        )


class SGLangRequest(BaseModel):
    """`ImageGenerationsRequest` of SGLang's multimodal server, with the older default seed."""

    prompt: str
    model: str | None = None
    n: int = 1
    size: str | None = None
    width: int | None = None
    height: int | None = None
    response_format: Literal["url", "b64_json"] = "url"
    seed: int = 1024
    generator_device: str = "cuda"
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    enhance_prompt: bool = False


class SGLang(ImageServer):
    """SGLang: a fixed seed unless one is sent; relative addresses; the prompt that it used, always.

    `key`: also its files want it, as behind `--api-key`.
    """

    schema = SGLangRequest

    def __init__(self, key: str = "") -> None:
        super().__init__()
        self.key = key
        self.files: dict[str, bytes] = {}

    def paint(self, request: SGLangRequest) -> Reply:
        width, height = _size(request.size, (request.width or 16, request.height or 16))
        picture = noise_png(request.seed, width, height)
        item: dict[str, Any] = {"revised_prompt": request.prompt, "file_path": "/outputs/1.png"}
        if request.enhance_prompt:
            item["revised_prompt"] = f"{request.prompt}, in great detail"
        if request.response_format == "url":
            path = f"/v1/images/{len(self.files)}/content"
            self.files[path] = picture
            item["url"] = path
        else:
            item["b64_json"] = base64.b64encode(picture).decode()
        beside = {"peak_memory_mb": 1024.0, "inference_time_s": 0.25, "usage": None}
        return Reply(body={"id": "1", "created": 1, "data": [item], **beside})

    def fetch(self, asked: Asked) -> Reply:
        if self.key and asked.headers.get("Authorization") != f"Bearer {self.key}":
            return Reply(401)
        return Reply(body=self.files[asked.path]) if asked.path in self.files else Reply(404)


class OpenAIRequest(BaseModel):
    """A request for gpt-image-1; no other field is taken."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(max_length=32000)
    model: Literal["gpt-image-1"]
    n: int = Field(default=1, ge=1, le=10)
    size: Literal["1024x1024", "1536x1024", "1024x1536", "auto"] = "auto"
    quality: Literal["low", "medium", "high", "auto"] = "auto"
    background: Literal["transparent", "opaque", "auto"] = "auto"
    output_format: Literal["png", "jpeg", "webp"] = "png"
    moderation: Literal["low", "auto"] = "auto"


class OpenAI(ImageServer):
    """OpenAI's own: every picture another, tokens counted, unknown fields refused by their name."""

    schema = OpenAIRequest

    def paint(self, request: OpenAIRequest) -> Reply:
        width, height = _size(request.size, (1024, 1024))
        picture = base64.b64encode(noise_png(random.getrandbits(32), width, height)).decode()
        tokens = {"input_tokens": 13, "output_tokens": 1056, "total_tokens": 1069}
        beside = {"size": request.size, "quality": "high", "output_format": "png", "usage": tokens}
        return Reply(body={"created": 1, "data": [{"b64_json": picture}], **beside})

    def invalid(self, error: ValidationError) -> Reply:
        (first, *_) = error.errors()
        name, extra = str(first["loc"][0]), first["type"] == "extra_forbidden"
        message = f"Unknown parameter: '{name}'." if extra else f"Invalid value for '{name}'."
        code = "unknown_parameter" if extra else "invalid_value"
        problem = {"message": message, "type": "invalid_request_error", "param": name, "code": code}
        return Reply(400, {"error": problem})
