"""Configuration of the tiny model in modeling_tiny.py; loaded through trust_remote_code."""

from transformers import PretrainedConfig


class TinyConfig(PretrainedConfig):
    model_type = "cogvlm2_interface"

    def __init__(
        self,
        vocab_size=64,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        vision_config=None,
        template_version="chat",
        initializer_range=0.02,
        **kwargs,
    ):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.vision_config = vision_config or {"image_size": 16, "patch_size": 4}
        self.template_version = template_version
        self.initializer_range = initializer_range
        super().__init__(**kwargs)
