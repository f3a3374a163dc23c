"""A site of two studies, built once for tests that change nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nami_bench.config import Workspace
from nami_bench.evaluation.leaderboard.rows import Precision
from nami_bench.site.build import Built, SiteOptions, build_site
from tests.support.site_study import site_workspace

QUICK = Precision(replicates=60)


@dataclass(frozen=True)
class Made:
    """The workspace, and its site in `folder`."""

    workspace: Workspace
    folder: Path
    built: Built


@pytest.fixture(scope="module", autouse=True)
def few_resamples() -> Iterator[None]:
    """Of the audit's intervals: their widths are no subject of a site's tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nami_bench.evaluation.audit.statistics.RESAMPLES", 40)
        patch.setattr("nami_bench.evaluation.audit.weighted_ranks.RESAMPLES", 40)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, few_resamples: None) -> Made:
    root = tmp_path_factory.mktemp("site")
    workspace = site_workspace(root / "bench")
    options = SiteOptions(precision=QUICK, pixels=320)
    return Made(workspace, root / "pages", build_site([workspace.root], root / "pages", options))
