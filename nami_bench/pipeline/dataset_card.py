"""The card of a dataset folder, for people, and what its Croissant file says of the whole, for programs."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from nami_bench import __version__
from nami_bench.domain import SIMULATED_PREFIX, CheckKind, Study
from nami_bench.export.croissant import About, DescribedFile
from nami_bench.export.dataset_columns import columns_of
from nami_bench.export.markup import markdown_text

if TYPE_CHECKING:
    from nami_bench.pipeline.dataset_folder import DatasetContent

_SIZES = ((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K"), (1e6, "100K<n<1M"), (1e7, "1M<n<10M"))
_ROWS = {
    "ratings": "a value given or withheld",
    "comparisons": "a verdict given or withheld",
    "rankings": "an image in a trial, or of best and worst a trial",
    "answers": "an answer, or a question not asked",
    "marks": "a region of an image that was marked, or (with words) a look at an image",
    "adjudications": "what an adjudicator decided about an item by one criterion; no rating was changed",
    "prompts": "a prompt",
    "images": "an image that was to be made",
}
_HUB_LICENCES = {
    "apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0",
    "cc-by-nc-nd-4.0", "cc-by-nd-4.0", "odbl", "odc-by", "pddl", "cdla-permissive-2.0", "cdla-sharing-1.0",
}  # fmt: skip
"""Those of the hub's names that are of data; any other licence is "other" there, with its name."""


def described_files(folder: Path, kind: str) -> list[DescribedFile]:
    """The files of a dataset folder with their columns; `kind`: what the judgements are."""
    found = []
    for path in sorted((folder / "data").iterdir()):
        config = "images" if path.name.startswith("images-") else path.stem
        found.append((config, path))
    parts = Counter(config for config, _ in found)
    order = [kind, "marks", "adjudications", "prompts", "images"]
    found.sort(key=lambda one: (order.index(one[0]), one[1].name))
    return [
        DescribedFile(
            config if parts[config] == 1 else path.stem,
            path.relative_to(folder).as_posix(),
            _ROWS[config],
            columns_of(path),
        )
        for config, path in found
    ]


def consent_in_words(study: Study) -> str:
    """What people agreed to before anything was recorded of them, as far as the study says."""
    if study.entry is None:
        return (
            "Annotators had accounts; what they agreed to was settled with them by the study's owner and is "
            "not recorded here."
        )
    consent = study.entry.consent
    hashes = ", ".join(f"{tag} (sha256 {consent.sha256(tag)})" for tag in consent.texts)
    until = consent.delete_until
    said = (
        f"Everybody agreed to the study's consent text, version {consent.version}, in one of these "
        f"languages, before anything was recorded of them: {hashes}. The "
        "texts are in the study's configuration."
    )
    if until is not None:
        said += f" Who withdrew until {until.date()} could have everything deleted."
    return f"{said} Who withdrew and asked for it is not in these data."


def croissant_about(content: "DatasetContent") -> About:
    """What the Croissant file says of the whole."""
    people = "under pseudonyms" if content.is_pseudonymous else "BY NAME"
    days = "days" if content.whole_days else "times to the second"
    latest = content.latest or datetime.now(UTC)
    return About(
        name=content.study.name,
        description=(
            f"Human {content.kind} of images of {len(content.study.models)} text-to-image models: "
            f"{content.count} judgements, study {content.study.name}."
        ),
        version="1.0.0",
        licence=content.licence,
        personal=(
            f"Judgements of people {people}, with {days}; no platform ids, no answers about the person, no "
            "comments."
        ),
        collected=f"Annotation study with NAMI-Bench {__version__}. {content.consent}",
        published=latest.date(),
    )


def dataset_card(content: "DatasetContent", files: Sequence[DescribedFile], *, with_images: bool) -> str:
    """README.md: YAML front matter, and what the data are, who made them, and under which terms."""
    environment = Environment(
        loader=PackageLoader("nami_bench.export"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    names, judged, licence = content.annotators, content.judged, content.licence
    return environment.get_template("dataset_card.md").render(
        study=content.study,
        models=content.study.models,
        annotators=len(names),
        simulated=sum(name.startswith(SIMULATED_PREFIX) for name in names),
        answers=content.count,
        kind=content.kind,
        images=len(judged),
        prompts=len({prompt for prompt, _, _ in judged}),
        size=next((name for below, name in _SIZES if content.count < below), "n>10M"),
        prompt_set=content.prompt_set,
        with_images=with_images,
        pseudonymous=content.is_pseudonymous,
        whole_days=content.whole_days,
        left_out=content.left_out,
        decisions=len(content.decisions),
        files=files,
        licence=licence,
        hub_licence=None if licence is None else _hub_licence(licence),
        consent=content.consent,
        checks=list(_checks(content)),
        version=__version__,
        text=markdown_text,
        quoted=_json,
    )


def _hub_licence(licence: str) -> str:
    return licence.lower() if licence.lower() in _HUB_LICENCES else "other"


def _checks(content: "DatasetContent") -> Iterator[str]:
    """What was done for the judgements' quality, a sentence each."""
    checks, planted = content.study.checks, Counter(item.kind for item in content.study.check_items)
    words = {
        CheckKind.TRAINING: "examples before the work",
        CheckKind.QUALIFICATION: "items of a test before the work",
        CheckKind.GOLD: "items with a known answer among the others",
    }
    for kind, what in words.items():
        if planted[kind]:
            yield f"{planted[kind]} {what}"
    if checks.gold_every:
        yield f"one item with a known answer in {checks.gold_every}"
    if checks.repeat_every:
        yield f"one item again in {checks.repeat_every}"
    if checks.gold_pass:
        yield f"whoever passed less than {checks.gold_pass:.0%} of the last {checks.gold_window} was paused"
    if checks.fastest_ms:
        yield f"whoever was mostly faster than {checks.fastest_ms} ms was paused"
    yield f"{content.screened} annotators were paused or excluded"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
