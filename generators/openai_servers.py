"""What differs between servers that speak OpenAI's images protocol: fields they take, and fields they tell.

vLLM-Omni 0.30, SGLang's multimodal server and OpenAI's own, as their protocols were in late 2026.
"""

import logging
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from nami_bench.services.bounded_client import Answer
from nami_bench.services.openai import is_refusal

ServerName = Literal["auto", "openai", "vllm-omni", "sglang", "other"]

LONGEST_TEXT = 4000
"""Characters of a text from a server that are kept."""

_log = logging.getLogger(__name__)
_MOST_FIELDS = 32
_LONGEST_FIELD = 1000
_DEEPEST = 5
_IMAGE_FIELDS = frozenset({"b64_json", "url", "revised_prompt"})
_ANSWER_FIELDS = frozenset({"created", "data", "error", "model", "object"})
_REWRITERS = ("enhance_prompt", "bot_task", "use_system_prompt", "system_prompt", "prompt_upsampling")
_UNKNOWN = re.compile(
    r"unknown|unrecogni[sz]ed|unsupported|unexpected|extra[_ ]|additional propert|cannot find"
    r"|not (?:permitted|supported|allowed)|(?:does|do) not (?:support|accept|take|know)",
    re.IGNORECASE,
)


def server_kind(name: ServerName, base_url: str) -> str:
    """`name`; for "auto", "openai" where the address is OpenAI's or Azure's, else "other"."""
    if name != "auto":
        return name
    host = (urlsplit(base_url).hostname or "").lower()
    openai = host in ("api.openai.com", "openai.azure.com") or host.endswith(
        (".openai.com", ".openai.azure.com")
    )
    return "openai" if openai else "other"


def default_fields(kind: str) -> dict[str, Any]:
    """What is sent to such a server unless the model's options name the same field.

    OpenAI's own refuses both: its newer models always answer with base64.
    """
    if kind == "openai":
        return {}
    stages = {"return_stage_metrics": True} if kind == "vllm-omni" else {}
    return {"response_format": "b64_json", **stages}


class OptionalFields:
    """Fields that nobody asked for, and which of them the server has turned out not to know.

    Shared by all threads of a run, so that the server is not asked twice for what it refused.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._dropped: set[str] = set()
        self._lock = threading.Lock()

    def kept(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The request without fields that were refused."""
        with self._lock:
            return {name: value for name, value in body.items() if name not in self._dropped}

    def drop(self, names: Iterable[str], said: str) -> bool:
        """Leave those out from now on that nobody asked for; whether there were any. `said`: why."""
        with self._lock:
            found = self._names & set(names)
            new = found - self._dropped
            self._dropped |= found
        if new:
            _log.warning("the server takes no %s (%s): sent without", " and ".join(sorted(new)), said)
        return bool(found)


def refused_fields(answer: Answer, payload: Mapping[str, Any], body: Mapping[str, Any]) -> frozenset[str]:
    """Fields of the request `body`, the prompt aside, that the answer says the server does not take.

    By the error's own `param` or `loc`, else by its words, where they name the field: a name that is also an
    everyday word (size, quality) only in quotation marks.
    """
    if answer.status not in (400, 422) or is_refusal(payload.get("error")):
        return frozenset()
    names = body.keys() - {"prompt", "model"}
    named = {str(name) for name in _named(payload)} & names
    if named:
        return frozenset(named)
    text = str(payload.get("error") or payload.get("detail") or "").replace(str(body.get("prompt")), "")
    if not _UNKNOWN.search(text):
        return frozenset()
    return frozenset(name for name in names if _mention(name).search(text))


def _mention(name: str) -> re.Pattern[str]:
    own_word = name == "seed" or "_" in name
    return re.compile(rf"\b{re.escape(name)}\b" if own_word else rf"""['"`]{re.escape(name)}\\?['"`]""")


def _named(payload: Mapping[str, Any]) -> Iterable[Any]:
    """Names of fields as OpenAI's errors (`param`) and FastAPI's (`detail`, `loc`) hold them."""
    error, detail = payload.get("error"), payload.get("detail")
    if isinstance(error, dict):
        yield error.get("param")
    for problem in detail if isinstance(detail, list) else ():
        place = problem.get("loc") if isinstance(problem, dict) else None
        if isinstance(place, list) and len(place) >= 2:
            yield place[1]


def told(payload: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer holds beside its image: stage times, memory, usage, size ...; cut where it is long."""
    beside = {name: value for name, value in payload.items() if name not in _ANSWER_FIELDS}
    beside |= {name: value for name, value in item.items() if name not in _IMAGE_FIELDS}
    kept = {
        name: value for name, value in list(beside.items())[:_MOST_FIELDS] if value not in (None, "", {}, [])
    }
    return {plain_text(name, 100): _limited(value, _DEEPEST) for name, value in kept.items()}


def plain_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """A server's text as any database takes it: no NUL, no half of a surrogate pair, not too long."""
    clean = text.replace("\0", "").encode(errors="replace").decode()
    return clean if len(clean) <= longest else f"{clean[: longest - 3]}..."


def _limited(value: Any, deep: int) -> Any:
    if isinstance(value, str):
        return plain_text(value, _LONGEST_FIELD)
    if isinstance(value, (dict, list)) and not deep:
        return "..."
    if isinstance(value, dict):
        pairs = list(value.items())[:_MOST_FIELDS]
        return {plain_text(name, 100): _limited(inner, deep - 1) for name, inner in pairs}
    if isinstance(value, list):
        return [_limited(inner, deep - 1) for inner in value[:_MOST_FIELDS]]
    # JSON of other programs may hold NaN, ours may not.
    return value if not isinstance(value, float) or abs(value) < float("inf") else str(value)


def rewriting(
    prompt: str, body: Mapping[str, Any], payload: Mapping[str, Any], item: Mapping[str, Any]
) -> dict[str, str]:
    """Provenance of what the server made of the prompt; empty where it does not say.

    A revised prompt that is the prompt itself is none: SGLang always gives the prompt it used. Text that the
    model wrote before it drew (vLLM-Omni's `cot_output`) is the model's own rewriting.
    """
    revised, thought = item.get("revised_prompt"), payload.get("cot_output")
    if isinstance(thought, str) and thought.strip():
        return {"prompt_rewriting": "model", "rewritten_prompt": plain_text(thought)}
    if isinstance(revised, str) and revised:
        if revised.strip() == prompt.strip():
            return {"prompt_rewriting": "none"}
        return {"prompt_rewriting": "external", "rewritten_prompt": plain_text(revised)}
    return {"prompt_rewriting": "external"} if any(body.get(name) for name in _REWRITERS) else {}


def peak_memory(payload: Mapping[str, Any]) -> int | None:
    """Bytes of GPU memory at the most, by the server's word: `peak_memory_mb`, or the one in `metrics`."""
    metrics = payload.get("metrics")
    for place in (payload, metrics if isinstance(metrics, dict) else {}):
        value = place.get("peak_memory_mb")
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 2**30:
            return int(value * 2**20)
    return None
