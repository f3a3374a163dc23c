"""What an annotation study is: criteria, whom it shows what, and how it checks those who score.

Frozen values like those of `nami_bench.domain`, which hands them on; a study file
(`nami_bench.study_file`) is read into them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from nami_bench.domain.criteria import Criteria, Criterion, Total
from nami_bench.domain.entry import Entry
from nami_bench.domain.marking import ExpectedMarks, Marking
from nami_bench.domain.names import checked_name
from nami_bench.domain.question import Questions, check_questions, criteria_of_questions
from nami_bench.domain.ranking import Ranks, check_expected
from nami_bench.domain.stopping import Budget, Rule, Stopping
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.local_time import day

ALL_PROMPTS = 0
"""In `Study.strata`: every prompt of the stratum."""


class Mode(StrEnum):
    """What one item asks for."""

    RATING = "rating"
    PAIRWISE = "pairwise"
    RANKING = "ranking"
    BEST_WORST = "best_worst"
    QUESTIONS = "questions"

    @property
    def is_ranked(self) -> bool:
        """Whether an item has three images or more, which are put in order."""
        return self in (Mode.RANKING, Mode.BEST_WORST)


class Panel(StrEnum):
    """Who is shown what: everybody everything, or each item to some, evenly spread."""

    CROSSED = "crossed"
    SPREAD = "spread"


class Admission(StrEnum):
    """Who may work on a study: every account of the workspace, or those who are assigned to it."""

    EVERYBODY = "everybody"
    ASSIGNED = "assigned"


class Outcome(StrEnum):
    """A verdict on two images side by side, as they stood on the screen."""

    LEFT = "left"
    TIE = "tie"
    RIGHT = "right"
    BOTH_BAD = "both_bad"


class CheckKind(StrEnum):
    """What an item with a known answer is for."""

    TRAINING = "training"
    QUALIFICATION = "qualification"
    GOLD = "gold"


@dataclass(frozen=True, slots=True)
class CheckItem:
    """An image (or several) with a known answer: an example, a test before the work, or planted in it.

    `models` names two models in pairwise mode, as many as are shown where they are put in order, else one.
    `expected` holds for each judged criterion the lowest and highest value that passes, or the name of the
    model that must be preferred ("tie", "both_bad" likewise), or an order (see `ranking.expected_groups`); of
    a question (0, 0) is no and (1, 1) is yes. `marks` are asked for beside it, or alone. `feedback` is shown
    after training and qualification items, by language.
    """

    kind: CheckKind
    prompt_id: str
    models: tuple[str, ...]
    expected: Mapping[str, tuple[float, float] | str] = field(default_factory=dict)
    sample: int = 0
    feedback: Mapping[str, str] = field(default_factory=dict)
    marks: ExpectedMarks = field(default_factory=ExpectedMarks)

    @property
    def where(self) -> str:
        """How error messages call it."""
        return f"{self.kind} item {'/'.join(self.models)}/{self.prompt_id}"


@dataclass(frozen=True, slots=True)
class Checks:
    """How often known answers are planted, and when they stop an annotator.

    `gold_every`, `repeat_every`: one gold item, one repeated item in so many (0: none).
    `repeat_distance`: at least so many items lie between an item and its repetition.
    `pass_mark`: the share of qualification items to be passed.
    An annotator is paused whose last `gold_window` gold items were passed in a smaller share than
    `gold_pass` (0: never), who took less than `fastest_ms` for more than half of the last `window`
    items (0: never), or who gave the same answers to the last `constant` items (0: never).
    """

    gold_every: int = 0
    repeat_every: int = 0
    repeat_distance: int = 20
    pass_mark: float = 0.8
    gold_window: int = 10
    gold_pass: float = 0.0
    fastest_ms: int = 0
    window: int = 20
    constant: int = 0

    def __post_init__(self) -> None:
        for name in ("gold_every", "repeat_every", "repeat_distance", "fastest_ms", "constant"):
            if getattr(self, name) < 0:
                raise InputError(f"checks.{name} must not be negative")
        for name in ("gold_every", "repeat_every"):
            if getattr(self, name) == 1:
                raise InputError(f"checks.{name} = 1 would leave no room for the study: take 2 or more")
        for name in ("gold_window", "window"):
            if getattr(self, name) < 1:
                raise InputError(f"checks.{name} must be at least 1")
        for name in ("pass_mark", "gold_pass"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"checks.{name} must lie between 0 and 1")


@dataclass(frozen=True, slots=True)
class Pairs:
    """Which pairs of a pairwise study are shown.

    `choice` "balanced" asks for `per_prompt` pairs of models for each prompt and sample (0: all pairs),
    each pair of models equally often. "adaptive" asks for whichever pair of models promises the most
    information, except in a share `explore` of the items, which goes to the pair that was compared
    least; it ends after `comparisons` items.
    """

    choice: str = "balanced"
    per_prompt: int = 0
    comparisons: int = 0
    explore: float = 0.1

    def __post_init__(self) -> None:
        if self.choice not in ("balanced", "adaptive"):
            raise InputError(f"pairs.choice is {self.choice!r}: use 'balanced' or 'adaptive'")
        if self.per_prompt < 0 or self.comparisons < 0:
            raise InputError("pairs.per_prompt and pairs.comparisons must not be negative")
        if not 0 <= self.explore <= 1:
            raise InputError("pairs.explore must lie between 0 and 1")


@dataclass(frozen=True, slots=True)
class Study:
    """An annotation study: who is judged, on which prompts, by which criteria.

    `overlap` annotators judge each item; `samples` images per prompt and model are shown; `seed` fixes
    every annotator's order. `strata` limits the prompts: stratum -> how many of its prompts, from the
    first on (ALL_PROMPTS: all); empty: every prompt. `languages` are offered on the screen; criteria may
    have texts in more. `instructions` are Markdown by language. Nothing is shown before `opens` and after
    `closes`. `items_per_annotator` ends an annotator's work (0: no limit). `canvas`: images are fitted into
    a square of so many pixels, so that their size tells nothing (0: as they are). `sizes_may_differ`: it is
    accepted that models are told apart by the sizes of their images. `contact`: to whom annotators turn with
    questions. Days begin at midnight in `time_zone`, such as "Europe/Berlin" ("": that of the machine).
    `calibration` items, spread over strata and models, are judged by everybody, first of all, whatever the
    overlap. `stopping` says when an item has enough before it has the overlap, `budget` when the study has.
    `marks` are asked for beside the scores, of each image.
    `admission`: who may work on it, which may change at any time.
    `total`: how the criteria are taken together, which `criteria` then say too. `choice_submits`: in pairs
    the last choice of an item submits it (None: where there is one criterion).

    In mode "questions" annotators answer those of each image's prompt with yes, no, or can't tell:
    `questions` by the prompt's id, copied from `question_file` (its name, and the SHA-256 of its bytes, hex),
    so that nothing depends on the file. The criteria are those of `criteria_of_questions`. Before they are
    copied, which `nami_bench.pipeline.question_study` does, there are none.

    `entry`: how people come in by themselves, by a platform's address or an invitation link (None: they do
    not).
    """

    name: str
    prompt_set: str
    models: tuple[str, ...]
    criteria: tuple[Criterion, ...]
    mode: str = Mode.RATING
    overlap: int = 5
    samples: int = 1
    seed: int = 0
    instructions: Mapping[str, str] = field(default_factory=dict)
    panel: str = Panel.CROSSED
    control: str = "slider"
    languages: tuple[str, ...] = ("en",)
    strata: Mapping[str, int] = field(default_factory=dict)
    opens: datetime | None = None
    closes: datetime | None = None
    items_per_annotator: int = 0
    calibration: int = 0
    break_every: int = 50
    lease_minutes: float = 30.0
    live_leaderboard: str = "administrators"
    canvas: int = 0
    checks: Checks = Checks()
    pairs: Pairs = Pairs()
    stopping: Stopping = field(default_factory=Stopping)
    budget: Budget = field(default_factory=Budget)
    ranks: Ranks = field(default_factory=Ranks)
    marks: Marking = field(default_factory=Marking)
    check_items: tuple[CheckItem, ...] = ()
    total: str = Total.ARITHMETIC
    sizes_may_differ: bool = False
    contact: str = ""
    time_zone: str = ""
    choice_submits: bool | None = None
    admission: str = Admission.EVERYBODY
    question_file: str = ""
    questions_sha256: str = ""
    questions: Questions = field(default_factory=dict)
    entry: Entry | None = None

    def __post_init__(self) -> None:
        checked_name("study", self.name)
        _one_of(self, "total", tuple(Total))
        self._take_questions()
        object.__setattr__(self, "criteria", Criteria(self.criteria, self.total))
        _one_of(self, "mode", tuple(Mode))
        if self.images_shown > 1 and self.total != Total.ARITHMETIC:
            raise InputError(
                f"study {self.name!r}: total {str(self.total)!r} is of ratings; a {self.mode} study has none"
            )
        if self.choice_submits and self.mode != Mode.PAIRWISE:
            raise InputError(
                f"study {self.name!r}: choice_submits is of pairs; ratings are submitted with Enter"
            )
        _one_of(self, "panel", tuple(Panel))
        _one_of(self, "admission", tuple(Admission))
        _one_of(self, "control", ("slider", "buttons"))
        _one_of(self, "live_leaderboard", ("administrators", "annotators"))
        if not self.models or len(set(self.models)) != len(self.models):
            raise InputError(f"study {self.name!r}: name at least one model, each once")
        if self.mode == Mode.PAIRWISE and len(self.models) < 2:
            raise InputError(f"study {self.name!r}: a pairwise study needs at least two models")
        if len(self.models) < self.images_shown:
            raise InputError(
                f"study {self.name!r}: {self.images_shown} images are shown at once, each of another model, "
                f"and there are {len(self.models)} models: set ranks.size"
            )
        self._check_criteria()
        if self.overlap < 1 or self.samples < 1:
            raise InputError(f"study {self.name!r}: overlap and samples must be at least 1")
        self._check_numbers()
        self._check_languages()
        self._check_marks()
        day(datetime(2000, 1, 1, tzinfo=UTC), self.time_zone)  # refuses a zone that there is not
        if len(self.contact) > 200 or not self.contact.isprintable():
            raise InputError(f"study {self.name!r}: contact is one line of at most 200 characters")
        if self.mode != Mode.QUESTIONS or self.questions:
            for item in self.check_items:
                self._check_item(item)

    def shut(self, now: datetime) -> str | None:
        """Why nobody works on it at this hour: "not_open" yet, or "closed"; None: it is open."""
        if self.opens is not None and now < self.opens:
            return "not_open"
        if self.closes is not None and now >= self.closes:
            return "closed"
        return None

    def _take_questions(self) -> None:
        if (self.mode == Mode.QUESTIONS) != bool(self.question_file):
            raise InputError(f"study {self.name!r}: question_file and mode 'questions' go together")
        if self.mode != Mode.QUESTIONS:
            return
        if self.total != Total.ARITHMETIC or self.live_leaderboard != "administrators":
            raise InputError(f"study {self.name!r}: questions have no total, and no leaderboard to show")
        check_questions(self.questions)
        criteria = criteria_of_questions(self.questions)
        if self.criteria and [c.name for c in self.criteria] != [c.name for c in criteria]:
            raise InputError(f"study {self.name!r}: its criteria are its questions: name no others")
        object.__setattr__(self, "criteria", criteria)

    def _check_criteria(self) -> None:
        if self.mode == Mode.QUESTIONS:
            return
        names = [c.name for c in self.criteria]
        if not names or len(set(names)) != len(names):
            raise InputError(f"study {self.name!r}: name at least one criterion, each once")
        if sum(c.weight for c in self.criteria) <= 0:
            raise InputError(f"study {self.name!r}: the criteria's weights must not all be zero")

    def _check_numbers(self) -> None:
        for name in ("items_per_annotator", "calibration", "break_every", "canvas"):
            if getattr(self, name) < 0:
                raise InputError(f"study {self.name!r}: {name} must not be negative")
        if not 0 < self.lease_minutes <= 24 * 60:
            raise InputError(f"study {self.name!r}: lease_minutes must lie above 0 and within a day")
        if any(count < 0 for count in self.strata.values()):
            raise InputError(f"study {self.name!r}: strata must count prompts, 0 for all")
        for moment in (self.opens, self.closes):
            if moment is not None and moment.tzinfo is None:
                raise InputError(
                    f"study {self.name!r}: opens and closes need a time zone, as 2026-01-31T18:00:00Z"
                )
        if self.opens is not None and self.closes is not None and self.opens >= self.closes:
            raise InputError(f"study {self.name!r}: it closes before it opens")
        if self.is_adaptive and not self.pairs.comparisons:
            raise InputError(f"study {self.name!r}: adaptive pairs need pairs.comparisons, at which to end")
        self._check_panel()

    def _check_panel(self) -> None:
        if self.is_adaptive and (self.calibration or self.ends_early):
            raise InputError(
                f"study {self.name!r}: adaptive pairs choose every item by what was judged: they go with "
                "neither calibration nor a stopping rule"
            )
        if self.items_per_annotator and self.calibration > self.items_per_annotator:
            raise InputError(
                f"study {self.name!r}: calibration ({self.calibration}) is more than items_per_annotator "
                f"({self.items_per_annotator}): nobody would come to anything else"
            )
        if not self.ends_early:
            return
        if self.images_shown > 2:
            raise InputError(
                f"study {self.name!r}: a stopping rule is of ratings and pairs, not of orders: whether two "
                "orders agree is a matter of degree"
            )
        if self.mode == Mode.QUESTIONS:
            raise InputError(
                f"study {self.name!r}: a stopping rule is of ratings and pairs: people who check a "
                "judge must answer what is hard as often as what is easy"
            )
        if self.stopping.rule == Rule.INTERVAL and self.mode != Mode.RATING:
            raise InputError(
                f"study {self.name!r}: stopping.rule 'interval' is of ratings: use 'agreement' for pairs"
            )
        if self.overlap <= self.stopping.minimum:
            raise InputError(
                f"study {self.name!r}: overlap ({self.overlap}) is the most that an item gets: a stopping "
                f"rule that looks after {self.stopping.minimum} (stopping.minimum) needs a larger one"
            )
        if self.stopping.rule == Rule.AGREEMENT and self.stopping.agree > self.overlap:
            raise InputError(
                f"study {self.name!r}: stopping.agree ({self.stopping.agree}) is more than the overlap "
                f"({self.overlap}): it could never be reached"
            )

    def _check_marks(self) -> None:
        if self.marks.asked and self.mode not in (Mode.RATING, Mode.PAIRWISE):
            raise InputError(
                f"study {self.name!r}: marks go with ratings and pairs: among more images they would be too "
                "small to be put where they belong, and questions ask for what is wrong themselves"
            )

    def _check_languages(self) -> None:
        if not self.languages or len(set(self.languages)) != len(self.languages):
            raise InputError(f"study {self.name!r}: name at least one language, each once")
        used = {*self.instructions}
        used |= {lang for item in self.check_items for lang in item.feedback}
        used |= {lang for kind in self.marks.kinds for lang in kind.label}
        used |= self.entry.languages if self.entry else set()
        if unknown := sorted(used - set(self.languages)):
            raise InputError(
                f"study {self.name!r}: texts in {unknown[0]!r}, which is not one of its languages "
                f"({', '.join(self.languages)})"
            )

    def _check_item(self, item: CheckItem) -> None:
        if len(item.models) != self.images_shown:
            wanted = {1: "one model", 2: "two models"}.get(self.images_shown, f"{self.images_shown} models")
            raise InputError(f"study {self.name!r}: {item.where}: name {wanted} in {self.mode} mode")
        if item.marks.asked:
            self._check_expected_marks(item)
        elif not item.expected:
            raise InputError(f"study {self.name!r}: {item.where}: expected is empty: nothing could fail")
        asked = {criterion.name: criterion for criterion in self.asked(item.prompt_id)}
        for name, answer in item.expected.items():
            if name not in asked:
                raise UnknownNameError("criterion", name, asked)
            criterion = asked[name]
            if isinstance(answer, str) != (self.images_shown > 1):
                order = "an order of its models, such as 'a > b'"
                kinds = {Mode.PAIRWISE: "the model to be preferred", Mode.QUESTIONS: "yes or no"}
                kinds |= {Mode.RANKING: order, Mode.BEST_WORST: order}
                wanted = kinds.get(Mode(self.mode), "[lowest, highest]")
                raise InputError(f"study {self.name!r}: {item.where}: {name} expects {wanted}")
            if isinstance(answer, str) and self.is_ranked:
                self._check_expected_order(item, name, answer)
            elif isinstance(answer, str):
                if answer not in (*item.models, Outcome.TIE, Outcome.BOTH_BAD):
                    raise InputError(
                        f"study {self.name!r}: {item.where}: {name} expects {answer!r}, which is neither "
                        "one of its models nor 'tie' or 'both_bad'"
                    )
            elif criterion.check(answer[0]) > criterion.check(answer[1]):
                raise InputError(f"study {self.name!r}: {item.where}: {name}: the lowest value comes first")

    def _check_expected_marks(self, item: CheckItem) -> None:
        if self.mode != Mode.RATING:
            raise InputError(f"study {self.name!r}: {item.where}: marks are expected of ratings alone")
        kinds = [kind.name for kind in self.marks.kinds]
        for kind in item.marks.regions:
            if kind not in kinds:
                raise UnknownNameError("kind of mark", kind, kinds)
        if item.marks.words and not self.marks.words:
            raise InputError(
                f"study {self.name!r}: {item.where}: words are expected to be marked, but marks.words is "
                "not set"
            )

    def _check_expected_order(self, item: CheckItem, criterion: str, answer: str) -> None:
        try:
            if len(set(item.models)) < len(item.models):
                raise InputError("a model is named twice")
            check_expected(answer, item.models, best_worst=self.mode == Mode.BEST_WORST)
        except InputError as error:
            raise InputError(f"study {self.name!r}: {item.where}: {criterion}: {error}") from error

    def day(self, moment: datetime) -> str:
        """The study's day at `moment`, as 2026-01-31."""
        return day(moment, self.time_zone)

    def criterion(self, name: str) -> Criterion:
        """The criterion called `name`; raises UnknownNameError."""
        for criterion in self.criteria:
            if criterion.name == name:
                return criterion
        raise UnknownNameError("criterion", name, [c.name for c in self.criteria])

    def asked(self, prompt_id: str) -> tuple[Criterion, ...]:
        """The criteria by which an item of a prompt is judged: all of them, or those of its questions."""
        if self.mode != Mode.QUESTIONS:
            return self.criteria
        names = {question.criterion for question in self.questions.get(prompt_id, ())}
        return tuple(criterion for criterion in self.criteria if criterion.name in names)

    @property
    def is_ranked(self) -> bool:
        """Whether images are put in order, or their best and worst are asked for."""
        return Mode(self.mode).is_ranked

    @property
    def images_shown(self) -> int:
        """How many images an item has."""
        return self.ranks.size if self.is_ranked else 2 if self.mode == Mode.PAIRWISE else 1

    @property
    def is_adaptive(self) -> bool:
        """Whether what was judged decides on the next pair."""
        return self.mode == Mode.PAIRWISE and self.pairs.choice == "adaptive"

    @property
    def ends_early(self) -> bool:
        """Whether an item may end before it has the whole overlap."""
        return self.stopping.rule != Rule.NONE

    @property
    def sure(self) -> int:
        """So many judgements every item gets; each further one only when those before it are there."""
        return self.stopping.minimum if self.ends_early else self.overlap

    @property
    def submits_on_choice(self) -> bool:
        """Whether the choice that completes an item submits it: of itself only where one choice is all."""
        if self.choice_submits is None:
            return self.mode == Mode.PAIRWISE and len(self.criteria) == 1 and not self.marks.asked
        return self.choice_submits


def _one_of(study: Study, key: str, known: tuple[str, ...]) -> None:
    value = getattr(study, key)
    if value not in known:
        raise InputError(
            f"study {study.name!r}: {key} {value!r} is not supported; use "
            + " or ".join(repr(str(one)) for one in known)
        )
