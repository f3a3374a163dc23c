"""The small models that all metrics together need."""

from tests.support.aesthetic_models import clip_head as clip_head
from tests.support.asked_models import llava_folder as llava_folder
from tests.support.hpsv3 import hpsv3_instruction as hpsv3_instruction
from tests.support.preference_models import bert_folder as bert_folder
from tests.support.preference_models import hps_weights as hps_weights
from tests.support.preference_models import original_reward as original_reward
from tests.support.preference_models import pickscore_folder as pickscore_folder
from tests.support.preference_models import reward_weights as reward_weights
from tests.support.variety_models import dino_folder as dino_folder
