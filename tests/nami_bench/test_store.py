import sqlite3
import threading
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from nami_bench.domain import (
    Annotator,
    Criterion,
    ImageRecord,
    ImageState,
    ModelCard,
    Prompt,
    PromptFile,
    PromptSet,
    Rating,
    Role,
    Score,
    SetScore,
    Study,
)
from nami_bench.errors import InputError, StorageError, UnknownNameError, VersionError
from nami_bench.store import Store
from nami_bench.store.database import Database

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PROMPTS = PromptSet(
    "set",
    (
        Prompt(
            "00000", "a red dog", "short", "geneval", {"task": "colors"}, {"tag": "colors", "include": []},
            rewritten_from="a photo of a red dog", extra={"index": 7, "notes": {"by": ["x", None]}},
        ),
        Prompt("00001", "un été à Paris", "community", "people", {"category": "city"}),
    ),
    manifest={"seed": 1},
    file=PromptFile("mine.jsonl", "ab" * 32),
)  # fmt: skip
MODEL = ModelCard("model", "shapes", {"error_rate": "0.5"}, 2_117_643_840, "MIT", first_name="draft")
STUDY = Study(
    "study",
    "set",
    ("model",),
    (Criterion("relevance", 0.6, 0, 100, {0: "none", 100: "all"}), Criterion("beauty", 0.4, 1, 5)),
    overlap=2,
    seed=9,
    instructions={"en": "Look closely."},
)


def image(prompt_id: str = "00000", sample: int = 0, **changes: object) -> ImageRecord:
    values: dict[str, object] = {
        "model": "model",
        "prompt_set": "set",
        "prompt_id": prompt_id,
        "sample": sample,
        "state": ImageState.DONE,
        "seed": 2**47,
        "reason": None,
        "path": f"model/set/{prompt_id}/samples/{sample:04d}.png",
        "sha256": f"{prompt_id}{sample}",
        "width": 512,
        "height": 256,
        "seconds": 0.25,
        "provenance": {"device": "cpu"},
        "created_at": WHEN,
    }
    return ImageRecord(**(values | changes))  # type: ignore[arg-type]


def rating(criterion: str, value: float | None, annotator: str = "lena", **changes: object) -> Rating:
    values: dict[str, object] = {
        "study": "study",
        "annotator": annotator,
        "model": "model",
        "prompt_id": "00000",
        "sample": 0,
        "criterion": criterion,
        "value": value,
        "reason": None if value is not None else "prompt unclear",
        "duration_ms": 1234,
        "created_at": WHEN,
    }
    return Rating(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'nami.db'}"


@pytest.fixture
def store(url: str):  # type: ignore[no-untyped-def]
    with Store.open(url) as opened:
        opened.catalog.add_prompt_set(PROMPTS)
        opened.catalog.add_model(MODEL)
        yield opened


@pytest.fixture
def studied(store: Store) -> Store:
    for prompt in PROMPTS.prompts:
        store.images.put(image(prompt.id))
    store.studies.add(STUDY)
    for name in ("lena", "omar", "yuki"):
        store.accounts.add(Annotator(name))
    return store


def test_what_goes_in_comes_out(studied: Store) -> None:
    """Field parity: every field of every domain type survives, with a value that is not its default."""
    score = Score("model", "set", "00000", 0, "geneval", "d-1", None, "no such class", "abc", {"boxes": {}})
    studied.scores.put([score])
    set_score = SetScore("model", "set", "fid", "i-1", 8.93, 7, True, "left out", "abc", {"reference": 9})
    studied.scores.put_of_set(set_score)
    studied.ratings.add([rating("relevance", 55.5), rating("beauty", None)])
    assert studied.catalog.prompt_set("set") == PROMPTS
    assert (studied.catalog.prompt_set("set").manifest, studied.catalog.prompt_set("set").file) == (
        {"seed": 1},
        PROMPTS.file,
    )
    assert studied.catalog.prompt_sets() == [PROMPTS]
    assert studied.catalog.models() == [MODEL]
    assert studied.images.find()[0] == image()
    assert studied.scores.find() == [score]
    assert studied.scores.of_sets() == [set_score]
    assert studied.studies.all() == [STUDY]
    assert studied.accounts.get("lena") == Annotator("lena")
    assert studied.ratings.all("study") == [rating("relevance", 55.5), rating("beauty", None)]


def test_the_parity_test_above_covers_every_field() -> None:
    defaults = {f.name for f in fields(ImageRecord) if getattr(image(), f.name) is None}
    assert defaults == {"reason"}
    assert {f.name for f in fields(Rating)} == set(Rating.__slots__)
    assert all(getattr(MODEL, f.name) for f in fields(ModelCard))
    assert all(getattr(PROMPTS.prompts[0], f.name) for f in fields(Prompt))


def test_every_connection_has_the_promised_settings(sqlite_url: str) -> None:
    database = Database.open(sqlite_url)
    with database.engine.connect() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    database.close()
    assert values == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30_000, "synchronous": 2}


def test_a_database_of_a_newer_version_is_refused_and_untouched(url: str, store: Store) -> None:
    with store._database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(VersionError, match="newer version"):
        Store.open(url)
    assert store.catalog.models() == [MODEL]


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "nami.db").write_text("hello, I am a text file and no database at all. " * 50)
    with pytest.raises(InputError, match="damaged or no database"):
        Store.open(f"sqlite:///{tmp_path / 'nami.db'}")


@pytest.mark.parametrize("url", ["nonsense", "sqlite:///no/such/folder/nami.db", "oracle9://x"])
def test_a_useless_url_is_one_sentence(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((InputError, StorageError)):
        Store.open(url)


def test_two_processes_may_create_the_database_at_once(url: str) -> None:
    errors: list[BaseException] = []

    def open_and_write(index: int) -> None:
        try:
            with Store.open(url) as opened:
                opened.accounts.add(Annotator(f"a{index}"))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=open_and_write, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with Store.open(url) as opened:
        assert len(opened.accounts.all()) == 8


def test_a_reader_never_waits_for_a_writer(store: Store) -> None:
    with store._database.writing() as session:
        session.execute(text("DELETE FROM model"))
        assert store.catalog.models() == [MODEL]


def test_a_locked_database_is_one_sentence(sqlite_url: str) -> None:
    Store.open(sqlite_url).close()
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with (
            Store.open(sqlite_url, patience_s=0.05) as second,
            pytest.raises(StorageError, match=r"nami\.db is locked"),
        ):
            second.accounts.add(Annotator("bob"))
    finally:
        other.close()


def test_names_keep_their_meaning(store: Store) -> None:
    store.catalog.add_prompt_set(PROMPTS)
    store.catalog.add_model(MODEL)
    with pytest.raises(InputError, match="exists with other prompts"):
        store.catalog.add_prompt_set(PromptSet("set", PROMPTS.prompts[:1]))
    with pytest.raises(InputError, match="exists with other settings"):
        store.catalog.add_model(ModelCard("model", "shapes", {"error_rate": "0.1"}))


def test_unknown_names_are_answered_with_near_ones(store: Store) -> None:
    for call, words in (
        (lambda: store.catalog.prompt_set("sett"), "unknown prompt set 'sett': did you mean 'set'"),
        (lambda: store.images.find(models=["modl"]), "unknown model 'modl': did you mean 'model'"),
        (lambda: store.studies.get("pilot"), "unknown study 'pilot': none exist yet"),
        (lambda: store.images.put(image("00007")), "unknown prompt of set 'set' '00007'"),
    ):
        with pytest.raises(UnknownNameError, match=words):
            call()


def test_a_finished_image_cannot_become_another(store: Store) -> None:
    failed = image(state=ImageState.FAILED, reason="out of memory", path=None, sha256=None)
    store.images.put(failed)
    store.images.put(image())
    with pytest.raises(InputError, match="recorded with other bytes"):
        store.images.put(image(sha256="other"))
    assert store.images.find() == [image()]


def test_a_score_of_the_same_instrument_is_replaced_another_stands_beside(store: Store) -> None:
    store.images.put(image())
    for instrument, value in (("a", 0.0), ("a", 1.0), ("b", 0.0)):
        store.scores.put([Score("model", "set", "00000", 0, "geneval", instrument, value)])
    assert [(s.instrument, s.value) for s in store.scores.find(metric="geneval")] == [("a", 1.0), ("b", 0.0)]
    with pytest.raises(InputError, match="no image model/set/00001/0"):
        store.scores.put([Score("model", "set", "00001", 0, "geneval", "a", 1.0)])


def test_a_set_score_of_the_same_instrument_is_replaced_another_stands_beside(store: Store) -> None:
    for instrument, value in (("a", 9.0), ("a", 8.0), ("b", 7.0)):
        store.scores.put_of_set(SetScore("model", "set", "fid", instrument, value, 5))
    assert [(s.instrument, s.value) for s in store.scores.of_sets(models=["model"])] == [
        ("a", 8.0),
        ("b", 7.0),
    ]
    with pytest.raises(UnknownNameError, match="unknown prompt set 'sett'"):
        store.scores.put_of_set(SetScore("model", "sett", "fid", "a", 1.0, 5))


def test_tokens_open_the_door_and_only_the_right_ones(store: Store) -> None:
    token = store.accounts.add(Annotator("lena"))
    assert token is not None
    assert store.logins.authenticate("lena", token) == Annotator("lena")
    assert store.logins.authenticate("lena", token + "x") is None
    assert store.logins.authenticate("nobody", token) is None
    renewed = store.logins.reset_token("lena")
    assert store.logins.authenticate("lena", token) is None
    store.accounts.set_active("lena", False)
    assert store.logins.authenticate("lena", renewed) is None
    assert store.accounts.add(Annotator("simulated-1", Role.SIMULATED)) is None
    with pytest.raises(InputError, match="exists already"):
        store.accounts.add(Annotator("lena"))


def test_no_token_is_kept_in_the_clear(sqlite_url: str) -> None:
    with Store.open(sqlite_url) as store:
        token = store.accounts.add(Annotator("lena"))
    assert str(token).encode() not in Path(sqlite_url.removeprefix("sqlite:///")).read_bytes()


def test_an_import_is_all_or_nothing_and_repeatable(studied: Store) -> None:
    good = [rating("relevance", 50.0), rating("beauty", 3.0, "new-annotator")]
    assert studied.ratings.add(good).added == 2
    assert studied.ratings.add(good).added == 0
    assert studied.logins.authenticate("new-annotator", "") is None
    for bad, words in (
        (rating("relevance", 51.0), "with another value"),
        (rating("relevance", 50.0, "omar", prompt_id="00009"), "no image model/00009/0"),
        (rating("grace", 50.0), "unknown criterion"),
        (rating("beauty", 9.0, "omar"), "outside its scale"),
    ):
        with pytest.raises(InputError, match=words):
            studied.ratings.add([rating("relevance", 7.0, "yuki"), bad])
    assert len(studied.ratings.all("study")) == 2


def test_an_import_takes_no_two_names_for_one_person(studied: Store) -> None:
    studied.accounts.add(Annotator("Zoe"))
    assert studied.ratings.add([rating("relevance", 7.0, "zoe"), rating("beauty", 3.0, " zoe")]).added == 2
    assert {one.annotator for one in studied.ratings.all("study")} == {"Zoe"}
    with pytest.raises(InputError, match="'Yuki' and 'yuki' would be one person"):
        studied.ratings.add([rating("relevance", 7.0, "Yuki"), rating("relevance", 9.0, "yuki")])
    with pytest.raises(InputError, match="U\\+202E, cannot be seen"):
        studied.ratings.add([rating("relevance", 7.0, "mina\u202e")])
    assert "mina" not in {one.name[:4] for one in studied.accounts.all()}


def test_a_recorded_set_takes_over_what_its_file_says_beside_the_prompts(store: Store) -> None:
    """As a set that was recorded before files, rewrites and further keys were kept."""
    bare = PromptSet("old", tuple(replace(p, rewritten_from=None, extra={}) for p in PROMPTS.prompts))
    store.catalog.add_prompt_set(bare)
    store.catalog.add_prompt_set(replace(PROMPTS, name="old", manifest={}))
    found = store.catalog.prompt_set("old")
    assert (found.prompts, found.file) == (PROMPTS.prompts, PROMPTS.file)
    store.catalog.add_prompt_set(replace(bare, file=PromptFile("other.jsonl", "cd" * 32)))
    assert store.catalog.prompt_set("old").file == PROMPTS.file


def test_calls_made_together_are_all_done_or_none(studied: Store) -> None:
    before = (studied.catalog.prompt_sets(), studied.catalog.models(), studied.images.find())
    with pytest.raises(InputError, match="exists with other"), studied.together():
        studied.catalog.add_model(ModelCard("another", "shapes"))
        assert "another" in [
            card.name for card in studied.catalog.models()
        ]  # a part sees the parts before it
        studied.images.put(image("00001", model="another"))
        studied.catalog.add_prompt_set(PromptSet("set", (Prompt("00000", "others"),)))
    assert (studied.catalog.prompt_sets(), studied.catalog.models(), studied.images.find()) == before
    with studied.together():
        with pytest.raises(InputError, match="exists with other"):
            studied.catalog.add_model(replace(MODEL, adapter="folder"))
        studied.catalog.add_model(ModelCard("another", "shapes"))
    assert studied.catalog.model("another").adapter == "shapes"


def test_others_see_nothing_of_calls_made_together_before_their_end(studied: Store) -> None:
    seen: list[list[str]] = []

    def look() -> None:
        seen.append([card.name for card in studied.catalog.models()])

    with studied.together():
        studied.catalog.add_model(ModelCard("another", "shapes"))
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    look()
    assert ["another" in names for names in seen] == [False, True]
