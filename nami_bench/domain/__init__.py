"""The vocabulary of the project: frozen values that every other package takes and returns.

Standard library only. Tables, files and web pages are converted to and from these types at the edges; there
is one type for each thing.
"""

from nami_bench.domain.account import SIMULATED_PREFIX as SIMULATED_PREFIX
from nami_bench.domain.account import Annotator as Annotator
from nami_bench.domain.account import Role as Role
from nami_bench.domain.clauses import GENEVAL_CLASSES as GENEVAL_CLASSES
from nami_bench.domain.clauses import GENEVAL_COLORS as GENEVAL_COLORS
from nami_bench.domain.clauses import GENEVAL_RELATIONS as GENEVAL_RELATIONS
from nami_bench.domain.clauses import GENEVAL_TASKS as GENEVAL_TASKS
from nami_bench.domain.criteria import Criteria as Criteria
from nami_bench.domain.criteria import Criterion as Criterion
from nami_bench.domain.criteria import CriterionText as CriterionText
from nami_bench.domain.criteria import Total as Total
from nami_bench.domain.image import SELECTION as SELECTION
from nami_bench.domain.image import ImageRecord as ImageRecord
from nami_bench.domain.image import ImageState as ImageState
from nami_bench.domain.image import ModelCard as ModelCard
from nami_bench.domain.image import Score as Score
from nami_bench.domain.image import SetScore as SetScore
from nami_bench.domain.judgement import Assignment as Assignment
from nami_bench.domain.judgement import CheckAnswer as CheckAnswer
from nami_bench.domain.judgement import Comparison as Comparison
from nami_bench.domain.judgement import Event as Event
from nami_bench.domain.judgement import Flag as Flag
from nami_bench.domain.judgement import Rating as Rating
from nami_bench.domain.names import checked_name as checked_name
from nami_bench.domain.names import matching_name as matching_name
from nami_bench.domain.names import name_in_text as name_in_text
from nami_bench.domain.names import name_key as name_key
from nami_bench.domain.names import person_name as person_name
from nami_bench.domain.prompt import STRATA as STRATA
from nami_bench.domain.prompt import Prompt as Prompt
from nami_bench.domain.prompt import PromptFile as PromptFile
from nami_bench.domain.prompt import PromptSet as PromptSet
from nami_bench.domain.prompt import prompt_id as prompt_id
from nami_bench.domain.proposal import PromptSubmission as PromptSubmission
from nami_bench.domain.proposal import SubmissionState as SubmissionState
from nami_bench.domain.question import Question as Question
from nami_bench.domain.ranking import Ranking as Ranking
from nami_bench.domain.ranking import Ranks as Ranks
from nami_bench.domain.stopping import Budget as Budget
from nami_bench.domain.stopping import Rule as Rule
from nami_bench.domain.stopping import Stopped as Stopped
from nami_bench.domain.stopping import Stopping as Stopping
from nami_bench.domain.study import CheckItem as CheckItem
from nami_bench.domain.study import CheckKind as CheckKind
from nami_bench.domain.study import Checks as Checks
from nami_bench.domain.study import Mode as Mode
from nami_bench.domain.study import Outcome as Outcome
from nami_bench.domain.study import Pairs as Pairs
from nami_bench.domain.study import Panel as Panel
from nami_bench.domain.study import Study as Study
