"""Numbers in sentences."""

import pytest

from nami_bench.domain.english import with_interval


@pytest.mark.parametrize(
    ("numbers", "more", "shown"),
    [
        ((None, 0.1, 0.2), {}, None),
        ((0.625, None, None), {}, "0.62"),
        ((0.62, 0.55, 0.694), {}, "0.62 [0.55, 0.69]"),
        ((-0.001, -0.1, 0.1), {}, "0.00 [-0.10, 0.10]"),
        ((0.5, None, 0.9), {}, "0.50 […, 0.90]"),
        ((1.0, -2.0, 4.0), {"decimals": 1, "sign": "+"}, "+1.0 [-2.0, +4.0]"),
    ],
)
def test_an_interval_stands_in_brackets_after_its_number(
    numbers: tuple[float | None, ...], more: dict[str, object], shown: str | None
) -> None:
    assert with_interval(*numbers, **more) == shown  # type: ignore[arg-type]
