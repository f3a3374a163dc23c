"""Files of other projects, which are not ours to hand on: tests use them where somebody has put them."""

from pathlib import Path

import pytest

FOREIGN = Path(__file__).resolve().parents[2].parent / "shared" / "data"
"""Beside the checkout: shared/data."""


def needs(path: Path, what: str) -> pytest.MarkDecorator:
    """Skip where there is no `path` (below FOREIGN); `what` says what it is and whose."""
    where = path.relative_to(FOREIGN.parent.parent)
    reason = f"NO FILE of another project: {what}; put it beside the checkout, at ../{where}"
    return pytest.mark.skipif(not path.exists(), reason=reason)
