"""`nami_bench.compare`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nami_bench.analysis.shown import Shown
from nami_bench.analysis.sources import Names, Place, check_least, named, workspace_of
from nami_bench.errors import InputError
from nami_bench.evaluation.variant.changes import MOST_LISTED
from nami_bench.evaluation.variant.results import PairedDifference, VariantComparison
from nami_bench.evaluation.variant.savings import WARMUP
from nami_bench.export.html import tables_fragment
from nami_bench.export.text import TextTable
from nami_bench.export.variant_page import variant_html
from nami_bench.export.variant_text import (
    changes_table,
    variant_csv,
    variant_notes,
    variant_rows,
    variant_tables,
)
from nami_bench.pipeline.variant import Asked, compare_variant, paired_images
from nami_bench.store import Store


@dataclass(frozen=True, repr=False)
class ComparisonResult(Shown):
    """A variant beside its base; `comparison` holds everything as plain values.

    `images_dir`: where the pictures lie, for the page that `save` writes.
    """

    comparison: VariantComparison
    images_dir: Path

    @property
    def sentence(self) -> str:
        """The answer in a line: "5.1 times as fast; geneval not worse by more than 0.02, 95 %"."""
        return self.comparison.sentence

    @property
    def differences(self) -> tuple[PairedDifference, ...]:
        """One for each metric, and each criterion of a study: with interval, test and `is_shown`."""
        return self.comparison.differences

    @property
    def heading(self) -> str:
        """The models, and the answer in a line."""
        found = self.comparison
        return f"{found.variant} beside {found.base}: {found.sentence}"

    @property
    def tables(self) -> tuple[TextTable, ...]:
        """What the variant saves, what that costs, and the pictures that changed most."""
        changed = [changes_table(self.comparison)] if self.comparison.changes.pairs else []
        return (*variant_tables(self.comparison), *changed)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the numbers rest on, and what must be said about them."""
        return tuple(variant_notes(self.comparison))

    def to_frame(self) -> pd.DataFrame:
        """A row for each difference, and for time and memory, in the columns of the CSV file."""
        return pd.DataFrame(variant_rows(self.comparison))

    def to_html(self) -> str:
        """A part of a page: all tables and the notes, without pictures."""
        return tables_fragment(self.heading, self.tables, self.notes, folded=False)

    def to_json(self) -> dict[str, Any]:
        """The document that the command prints with `--json`, as plain values."""
        return self.comparison.to_json()

    def to_csv(self) -> str:
        """The CSV file's text."""
        return variant_csv(self.comparison).decode()

    def _forms(self) -> Mapping[str, Callable[[Path], Mapping[Path, bytes]]]:
        page = {".html": lambda path: {path: variant_html(self.comparison, self.images_dir)}}
        return {**super()._forms(), **page}


def compare(
    base: str,
    variant: str,
    *,
    prompts: str | None = None,
    margin: Mapping[str, float] | None = None,
    study: Names = (),
    without: Names = (),
    level: float = 0.95,
    warmup: int = WARMUP,
    changes: int = MOST_LISTED,
    workspace: Place | None = None,
) -> ComparisonResult:
    """What a variant of a model saves, and what that costs, as `nami-bench compare` computes it.

    Both are models of a workspace, with images of the same prompts, samples and seeds; these are paired.
    Time and memory, paired tests of every recorded metric and of people's judgements with prompts as the
    sample, whether the variant is not worse by more than a margin, and the pictures that changed most.

    `prompts`: the set; by default the only one of which both have images. `margin`: by metric or criterion,
    by how much the variant may be worse, in its own units (people's scores: 0 to 100; shares of verdicts: 0
    to 1). `study`: only these; by default all that show both models. `without`: annotators who do not count.
    `level`: of intervals and margins, in (0, 1). `warmup`: so many first images of a model do not count in
    its speed, where its generator did not record which were made warm. `changes`: so many pairs of pictures
    are listed; 0: pictures are not read. `workspace`: None for the one that a command in this folder would
    take.

    Raises InputError for bad input, and UnknownNameError, which is one, for a name that nothing answers to.
    """
    check_least("warmup", warmup, 0)
    check_least("changes", changes, 0)
    if isinstance(margin, str):
        raise InputError("margin is a mapping from metrics and criteria to losses, as {'geneval': 0.02}")
    asked = Asked(dict(margin or {}), prompts, named(study), named(without), level, warmup, changes)
    place = workspace_of(workspace)
    with Store.open(place.database_url) as store:
        pairs = paired_images(store, base, variant, prompts)
        return ComparisonResult(compare_variant(store, place.images_dir, pairs, asked), place.images_dir)
