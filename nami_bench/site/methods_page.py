"""What was measured by what: protocol, prompts, models, instruments, commands, and the data to take home."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from nami_bench.domain import Criteria, ImageState
from nami_bench.domain.study import Study
from nami_bench.evaluation.geneval.published import standing
from nami_bench.evaluation.leaderboard.automatic import GENEVAL
from nami_bench.evaluation.leaderboard.rows import Leaderboard
from nami_bench.export.sections import notes
from nami_bench.export.text import TextTable, model_tables
from nami_bench.report.tables import screening_rules
from nami_bench.site.contents import Section
from nami_bench.site.downloads import Download
from nami_bench.site.pages import Site
from nami_bench.software import software

_ASKED = {
    "rating": "rated single images",
    "pairwise": "compared two images of a prompt",
    "ranking": "put several images of a prompt in order",
    "best_worst": "chose the best and the worst of several images",
    "questions": "answered questions about images",
}


def methods_page(site: Site, section: Section, files: Sequence[Download]) -> bytes:
    """The page; `files` are the section's downloads."""
    run_file = section.run_file
    study = section.study
    values = {
        "people": section.board.annotators,
        "simulated": section.board.simulated_annotators,
        "study": study,
        "asked": "" if study is None else _ASKED.get(str(study.mode), str(study.mode)),
        "criteria": [] if study is None or study.mode == "questions" else list(study.criteria),
        "total": "" if not section.board.criteria else Criteria.of(section.board.criteria).in_words(),
        "rules": [] if study is None else list(screening_rules(study)),
        "instructions": "" if study is None else study.instructions.get("en", ""),
        "prompts": _prompts(section),
        "model_tables": [*model_tables(section.board), _made(section)],
        "instruments": _instruments(section.board),
        "notes": notes(section.board),
        "software": _software(),
        "commands": list(_commands(section, study, run_file is not None)),
        "files": [(file.name, file.words, _size(len(file.data))) for file in files],
        "data": f"data/{section.folder}",
        "run_file": run_file,
    }
    return site.render(section, "methods", site.address(section, "methods"), **values)


def _prompts(section: Section) -> list[tuple[str, str]]:
    prompts = section.prompt_set
    strata = Counter(prompt.stratum for prompt in prompts.prompts)
    found = [
        ("name", prompts.name),
        ("prompts", f"{len(prompts)} ({', '.join(f'{count} {name}' for name, count in strata.items())})"),
        ("canonical sha256", prompts.sha256),
    ]
    if prompts.file is not None:
        found.append((prompts.file.name, f"sha256 {prompts.file.sha256}"))
    if prompts.rewritten:
        found.append(("rewritten", f"{prompts.rewritten} of {len(prompts)}"))
    return found


def _made(section: Section) -> TextTable:
    rows = []
    for model in section.models:
        states = Counter(record.state for record in section.records if record.model == model)
        sizes = Counter(
            f"{r.width}×{r.height}" for r in section.records if r.model == model and r.width and r.height
        )
        shown = ", ".join(size for size, _ in sizes.most_common(3))
        rows.append((model, *(str(states[state]) for state in ImageState), shown))
    columns = ("model", *(state.value for state in ImageState), "pixels")
    return TextTable("Images", columns, tuple(rows), frozenset(columns[1:4]), frozenset(columns[:1]))


def _instruments(board: Leaderboard) -> list[dict[str, Any]]:
    """Every automatic column: by what, on what, with which software, on which device, when."""
    found = []
    for one in board.instruments:
        made = one.measured_with
        days = dict.fromkeys(f"{day:%Y-%m-%d}" for day in (made.first, made.last) if day)
        facts = {
            "prompt set": one.prompt_set,
            "instrument": one.instrument,
            "scores": f"{one.scores:,}",
            "software": ", ".join(f"{name} {' and '.join(v)}" for name, v in made.software.items()),
            "computed in": ", ".join(made.dtypes),
            "on": ", ".join(made.devices),
            "days": " to ".join(days),
            "standing": str(standing(one.instrument)) if one.metric == GENEVAL else "",
        }
        found.append({"metric": one.metric, "facts": [(k, v) for k, v in facts.items() if v]})
    return found


def _software() -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in software().items() if isinstance(value, str)]


def _commands(section: Section, study: Study | None, has_run_file: bool) -> Iterator[tuple[str, str]]:
    """(what it does, the command) pairs: from the run file, from the workspace, from the downloads alone."""
    if has_run_file:
        yield "make all of it again", "nami-bench run run.toml"
    if study is None:
        metrics = dict.fromkeys(column.metric for column in section.board.automatic)
        for metric in metrics:
            yield (
                f"score images by {metric}",
                f"nami-bench evaluate {metric} --prompts {section.prompt_set.name}",
            )
        yield "the board", f"nami-bench leaderboard{_precision(section)}"
        return
    if study.images_shown > 1:
        yield "the board", f"nami-bench strengths --study {study.name}"
        kind = "rankings" if study.is_ranked else "comparisons"
        yield "the board, from the downloads alone", f"nami-bench strengths --comparisons {kind}.csv"
        return
    if study.mode == "questions":
        yield "how far people agree", f"nami-bench agreement --study {study.name}"
        yield "judges beside people", f"nami-bench evaluate --audit --study {study.name}"
        return
    yield "the board", f"nami-bench leaderboard --study {study.name}{_precision(section)}"
    prompts = f"--prompts {section.prompt_set.name}.jsonl"
    alone = f"nami-bench leaderboard --ratings ratings.csv {prompts}{_precision(section)}"
    yield "human scores, from the downloads alone", alone
    yield "metrics beside people", f"nami-bench evaluate --audit --study {study.name}"


def _precision(section: Section) -> str:
    """The options of intervals and tests that are not the usual ones."""
    precision = section.board.precision
    if precision is None:
        return ""
    given = {
        "--intervals": (precision.method, "crossed"),
        "--over": (precision.over, "both"),
        "--level": (f"{precision.level:g}", "0.95"),
        "--replicates": (str(precision.replicates), "1000"),
        "--seed": (str(precision.seed), "0"),
        "--correction": (precision.correction, "holm"),
    }
    return "".join(f" {name} {value}" for name, (value, usual) in given.items() if value != usual)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(count / 1e3, 0.1):.1f} KB"
