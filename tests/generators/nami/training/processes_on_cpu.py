"""`nami-bench` as one of several processes on a CPU, each with a copy of the model or with a part of it.

accelerate shards between GPUs only; told that there are some, it does the same with processes on a CPU.
"""

import os

from accelerate.state import PartialState
from accelerate.utils import DistributedType

from nami_bench.cli import main

PartialState(cpu=True)
if "ACCELERATE_USE_FSDP" in os.environ:
    PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
main()
