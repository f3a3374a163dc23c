"""Preference models, tiny and of the libraries' own classes."""

from tests.support.aesthetic_models import clip_head as clip_head
from tests.support.aesthetic_models import siglip_folder as siglip_folder
from tests.support.aesthetic_models import siglip_head as siglip_head
from tests.support.hpsv3 import hpsv3_instruction as hpsv3_instruction
from tests.support.preference_models import bert_folder as bert_folder
from tests.support.preference_models import hps_weights as hps_weights
from tests.support.preference_models import original_reward as original_reward
from tests.support.preference_models import pickscore_folder as pickscore_folder
from tests.support.preference_models import reward_weights as reward_weights
