"""What two servers hold of one study comes together in one, once, and nobody's work is silently replaced."""

import json
import shutil
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.cli.app import cli
from nami_bench.config import init_workspace, open_workspace
from nami_bench.domain import (
    Annotator,
    CheckItem,
    CheckKind,
    Checks,
    Criterion,
    ImageRecord,
    ImageState,
    ModelCard,
    Prompt,
    PromptSet,
    Rating,
    Role,
    Study,
    prompt_id,
)
from nami_bench.errors import InputError, RefusedError, UnknownNameError
from nami_bench.pipeline.merged_study import merge_study
from nami_bench.store import Naming, Store, progress_of
from tests.support.databases import raw

_numbers = count()
MODELS = ("one", "two")
CRITERIA = (Criterion("fit", 0.5), Criterion("looks", 0.5))
TABLES = ("annotator", "member", "item", "assignment", "submission", "rating", "comparison", "event", "study")


class Server:
    """A workspace with a study of pictures that nobody looks at."""

    def __init__(
        self, root: Path, models: tuple[str, ...] = MODELS, prompts: int = 3, url: str = "", **protocol: Any
    ) -> None:
        self.workspace = init_workspace(root)
        if url:
            file = root / "nami.toml"
            file.write_text(file.read_text().replace("[database]", f'[database]\nurl = "{url}"'))
            self.workspace = open_workspace(root)
        self.store = Store.open(self.workspace.database_url)
        those = tuple(Prompt(prompt_id(i), f"prompt {i}", "short") for i in range(prompts))
        self.store.catalog.add_prompt_set(PromptSet("set", those))
        for model in models:
            self.store.catalog.add_model(ModelCard(model, "folder"))
            for prompt in those:
                path, done = f"{model}/{prompt.id}", ImageState.DONE
                self.store.images.put(ImageRecord(model, "set", prompt.id, 0, done, path=path, sha256=path))
        settled = {"overlap": 2} | protocol
        self.store.studies.add(Study("study", "set", MODELS, CRITERIA, **settled))

    @classmethod
    def opened(cls, root: Path) -> "Server":
        """One that was made before."""
        server = cls.__new__(cls)
        server.workspace = open_workspace(root)
        server.store = Store.open(server.workspace.database_url)
        return server

    def session(self, name: str) -> AnnotationSession:
        if name not in {annotator.name for annotator in self.store.accounts.all()}:
            self.store.accounts.add(Annotator(name))
        return AnnotationSession(self.store, Path(), "study", name, key=b"k")

    def rate(self, name: str, most: int = 100, value: Any = None, **more: Any) -> None:
        own = self.session(name)
        view = own.state()
        while view.items and most:
            given = view.items[0].given
            fit = float(next(_numbers) % 100) if value is None else value
            values = {"fit": fit, "looks": fit} | (dict(given.values) if given else {})
            sent = Answers(f"c{next(_numbers)}", values, duration_ms=700, **more)
            view = own.submit(view.items[0].token, sent)
            most -= 1

    def correct(self, name: str, back: int, value: Any) -> None:
        """Change an item: the one that was done so many before the last."""
        own, at = self.session(name), "now"
        for _ in range(back + 1):
            item = own.before(at)
            if item is None:
                return
            at = item.token
        own.submit(at, Answers(f"c{next(_numbers)}", {"fit": value, "looks": value}))

    def take(self, other: "Server", naming: Naming | None = None, **how: Any) -> Any:
        return merge_study(self.store, other.store, "study", naming or Naming(), **how)

    def dump(self) -> dict[str, list[Any]]:
        with raw(self.store) as session:
            found = {name: session.execute(text(f"SELECT * FROM {name}")).all() for name in TABLES}
        return {name: [tuple(row) for row in rows] for name, rows in found.items()}

    def values(self, name: str) -> dict[tuple[str, str, str], float | None]:
        ratings = self.store.ratings.all("study")
        return {(r.model, r.prompt_id, r.criterion): r.value for r in ratings if r.annotator == name}

    def so_far(self) -> tuple[int, int]:
        return progress_of(self.store.studies.get("study"), self.store.items.progress("study"))

    def images(self) -> list[tuple[str, str]]:
        return [(image.model, image.prompt_id) for image in self.store.images.find()]


@pytest.fixture
def servers(tmp_path: Path) -> Any:
    """`servers(**protocol)`: two of them, the second with its models recorded in the other order."""
    made: list[Server] = []

    def make(**protocol: Any) -> tuple[Server, Server]:
        made.append(Server(tmp_path / "ours", **protocol))
        made.append(Server(tmp_path / "theirs", models=MODELS[::-1], **protocol))
        return made[0], made[1]

    yield make
    for one in made:
        one.store.close()


def test_the_work_of_two_servers_comes_together_once(servers: Callable[..., Any]) -> None:
    ours, theirs = servers()
    ours.rate("ada", 4)
    theirs.rate("bob", 5, flag=True, comment="the hands")
    theirs.correct("bob", 1, 33.0)
    theirs.rate("eve", 2)
    theirs.store.exclusions.exclude("eve")
    theirs.store.oversight.pause("study", "bob", "a rest")
    told = {"bob": theirs.values("bob")}
    before = theirs.dump()
    dry = ours.take(theirs, dry_run=True)
    assert ours.store.annotation.completed("study") == {"ada": 4} and len(ours.store.accounts.all()) == 1
    done = ours.take(theirs)
    assert done == dry
    assert (done.items, done.added, done.replaced, done.answers) == (7, 14, 0, 8)
    assert done.excluded == ["eve"] and done.names == {"bob": "bob", "eve": "eve"}
    assert ours.values("bob") == told["bob"] and ours.values("eve") == {}
    assert ours.store.annotation.completed("study") == {"ada": 4, "bob": 5} and ours.so_far() == (9, 12)
    assert theirs.dump() == before
    assert {(f.annotator, f.comment) for f in ours.store.oversight.flags("study")} == {("bob", "the hands")}
    people = {annotator.name: annotator for annotator in ours.store.accounts.all()}
    assert people["eve"].excluded and ours.store.logins.authenticate("bob", "") is None
    assert ours.session("bob").state().phase == "paused"
    ours.store.oversight.resume("study", "bob")
    once = ours.dump()
    assert not ours.take(theirs).is_news
    assert ours.dump() == once
    ours.rate("bob")
    assert ours.store.annotation.completed("study") == {"ada": 4, "bob": 6}
    assert ours.so_far() == (10, 12)


@pytest.mark.slow
def test_a_name_that_is_taken_is_said_and_renamed(servers: Callable[..., Any]) -> None:
    ours, theirs = servers(overlap=4)
    for server in (ours, theirs):
        server.rate("lena", 2)
        server.rate("omar", 2)
    theirs.rate("yuki", 2)
    before = ours.dump()
    with pytest.raises(InputError, match=r"called 'lena', 'omar': say --same NAME .*--rename"):
        ours.take(theirs)
    with pytest.raises(InputError, match="called 'omar'"):
        ours.take(theirs, Naming({"lena": "lena-2"}))
    with pytest.raises(InputError, match="called 'omar', 'omar'"):
        ours.take(theirs, Naming({"lena": "omar"}))
    with pytest.raises(InputError, match="would both be 'x'"):
        ours.take(theirs, Naming({"lena": "x", "omar": "x"}))
    with pytest.raises(UnknownNameError, match="annotator of the other workspace"):
        ours.take(theirs, Naming({"lenna": "x"}))
    with pytest.raises(InputError, match="annotator name"):
        ours.take(theirs, Naming({"lena": "\u202e", "omar": "o"}))
    assert ours.dump() == before
    done = ours.take(theirs, Naming({"lena": "lena-2"}, prefix="b-"))
    assert done.names == {"lena": "lena-2", "omar": "b-omar", "yuki": "yuki"}
    assert ours.values("lena-2") == theirs.values("lena") and ours.values("b-omar") == theirs.values("omar")
    once = ours.dump()
    for naming in (Naming(), Naming({"lena": "lena-2"}, prefix="b-"), Naming(prefix="c-")):
        assert not ours.take(theirs, naming).is_news
    with pytest.raises(InputError, match="is here already, by 'lena-2'"):
        ours.take(theirs, Naming({"lena": "other"}))
    assert ours.dump() == once
    theirs.rate("lena", 1)
    assert ours.take(theirs).items == 1  # what was done there since
    assert ours.values("lena-2") == theirs.values("lena")


def test_case_makes_no_other_person_and_who_is_simulated_stays_so(servers: Callable[..., Any]) -> None:
    ours, theirs = servers(overlap=4)
    ours.rate("Lena", 2)
    theirs.rate("lena", 6)
    for server in (ours, theirs):
        server.store.accounts.add(Annotator("simulated-1", Role.SIMULATED))
        server.rate("simulated-1", 2)
    with pytest.raises(InputError, match="called 'lena', 'simulated-1'"):
        ours.take(theirs)
    with pytest.raises(InputError, match="are those of simulated annotators"):
        ours.take(theirs, Naming({"lena": "simulated-9"}, prefix="b-"))
    with pytest.raises(InputError, match="are those of simulated annotators"):
        ours.take(theirs, Naming({"simulated-1": "eva"}, prefix="b-"))
    done = ours.take(theirs, Naming(prefix="b-", same=("lena",)), replace=True)
    assert done.names == {"lena": "Lena", "simulated-1": "simulated-b-1"}
    roles = {annotator.name: annotator.role for annotator in ours.store.accounts.all()}
    assert roles["simulated-b-1"] is Role.SIMULATED and "lena" not in roles
    assert ours.values("Lena") == theirs.values("lena")


@pytest.mark.slow
def test_the_same_person_is_said_and_differences_are_refused(servers: Callable[..., Any]) -> None:
    ours, theirs = servers()
    ours.rate("lena", 4, value=10.0)
    theirs.rate("lena", 6, value=20.0)
    here = ours.values("lena")
    with pytest.raises(InputError, match="4 items are judged differently here by the same annotators"):
        ours.take(theirs, Naming(same=("lena",)))
    assert ours.values("lena") == here
    done = ours.take(theirs, Naming(same=("lena",)), replace=True)
    assert (done.items, done.added, done.replaced) == (2, 4, 8)
    assert set(ours.values("lena").values()) == {20.0}
    once = ours.dump()
    assert not ours.take(theirs, Naming(same=("lena",)), replace=True).is_news
    assert not ours.take(theirs).is_news
    assert ours.dump() == once
    assert ours.session("lena").state().phase == "finished"
    given = ours.session("lena").before()
    assert given is not None and given.given is not None and given.given.values["fit"] == 20.0


@pytest.mark.slow
def test_the_longer_history_is_the_later_one(servers: Callable[..., Any]) -> None:
    ours, theirs = servers()
    theirs.rate("lena", 3, value=10.0)
    ours.take(theirs)
    theirs.correct("lena", 0, 11.0)
    ours.correct("lena", 1, 12.0)
    ours.take(theirs)
    assert sorted(ours.values("lena").values()) == [10, 10, 11, 11, 12, 12]
    once = ours.dump()
    assert not ours.take(theirs).is_news and ours.dump() == once
    theirs.take(ours)  # and back again
    assert theirs.values("lena") == ours.values("lena")
    theirs.correct("lena", 0, 13.0)
    ours.correct("lena", 0, 14.0)
    with pytest.raises(InputError, match="1 items are judged differently here"):
        ours.take(theirs)


@pytest.mark.slow
def test_a_file_that_both_have_imported_needs_no_word(servers: Callable[..., Any]) -> None:
    ours, theirs = servers()
    told = [Rating("study", "lena", m, p, 0, c, 5.0) for m, p in ours.images()[:3] for c in ("fit", "looks")]
    for server in (ours, theirs):
        server.store.ratings.add(told[:-1])  # of the last item one criterion is missing
    assert not ours.take(theirs).is_news
    theirs.store.ratings.add(told)
    with pytest.raises(InputError, match="called 'lena'"):
        ours.take(theirs)
    done = ours.take(theirs, Naming(same=("lena",)))
    assert (done.items, done.added) == (1, 1)
    assert ours.values("lena") == theirs.values("lena") and ours.so_far() == (3, 12)


@pytest.mark.slow
def test_halves_of_an_item_make_one(servers: Callable[..., Any]) -> None:
    ours, theirs = servers()
    (model, prompt), *_ = ours.images()
    ours.store.ratings.add([Rating("study", "lena", model, prompt, 0, "fit", 5.0)])
    theirs.store.ratings.add([Rating("study", "lena", model, prompt, 0, "looks", 6.0)])
    ours.take(theirs, Naming(same=("lena",)))
    assert ours.so_far() == (1, 12)
    theirs.store.ratings.add([Rating("study", "lena", model, prompt, 0, "fit", 7.0)])
    with pytest.raises(InputError, match="1 items are judged differently"):
        ours.take(theirs, Naming(same=("lena",)))


@pytest.mark.slow
def test_planted_items_come_along(servers: Callable[..., Any]) -> None:
    gold = CheckItem(CheckKind.GOLD, "00000", ("one",), {"fit": (0, 100)})
    checks = Checks(gold_every=3, repeat_every=3, repeat_distance=1)
    ours, theirs = servers(check_items=(gold,), checks=checks)
    theirs.rate("lena")
    told = theirs.store.oversight.check_answers("study")
    assert {answer.kind for answer in told} == {"gold", "repeat"}
    ours.take(theirs)
    assert ours.store.oversight.check_answers("study") == told
    view = ours.session("lena").state()
    assert (view.phase, view.progress.done) == ("finished", theirs.session("lena").state().progress.done)
    once = ours.dump()
    assert not ours.take(theirs).is_news and ours.dump() == once


@pytest.mark.slow
def test_pairs_keep_their_sides_though_models_have_other_numbers(servers: Callable[..., Any]) -> None:
    ours, theirs = servers(mode="pairwise")
    theirs.rate("lena", value="left")
    theirs.correct("lena", 0, "right")

    def told(server: Server) -> list[Any]:
        return [(c.prompt_id, c.criterion, c.left, c.outcome, c.winner, c.position, c.created_at)
                for c in server.store.comparisons.all("study")]  # fmt: skip

    ours.take(theirs)
    assert told(ours) == told(theirs) and len(told(ours)) == 6
    item = ours.session("lena").before()
    assert item is not None and item.given is not None and item.given.values["fit"] == "right"
    assert not ours.take(theirs).is_news
    theirs.take(ours)
    assert len(told(theirs)) == 6


@pytest.mark.slow
def test_postgresql_takes_over_from_sqlite_and_back_what_is_in_hands_too(
    tmp_path: Path, new_postgresql: Callable[[], str]
) -> None:
    ours, theirs = Server(tmp_path / "a", url=new_postgresql()), Server(tmp_path / "b", models=MODELS[::-1])
    theirs.rate("lena", 4)
    held = ours.session("lena").state().items
    same = Naming(same=("lena",))
    assert ours.take(theirs, same).items == 4
    assert not ours.take(theirs).is_news
    assert ours.values("lena") == theirs.values("lena")
    inside = {item.token for item in ours.session("lena").state().items}
    for item in held:
        if item.token not in inside:
            with pytest.raises(RefusedError, match="not assigned to you"):  # what stands was not seen
                ours.session("lena").submit(item.token, Answers(item.token, {"fit": 1.0, "looks": 1.0}))
    ours.rate("lena")
    ours.correct("lena", 5, 77.0)
    done = theirs.take(ours)
    assert (done.items, done.replaced) == (2, 2)
    assert ours.values("lena") == theirs.values("lena") and ours.so_far() == theirs.so_far() == (6, 12)
    for server in (ours, theirs):
        server.store.close()


@pytest.mark.slow
def test_what_is_not_the_same_study_is_refused(servers: Callable[..., Any], tmp_path: Path) -> None:
    ours, theirs = servers()
    theirs.rate("lena", 1)
    before = ours.dump()
    for change, words in (
        ({"prompts": 4}, "other prompts"),
        ({"mode": "pairwise"}, "another mode"),
        ({"total": "geometric"}, "another total"),
    ):
        other = Server(tmp_path / words.replace(" ", "-"), **change)
        with pytest.raises(InputError, match=words):
            ours.take(other)
        other.store.close()
    with raw(theirs.store) as session:
        session.execute(text("UPDATE image SET sha256 = 'other'"))
    with pytest.raises(InputError, match="1 items show other images there than here"):
        ours.take(theirs)
    assert ours.dump() == before


@pytest.mark.slow
def test_the_command(servers: Callable[..., Any]) -> None:
    ours, theirs = servers()
    ours.rate("lena", 1)
    theirs.rate("lena", 2)

    def run(*arguments: object) -> Any:
        root = str(ours.workspace.root)
        return CliRunner().invoke(cli, ["--workspace", root, "study", "merge", "study", *map(str, arguments)])

    there = theirs.workspace.root
    assert "say --same NAME" in str(run(there).exception)
    assert "the same database" in str(run(ours.workspace.root).exception)
    assert "no workspace at" in str(run(there / "nowhere").exception)
    assert "is not of the form" in str(run(there, "--rename", "lena").exception)
    options = (there, "--rename", "lena=lena-2")
    wanted = (
        "study study: 2 items by 1 annotator, 4 judgements, 2 answers as sent\nlena is called lena-2 here\n"
    )
    dry = run(*options, "--dry-run")
    assert (dry.stdout, dry.stderr) == (wanted, "nothing was changed (--dry-run)\n")
    assert run(*options).stdout == wanted
    assert run(there).stdout == "study study: all of it is here already\n"
    assert json.loads(run(there, "--json").stdout)["items"] == 0


# -- whatever happens ------------------------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.sampled_from(["rate", "rate", "correct", "import", "replace", "merge", "merge", "lose", "find"]),
        st.integers(0, 1),
        st.integers(0, 2),
        st.integers(0, 5),
    ),
    max_size=14,
)


class Model:
    """What must be in force of two servers' ratings."""

    def __init__(self, servers: list[Server]) -> None:
        self.servers = servers

    def step(self, what: str, side: int, who: int, which: int) -> None:
        server, name = self.servers[side], f"p{who}"
        before = {person: server.values(person) for person in ("p0", "p1", "p2")}
        if what == "rate":
            full = {key for key, n in self._by_image(before[name]).items() if n == len(CRITERIA)}
            shown = [
                server.store.annotation.assignment(i.token, name).image
                for i in server.session(name).state().items
            ]
            assert not full & {(i.model, i.prompt_id) for i in shown}, "asked again about what is in force"
            server.rate(name, 1)
            after = server.values(name)
            assert {key: after[key] for key in before[name]} == before[name], "silently replaced"
        elif what == "correct":
            server.correct(name, which, float(next(_numbers) % 100))
        elif what in ("import", "replace"):
            model, prompt = server.images()[which]
            names = ("fit", "looks")[: 1 + which % 2]
            told = [Rating("study", name, model, prompt, 0, c, float(which)) for c in names]
            old = {c: before[name].get((model, prompt, c), float(which)) for c in names}
            try:
                server.store.ratings.add(told, replace=what == "replace")
            except InputError:
                assert what == "import" and any(value != which for value in old.values())
                assert server.values(name) == before[name]
        elif what == "merge":
            self._merge(server, self.servers[1 - side], before)
        elif what == "lose":
            model, prompt = server.images()[which]
            server.store.items.withdraw_image("study", f"{model}/{prompt}", "gone")
        else:
            server.store.items.restore("study")

    def _merge(self, server: Server, other: Server, before: Any) -> None:
        everybody = [name for name in ("p0", "p1", "p2") if other.values(name)]
        naming = Naming(same=tuple(everybody))
        try:
            server.take(other, naming)
        except InputError as error:
            assert "judged differently" in str(error)
            assert {name: server.values(name) for name in before} == before
            return
        once = server.dump()
        assert not server.take(other, naming).is_news and server.dump() == once
        for name in before:
            there, after = other.values(name), server.values(name)
            assert after.keys() == there.keys() | before[name].keys()
            assert all(value in (before[name].get(key), there.get(key)) for key, value in after.items())

    @staticmethod
    def _by_image(values: Any) -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for model, prompt, _ in values:
            found[model, prompt] = found.get((model, prompt), 0) + 1
        return found

    def check(self) -> None:
        for server in self.servers:
            done, total = server.so_far()
            assert 0 <= done <= total
            assert all(0 <= cell.done <= cell.total for cell in server.store.items.progress("study"))
            for member in server.store.oversight.members("study"):
                values = self._by_image(server.values(member.name))
                full = sum(n == len(CRITERIA) for n in values.values())
                assert member.done == full == server.store.annotation.completed("study").get(member.name, 0)
                shown = server.session(member.name).state().progress
                assert (shown.done, shown.done <= shown.total) == (full, True)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two servers' workspaces, before anybody works."""
    root = tmp_path_factory.mktemp("servers")
    for name, models in (("a", MODELS), ("b", MODELS[::-1])):
        Server(root / name, models=models).store.close()
    return root


@pytest.mark.slow
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_nothing_is_lost_doubled_or_silently_replaced_whatever_happens(
    template: Path, steps: list[tuple[str, int, int, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(template, folder, dirs_exist_ok=True)
        model = Model([Server.opened(Path(folder) / name) for name in ("a", "b")])
        try:
            for step in steps:
                model.step(*step)
                model.check()
        finally:
            for server in model.servers:
                server.store.close()
