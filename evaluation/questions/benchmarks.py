"""The benchmarks that ask questions, as metrics: which file each reads, and by which rules it scores."""

from dataclasses import dataclass

from nami_bench.evaluation.questions.graph import QuestionSet
from nami_bench.evaluation.questions.metric import AsTheJudgeIsRead
from nami_bench.evaluation.questions.official_csv import Policy, read_dpg, read_dsg
from nami_bench.evaluation.questions.question_file import read_by
from nami_bench.evaluation.questions.rules import Zeroing


class Dpg(AsTheJudgeIsRead):
    """DPG-Bench (Hu et al. 2024, arXiv 2403.05135): zeroes are handed on in row order.

    Every question counts, also the first one of the file, over which the official script passes: for its
    figures run `nami-bench dpg`.
    """

    @dataclass(frozen=True, slots=True)
    class Options(AsTheJudgeIsRead.Options):
        """`policy`: what becomes of a file whose graph is not sound."""

        policy: Policy = Policy.CORRECTED

    name = "dpg"
    zeroing = Zeroing.IN_ROW_ORDER
    options: Options

    def _read(self) -> QuestionSet:
        return read_by(self.options.questions, lambda path: read_dpg(path, self.options.policy))

    @property
    def _settings(self) -> tuple[str, ...]:
        return _unless(Policy.CORRECTED, self.options.policy)


class Dsg(AsTheJudgeIsRead):
    """DSG (Cho et al. 2023, arXiv 2310.18235): a question does not count where a parent is wrong; that is not
    handed on."""

    @dataclass(frozen=True, slots=True)
    class Options(AsTheJudgeIsRead.Options):
        """`policy`: the published file is not sound, and is read as its own script reads it by default."""

        policy: Policy = Policy.OFFICIAL

    name = "dsg"
    zeroing = Zeroing.BY_ORIGINALS
    options: Options

    def _read(self) -> QuestionSet:
        return read_by(self.options.questions, lambda path: read_dsg(path, self.options.policy))

    @property
    def _settings(self) -> tuple[str, ...]:
        return _unless(Policy.OFFICIAL, self.options.policy)


def _unless(usual: Policy, policy: Policy) -> tuple[str, ...]:
    """A policy's name, where it is not the benchmark's usual one."""
    return () if policy is usual else (policy.value,)
