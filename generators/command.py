"""Any program that reads a prompt file and writes images: systems with a code base of their own."""

import json
import os
import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from nami_bench.domain import ImageState, Prompt, prompt_id
from nami_bench.errors import GenerationError, InputError, one_line
from nami_bench.generators.command_files import command_files
from nami_bench.generators.folder import FolderGenerator
from nami_bench.generators.process_group import run_group
from nami_bench.generators.protocol import GenerationRequest, GenerationResult

_PLACEHOLDER = re.compile(r"\{(prompts|output|samples|seed)\}")
_TAIL_BYTES = 4000
_TAIL_LINES = 5
_LONGEST_WORDS = 300
_LONGEST_REASON = 600


class CommandGenerator:
    """Runs a program once for each batch, and takes the images that it leaves in a folder.

    `{prompts}` in the command is the prompt file, `{output}` an empty folder. In the format `jsonl`, each
    line is one image, and says what it is to be called:

        {"id": "00007", "prompt": "a red fox", "sample": 2, "seed": 123, "file": "00007_2.png"}

    In the formats `txt` (the prompt) and `geneval` (GenEval's metadata line), a line is known by its
    number, from 0. With `{samples}` in the command each prompt is there once, and that many images of each
    are expected; without it each line is one image. The image of line 3, sample 1 is 00003/samples/0001.png
    (GenEval's layout) or 00003_1.png; sample 0 is also 00003.png.

    `{seed}` is the seed of the batch's first image: with it, images depend on how the run was cut into
    batches. Seeds are given as their low 31 bits, which every program takes.

    Images that a failed program has finished are kept; the others fail with how it ended and what it said
    last. Interrupted, the program is ended, and what it has finished is yielded first. An image's `seconds`
    are the program's time, loading included, over the images it made.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """What is run and how.

        `command`: the program and its arguments with {prompts} and {output}; no shell reads it.
        `format`: of the prompt file. `workdir`: the folder it runs in. `timeout`: seconds for one batch,
        None for no limit. `batch_size`: most images of one run of the program.
        """

        command: str
        format: Literal["jsonl", "txt", "geneval"] = "jsonl"
        workdir: Path = Path()
        timeout: float | None = None
        batch_size: int = 64

        def __post_init__(self) -> None:
            if self.batch_size < 1:
                raise InputError(f"generator 'command': batch_size {self.batch_size} is not positive")
            if self.timeout is not None and not 0 < self.timeout < 10**7:
                raise InputError(f"generator 'command': timeout {self.timeout:g} is not a number of seconds")

    def __init__(self, options: Options) -> None:
        """Raises InputError for a command that cannot be run as it stands."""
        self.options = options
        self.batch_size = options.batch_size
        self._workdir = options.workdir.resolve()
        self._template = _parse_command(options, self._workdir)

    def describe(self) -> Mapping[str, Any]:
        """Adapter, command, format, and the files that the command names, by their hashes.

        See `nami_bench.generators.command_files`. The folder it runs in is in each image's provenance.
        """
        asked = self.options
        files = command_files(self._template, self._workdir)
        return {"adapter": "command", "command": asked.command, "format": asked.format, "files": files}

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        """Run the program on `requests`; yield one file, or failure, for each.

        The files live until the next result is asked for. Raises GenerationError where the program cannot
        be started.
        """
        with tempfile.TemporaryDirectory(prefix="nami-bench-", ignore_cleanup_errors=True) as folder:
            file_name = "prompts.txt" if self.options.format == "txt" else "prompts.jsonl"
            prompts, output, log = (Path(folder) / name for name in (file_name, "images", "log"))
            output.mkdir()
            lines, wanted = _plan(requests, self.options.format, self._repeats)
            prompts.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
            interrupt = None
            started = time.perf_counter()
            try:
                ending = self._run(self._arguments(prompts, output, requests), log)
            except KeyboardInterrupt as error:
                interrupt, ending = error, "was interrupted"
            seconds = time.perf_counter() - started
            results = _collect(requests, wanted, output, f"the command {ending}{_last_words(log)}")
            made = sum(result.state is ImageState.DONE for result in results)
            for result in results:
                if result.state is ImageState.DONE:
                    where = {**result.provenance, "workdir": str(self._workdir), "images_of_this_run": made}
                    yield replace(result, seconds=seconds / made, provenance=where)
                elif interrupt is None:
                    yield result
            if interrupt is not None:
                raise interrupt

    @property
    def _repeats(self) -> bool:
        """Whether the program makes several images of a line."""
        return any("{samples}" in part for part in self._template)

    def _arguments(self, prompts: Path, output: Path, requests: Sequence[GenerationRequest]) -> list[str]:
        values = {
            "prompts": str(prompts),
            "output": str(output),
            "samples": str(1 + max(request.sample for request in requests)),
            "seed": str(_seed(requests[0])),
        }
        return [_PLACEHOLDER.sub(lambda match: values[match[1]], part) for part in self._template]

    def _run(self, arguments: Sequence[str], log: Path) -> str:
        try:
            return run_group(arguments, self._workdir, log, self.options.timeout)
        except OSError as error:
            raise GenerationError(f"cannot start {arguments[0]}: {error.strerror or error}") from error


def _parse_command(options: CommandGenerator.Options, workdir: Path) -> list[str]:
    where = "generator 'command'"
    if not workdir.is_dir():
        raise InputError(f"{where}: workdir {workdir} is not a folder")
    try:
        parts = shlex.split(options.command)
    except ValueError as error:
        raise InputError(f"{where}: the command cannot be split into words: {error}") from error
    used = {match[1] for part in parts for match in _PLACEHOLDER.finditer(part)}
    if missing := {"prompts", "output"} - used:
        names = " and ".join(f"{{{name}}}" for name in sorted(missing))
        raise InputError(f"{where}: the command must say where {names} goes")
    if "samples" in used and options.format == "jsonl":
        raise InputError(f"{where}: in the format jsonl each line is one image; take {{samples}} out")
    program = str(workdir / parts[0]) if "/" in parts[0] else parts[0]
    if shutil.which(program) is None:
        raise InputError(f"{where}: there is no program {program} that can be run on this machine")
    return parts


def _plan(
    requests: Sequence[GenerationRequest], format: str, repeats: bool
) -> tuple[list[str], list[GenerationRequest]]:
    """The prompt file's lines and, for each request, the name its image is to be found under.

    Such a name is a request itself, whose prompt's id is what the program calls the prompt.
    """
    if format == "jsonl":
        return [_json_line(request) for request in requests], list(requests)
    lines: dict[tuple[str, int], Prompt] = {}
    wanted = []
    for request in requests:
        key = (request.prompt.id, 0 if repeats else request.sample)
        text = " ".join(request.prompt.text.splitlines()) if format == "txt" else request.prompt.text
        named = lines.setdefault(key, replace(request.prompt, id=prompt_id(len(lines)), text=text))
        wanted.append(replace(request, prompt=named, sample=request.sample if repeats else 0))
    if format == "txt":
        return [prompt.text for prompt in lines.values()], wanted
    return [json.dumps(prompt.metadata()) for prompt in lines.values()], wanted


def _json_line(request: GenerationRequest) -> str:
    line = {
        "id": request.prompt.id,
        "prompt": request.prompt.text,
        "sample": request.sample,
        "seed": _seed(request),
        "file": f"{request.prompt.id}_{request.sample}.png",
    }
    return json.dumps(line)


def _seed(request: GenerationRequest) -> int:
    return request.seed % 2**31


def _collect(
    requests: Sequence[GenerationRequest], wanted: Sequence[GenerationRequest], output: Path, ending: str
) -> list[GenerationResult]:
    """A result for each request: the file of its `wanted` name, or why there is none."""
    output.mkdir(exist_ok=True)  # a program that tidies up may have taken it away
    finder = FolderGenerator(FolderGenerator.Options(path=output))
    results = []
    for request, result in zip(requests, finder.generate(wanted), strict=True):
        reason = result.reason
        if reason is not None:
            reason = one_line(f"{ending}; {reason.replace(str(finder.root), '{output}')}", _LONGEST_REASON)
        results.append(replace(result, request=request, reason=reason))
    return results


def _last_words(log: Path) -> str:
    """What the program said last, in brackets."""
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        text = file.read().decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = one_line(" | ".join(lines[-_TAIL_LINES:]), _TAIL_BYTES)[-_LONGEST_WORDS:]
    return f" ({said})" if said else ""
