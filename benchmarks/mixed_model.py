"""The test of two equal models beside the right mixed model: R's lme4 and lmerTest (REML, Satterthwaite).

    apt-get install r-cran-lmertest
    python -m benchmarks.mixed_model --studies 200 -o docs/results/statistics

Writes mixed-model.json there: how often each is significant at 5 %, and how wide its intervals are. R takes
some tenths of a second a study.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.ratings_statistics import machine, versions
from benchmarks.simulated_studies import Design, simulate
from nami_bench.evaluation.human.comparisons import compare_models
from nami_bench.evaluation.human.ratings_array import RatingsArray

DESIGNS = (
    Design("normal", 5, 60),
    Design("normal", 8, 48, 3),
    Design("normal", 20, 100, 2, panel="spread"),
    Design("normal", 5, 48, 1),
    Design("normal", 5, 48, 1, panel="spread"),
    Design("noise", 5, 40, 1, panel="spread"),
    Design("severity", 5, 48, None, 0.6),
    Design("normal", 8, 30, 3, 0.3, "spread"),
    Design("half", 20, 48, 1.1, panel="spread"),
)
_SCRIPT = Path(__file__).with_suffix(".R")


def compare(design: Design, studies: int, seed: int = 0) -> dict[str, Any]:
    """Both on the same studies: of two models, and ours also with four others that tell of the prompts."""
    rng = np.random.default_rng([seed, *str(design).encode()])
    drawn = [simulate(design, rng, models=6) for _ in range(studies)]
    six = [compare_models(ratings) for ratings in drawn]
    pairs = [ratings.of_models(ratings.models[:2]) for ratings in drawn]
    two = [compare_models(ratings) for ratings in pairs]
    theirs = _mixed_models(pairs)
    return {
        "design": str(design),
        "studies": studies,
        "two_models": _figures([(d.p_value[0, 1], d.half_width[0, 1]) for d in two]),
        "two_of_six_models": _figures([(d.p_value[0, 1], d.half_width[0, 1]) for d in six]),
        "mixed_model_of_two": _figures(list(zip(theirs["p"], theirs["half"], strict=True))),
    }


def _figures(found: list[tuple[float, float]]) -> dict[str, float]:
    p, half = np.array(found).T
    return {"five_percent": float(np.mean(p < 0.05)), "half_width": float(np.median(half))}


def _mixed_models(pairs: list[RatingsArray]) -> pd.DataFrame:
    table = pd.concat(
        pd.DataFrame({
            "study": f"{number:05d}",
            "model": np.array(ratings.models)[ratings.model],
            "prompt": np.array(ratings.prompts)[ratings.prompt],
            "annotator": np.array(ratings.annotators)[ratings.annotator],
            "value": ratings.values[:, 0],
        })
        for number, ratings in enumerate(pairs)
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ratings.csv"
        table.to_csv(path, index=False)
        done = subprocess.run(
            ["Rscript", _SCRIPT, path], check=True, stdout=subprocess.PIPE, text=True, cwd=folder
        )
    rows = [line.split(",") for line in done.stdout.splitlines()]
    return pd.DataFrame(rows, columns=["study", "difference", "df", "p", "half"]).astype(
        {"p": float, "half": float}
    )


def _r_versions() -> dict[str, str]:
    code = "for (n in c('base', 'lme4', 'lmerTest')) cat(n, as.character(packageVersion(n)), fill = TRUE)"
    done = subprocess.run(["Rscript", "-e", code], check=True, capture_output=True, text=True)
    found = dict(line.split() for line in done.stdout.splitlines())
    return {"R": found.pop("base"), **found}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("-o", "--output", type=Path, help="folder for mixed-model.json")
    arguments = parser.parse_args()
    found = []
    for design in DESIGNS:
        found.append(compare(design, arguments.studies))
        print(json.dumps(found[-1]), flush=True)
    ours = {name: version for name, version in versions().items() if name in ("numpy", "scipy")}
    report = {
        "command": f"python -m benchmarks.mixed_model --studies {arguments.studies}",
        "machine": machine(),
        "versions": {**ours, **_r_versions()},
        "designs": found,
    }
    if arguments.output:
        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / "mixed-model.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
