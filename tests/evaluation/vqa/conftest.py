"""Models that are asked about images."""

from tests.support.asked_models import llava_folder as llava_folder
from tests.support.asked_models import qwen_folder as qwen_folder
