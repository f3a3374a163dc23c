"""What a report shows of marks."""

from pathlib import Path

import pytest
from PIL import Image

from nami_bench.annotator_app.simulate import simulate_ratings
from nami_bench.domain import Criterion, Marking, MarkKind, ModelCard, Prompt, PromptSet, Study
from nami_bench.evaluation.leaderboard.rows import Precision
from nami_bench.report.contents import collect
from nami_bench.report.write import write_report
from nami_bench.store import Store
from tests.support.databases import new_sqlite
from tests.support.studies import put_image


@pytest.mark.slow
def test_a_report_shows_the_marks_of_its_study(tmp_path: Path) -> None:
    prompt = Prompt("00000", "two <b>stars</b>", "short")
    with Store.open(new_sqlite(tmp_path / "nami.db")) as store:
        store.catalog.add_prompt_set(PromptSet("set", (prompt,)))
        for model in ("alpha", "beta"):
            store.catalog.add_model(ModelCard(model, "folder"))
            put_image(store, tmp_path / "images", model, "set", prompt.id, Image.new("RGB", (64, 48), "gray"))
        marking = Marking((MarkKind("artifact"),), words=True)
        study = Study("s", "set", ("alpha", "beta"), (Criterion("truth", 1),), overlap=3, marks=marking)
        store.studies.add(study)
        simulate_ratings(store, tmp_path / "images", study, 3, lambda image, _: {"truth": 0.0})
        contents = collect(store, Precision(replicates=100))
        write_report(tmp_path / "report", contents, store.catalog.models(), tmp_path / "images")
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert 'id="marks"' in page and "by chance" in page and "&lt;b&gt;" in page and "<b>stars" not in page
    drawn = sorted(path.name for path in (tmp_path / "report" / "marks").iterdir())
    assert drawn == ["artifact-001.png", "artifact-002.png"]
    with Image.open(tmp_path / "report" / "marks" / drawn[0]) as picture:
        assert picture.size == (427, 320)
