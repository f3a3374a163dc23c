"""Study files: every key, and errors that name the file and the key."""

from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nami_bench.domain import (
    CheckItem,
    CheckKind,
    Checks,
    Criteria,
    CriterionText,
    ImageRecord,
    ImageState,
    ModelCard,
    Pairs,
    Prompt,
    PromptSet,
    Stopping,
)
from nami_bench.errors import InputError
from nami_bench.store import Store
from nami_bench.study_file import load_study

FULL = """\
[study]
name = "full"
prompts = "set"
models = ["a", "b"]
mode = "rating"
panel = "spread"
overlap = 3
samples = 2
seed = 7
control = "buttons"
languages = ["en", "zh"]
strata = { short = 100, long = 0 }
opens = 2026-01-01T08:00:00Z
closes = 2026-02-01T08:00:00Z
items_per_annotator = 300
calibration = 12
break_every = 40
lease_minutes = 15
live_leaderboard = "annotators"
canvas = 1024
sizes_may_differ = true
contact = "lab@uni.example"
time_zone = "Asia/Tokyo"
total = "geometric"
choice_submits = false
admission = "assigned"
instructions = { en = "Look **closely**.", zh = "请仔细看。" }

[checks]
gold_every = 20
repeat_every = 25
repeat_distance = 30
pass_mark = 0.75
gold_window = 8
gold_pass = 0.7
fastest_ms = 1500
window = 25
constant = 15

[pairs]
choice = "balanced"
per_prompt = 2

[marks]
kinds = ["artifact", { name = "blur", label = { en = "Blurry", zh = "模糊" } }]
shape = "boxes"
words = true
required = true

[ranks]
size = 5
per_prompt = 2

[stopping]
rule = "agreement"
minimum = 2
agree = 2
within = 5
half_width = 8

[budget]
answers = 900
per_day = 80
hourly_pay = 15
currency = "EUR"

[[criterion]]
name = "relevance"
label = "Relevance"
weight = 1
minimum = 1
maximum = 5
step = 0.5
anchors = { 1 = "bad", 5 = "good" }
[criterion.texts.zh]
label = "相关性"
anchors = { 1 = "差", 5 = "好" }

[[check]]
kind = "gold"
prompt = "00000"
models = ["broken"]
expected = { relevance = [1, 2.5] }
feedback = "It shows something else."

[entry]
provider = "prolific"
open = false
parameters = { participant = "PID" }
platform_studies = ["5f"]
codes = { completed = "DONE" }
redirects = { timed_out = "https://platform.example/late?who={participant}" }
quota = 50
places = 55
estimate_minutes = 10
allowed_minutes = 45
reward = 1.5
currency = "EUR"
refuse_from = ["pilot"]
debrief = "We compared **two models**."
[entry.consent]
texts = { en = "We study pictures.", zh = "我们研究图片。" }
version = "2"
boxes = ["I am 18 or older."]
delete_until = 2027-01-01T00:00:00Z
[entry.signature]
audience = "rate.example"
keys_url = "https://platform.example/jwks.json"
[entry.device]
min_width = 800
touch = false
keyboard = true
[entry.bonus]
amount = 0.5
per_item = 0.01
gold_pass = 0.6
most = 2
[[entry.question]]
name = "draws"
texts = "Do you draw?"
options = ["yes", { value = "no", texts = { en = "No", zh = "不" } }]
qualifies = ["yes"]
[[entry.question]]
name = "age"
kind = "number"
texts = { en = "Your age?" }
minimum = 16
maximum = 110
qualifies_from = 18
"""

CRITERION = '[[criterion]]\nname = "q"\nweight = 1\n'


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "study.toml"
    file.write_text(text)
    return file


def test_every_key_is_read(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, FULL))
    assert (study.mode, study.panel, study.control, study.overlap, study.samples, study.seed) == (
        "rating",
        "spread",
        "buttons",
        3,
        2,
        7,
    )
    assert study.strata == {"short": 100, "long": 0}
    assert (study.opens, study.closes) == (
        datetime(2026, 1, 1, 8, tzinfo=UTC),
        datetime(2026, 2, 1, 8, tzinfo=UTC),
    )
    assert (study.items_per_annotator, study.break_every, study.lease_minutes) == (300, 40, 15)
    assert (study.live_leaderboard, study.canvas, study.sizes_may_differ) == ("annotators", 1024, True)
    assert (study.contact, study.time_zone, study.choice_submits) == ("lab@uni.example", "Asia/Tokyo", False)
    assert study.admission == "assigned"
    assert study.total == Criteria.of(study.criteria).total == "geometric"
    assert study.instructions == {"en": "Look **closely**.", "zh": "请仔细看。"}
    assert study.checks == Checks(20, 25, 30, 0.75, 8, 0.7, 1500, 25, 15)
    assert study.pairs == Pairs("balanced", 2)
    criterion = study.criteria[0]
    assert (criterion.label, criterion.step, criterion.anchors) == ("Relevance", 0.5, {1: "bad", 5: "good"})
    assert criterion.texts == {"zh": CriterionText("相关性", {1: "差", 5: "好"})}
    assert study.check_items == (
        CheckItem(
            CheckKind.GOLD,
            "00000",
            ("broken",),
            {"relevance": (1, 2.5)},
            feedback={"en": "It shows something else."},
        ),
    )


def test_a_choice_submits_of_itself_only_where_it_is_the_only_one(tmp_path: Path) -> None:
    pairs = '[study]\nname = "s"\nprompts = "p"\nmodels = ["a", "b"]\nmode = "pairwise"\n'
    one, two = CRITERION, CRITERION + CRITERION.replace('"q"', '"r"')
    assert load_study(write(tmp_path, pairs + one)).submits_on_choice
    assert not load_study(write(tmp_path, pairs + two)).submits_on_choice
    assert load_study(write(tmp_path, f"{pairs}choice_submits = true\n{two}")).submits_on_choice
    assert not load_study(write(tmp_path, f"{pairs}choice_submits = false\n{one}")).submits_on_choice
    rating = '[study]\nname = "s"\nprompts = "p"\nmodels = ["a"]\n'
    assert not load_study(write(tmp_path, rating + one)).submits_on_choice


def test_strata_may_be_a_list(tmp_path: Path) -> None:
    text = f'[study]\nname = "s"\nprompts = "p"\nmodels = ["a"]\nstrata = ["long"]\n{CRITERION}'
    assert load_study(write(tmp_path, text)).strata == {"long": 0}


@pytest.mark.parametrize(
    ("study", "more", "words"),
    [
        ("mode = 'stars'", "", r"mode 'stars' is not supported; use 'rating' or 'pairwise'"),
        ("panel = 'all'", "", r"use 'crossed' or 'spread'"),
        ("control = 'dial'", "", r"use 'slider' or 'buttons'"),
        ("mode = 'pairwise'", "", r"needs at least two models"),
        ("choice_submits = true", "", r"choice_submits is of pairs; ratings are submitted with Enter"),
        ("overlap = 0", "", r"at least 1"),
        ("overlap = 'many'", "", r"study\.overlap: input should be a valid integer"),
        ("colour = 'red'", "", r"study\.colour: unknown key"),
        ("opens = 2026-01-01T08:00:00", "", r"need a time zone"),
        ("opens = 2026-02-01T08:00:00Z\ncloses = 2026-01-01T08:00:00Z", "", r"closes before it opens"),
        ("strata = { short = -1 }", "", r"strata must count prompts"),
        ("time_zone = 'Mars/Olympus'", "", r"unknown time_zone 'Mars/Olympus': write it as"),
        ("time_zone = '../etc'", "", r"unknown time_zone"),
        ('contact = "a\\nb"', "", r"contact is one line"),
        ("lease_minutes = 0", "", r"lease_minutes must lie"),
        (
            "instructions = { fr = 'Regardez.' }",
            "",
            r"texts in 'fr', which is not one of its languages",
        ),
        ("", "[checks]\ngold_every = 1", r"no room for the study"),
        ("", "[checks]\npass_mark = 80", r"pass_mark must lie between 0 and 1"),
        ("", "[checks]\ngold_rate = 0.1", r"checks\.gold_rate: unknown key"),
        ("", "[pairs]\nchoice = 'best'", r"use 'balanced' or 'adaptive'"),
        (
            "mode = 'pairwise'\nmodels = ['a', 'b']",
            "[pairs]\nchoice = 'adaptive'",
            r"need pairs\.comparisons",
        ),
        ("", CRITERION, r"each once"),
        (
            "",
            "[[check]]\nkind = 'gold'\nprompt = '00000'\nmodels = ['m']\nexpected = {}",
            r"gold item m/00000: expected is empty",
        ),
        (
            "",
            "[[check]]\nkind = 'gold'\nprompt = '00000'\nmodels = ['m']\nexpected = { q = [9, 1] }",
            r"gold item m/00000: q: the lowest value comes first",
        ),
        (
            "",
            "[[check]]\nkind = 'gold'\nprompt = '00000'\nmodels = ['m']\nexpected = { r = [1, 9] }",
            r"unknown criterion 'r'",
        ),
        (
            "",
            "[[check]]\nkind = 'gold'\nprompt = '00000'\nmodels = ['m', 'n']\nexpected = { q = [1, 9] }",
            r"name one model in rating mode",
        ),
        (
            "",
            "[[check]]\nkind = 'exam'\nprompt = '00000'\nmodels = ['m']\nexpected = { q = [1, 9] }",
            r"check\.0\.kind: input should be 'training', 'qualification' or 'gold'",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, study: str, more: str, words: str) -> None:
    models = "" if "models" in study else "models = ['a']\n"
    file = write(tmp_path, f"[study]\nname = 's'\nprompts = 'p'\n{models}{study}\n{more}\n{CRITERION}")
    with pytest.raises(InputError, match=words) as caught:
        load_study(file)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize("mode", ["rating", "pairwise"])
def test_a_study_comes_out_of_the_store_as_it_went_in(tmp_path: Path, mode: str) -> None:
    """With a value that is not its default for every field of it and of its parts."""
    study = load_study(write(tmp_path, FULL))
    of_questions = ("question_file", "questions_sha256")  # see test_question_study.py
    if mode == "pairwise":
        gold = CheckItem(CheckKind.GOLD, "00000", ("broken", "a"), {"relevance": "a"}, 0, {"zh": "左"})
        pairs = Pairs("adaptive", 1, 500, 0.2)
        study = replace(study, calibration=0, stopping=Stopping())  # adaptive pairs go with neither
        study = replace(study, mode="pairwise", check_items=(gold,), pairs=pairs, total="arithmetic")
    entry = study.entry
    assert entry is not None
    of_entry = [entry, entry.consent, entry.device, entry.bonus]
    parts = [study.pairs] if mode == "pairwise" else [study.stopping]
    one = "calibration" if mode == "pairwise" else ""
    others = ("mode", "choice", "total", "sona", one, *of_questions)  # SONA's is of another provider
    for values in (study, study.checks, study.ranks, study.budget, *of_entry, *parts):
        for field in fields(values):
            if field.default is not MISSING and field.name not in others:
                assert getattr(values, field.name) != field.default, field.name
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store:
        prompts = (Prompt("00000", "a star", "short"), Prompt("00001", "a long star", "long"))
        store.catalog.add_prompt_set(PromptSet("set", prompts))
        for model in ("a", "b", "broken"):
            store.catalog.add_model(ModelCard(model, "folder"))
            store.images.put(
                ImageRecord(model, "set", "00000", 0, ImageState.DONE, path=f"{model}.png", sha256="x")
            )
        store.studies.add(study)
        assert store.studies.get("full") == study
        assert Criteria.of(store.studies.get("full").criteria).total == study.total
        assert store.studies.change(study) == []


ENTRY = "[entry.consent]\ntexts = 'We study pictures.'\n"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("[entry]\nquota = 5\n", r"entry\.consent: is missing"),
        ("[entry.consent]\nversion = '1'\n", "nobody can agree to nothing"),
        (f"{ENTRY}text = 'x'\n", r"entry\.consent\.text: unknown key"),
        (f"[entry]\nprovider = 'mturk'\n{ENTRY}", r"entry\.provider"),
        (f"[entry]\nopen = 3\n{ENTRY}", r"entry\.open"),
        (f"[entry]\nis_open = true\n{ENTRY}", r"entry\.is_open: unknown key"),
        (f"{ENTRY}[[entry.question]]\nname = 'age'\ntexts = 'Age?'\n", "a choice has options"),
        (f"{ENTRY}[[entry.question]]\nname = 'a'\n", r"entry\.question\.0\.texts: is missing"),
        (f"{ENTRY}[entry.codes]\ndone = 'X'\n", r"entry\.codes"),
        (f"{ENTRY}[entry.redirects]\ncompleted = 'http://platform.example'\n", "must begin with https://"),
        ("[entry.consent]\nfiles.en = 'gone.md'\n", "cannot read .*gone.md"),
        ("[entry.consent]\ntexts = { fr = 'Oui' }\n", "'fr', which is not one of its languages"),
    ],
)
def test_an_entry_that_is_wrong_is_named(tmp_path: Path, more: str, words: str) -> None:
    file = write(tmp_path, f"[study]\nname = 's'\nprompts = 'p'\nmodels = ['a']\n{CRITERION}\n{more}")
    with pytest.raises(InputError, match=words):
        load_study(file)


def test_texts_of_an_entry_may_stand_in_files(tmp_path: Path) -> None:
    (tmp_path / "consent.md").write_text("We study *pictures*.")
    more = "[entry]\ndebrief_files.en = 'consent.md'\n[entry.consent]\nfiles.en = 'consent.md'\n"
    file = write(tmp_path, f"[study]\nname = 's'\nprompts = 'p'\nmodels = ['a']\n{CRITERION}\n{more}")
    entry = load_study(file).entry
    assert entry is not None
    assert entry.consent.texts == entry.debrief == {"en": "We study *pictures*."}
