"""The line of the doctor that tells of weights."""

from pathlib import Path

from nami_bench.doctor.finding import Status
from nami_bench.doctor.weights import weights
from nami_bench.neural.needed_weights import Needed


class Part:
    def __init__(self, *files: str) -> None:
        self.found = [Path(file) for file in files]

    def files(self) -> list[Path]:
        return self.found


def test_it_names_what_is_here_in_part_and_missing() -> None:
    found = weights(
        [
            Needed("metric", "whole", (Part("a"), Part("b")), ""),  # type: ignore[arg-type]
            Needed("metric", "half", (Part("a"), Part()), ""),  # type: ignore[arg-type]
            Needed("judge", "none", (Part(),), ""),  # type: ignore[arg-type]
            Needed("detector", "shapes", (), "it needs none"),
        ]
    )
    assert found.status is Status.OK
    assert found.found == "here: whole; in part: half; missing: none"
    assert "weights fetch" in found.remedy
    assert weights([Needed("detector", "shapes", (), "")]).remedy == ""
