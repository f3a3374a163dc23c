"""Tiny models of the classes that the preference predictors are, with random weights."""

import json
from pathlib import Path
from typing import Any

import pytest

TINY_TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
HPS_ARCHITECTURE = "tiny-hps"


@pytest.fixture(scope="session")
def pickscore_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIPModel of transformers, CLIP's own vocabulary, an image processor: what save_pretrained writes."""
    import open_clip
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("models") / "tiny-pickscore"
    marks = {"bos_token_id": 49406, "eos_token_id": 49407, "max_position_embeddings": 77}
    config = transformers.CLIPConfig(
        projection_dim=16,
        text_config={**TINY_TOWER, **marks},
        vision_config={**TINY_TOWER, "image_size": 32, "patch_size": 16},
    )
    torch.manual_seed(1)
    network = transformers.CLIPModel(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(6 if parameter.ndim > 1 else 1)  # as drawn, all images would look alike
        network.logit_scale.fill_(3.0)
    network.save_pretrained(folder)
    clip = open_clip.tokenizer.SimpleTokenizer()
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocab = {names.get(token, token): number for token, number in clip.encoder.items()}
    transformers.CLIPTokenizer(vocab=vocab, merges=list(clip.bpe_ranks)).save_pretrained(folder)
    processor = transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def hps_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as HPSv2's authors publish theirs, of an architecture that open_clip is told of."""
    import open_clip
    import torch

    tiny: dict[str, Any] = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
    }
    folder = tmp_path_factory.mktemp("models")
    (folder / f"{HPS_ARCHITECTURE}.json").write_text(json.dumps(tiny))
    open_clip.add_model_config(folder / f"{HPS_ARCHITECTURE}.json")
    torch.manual_seed(3)
    torch.save({"epoch": 1, "state_dict": open_clip.CLIP(**tiny).state_dict()}, folder / "HPS_tiny.pt")
    return folder / "HPS_tiny.pt"


WORDS = ("a", "cat", "red", "chair", "in", "the", "rain", "dog", "sleeps", "on", "old", "window", ".", ",")


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT vocabulary of a few words and all letters."""
    return write_bert(tmp_path_factory.mktemp("models") / "tiny-bert")


def write_bert(folder: Path) -> Path:
    """The folder, as transformers reads it."""
    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *letters[1:]]
    tokens += [f"##{letter}" for letter in letters]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    return folder


class OriginalReward:
    """ImageReward built of timm's image encoder and transformers' BERT: the parts that its authors' code
    copies, under the names of their checkpoint."""

    def __init__(self) -> None:
        import timm
        import torch
        import transformers

        torch.manual_seed(5)
        self.eye = timm.models.VisionTransformer(
            img_size=32, patch_size=16, embed_dim=128, depth=3, num_heads=2, num_classes=0, global_pool=""
        ).eval()
        config = transformers.BertConfig(
            vocab_size=80,
            hidden_size=128,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=64,
            is_decoder=True,
            add_cross_attention=True,
        )
        self.reader = transformers.BertModel(config, add_pooling_layer=False).eval()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(128, 24), torch.nn.Dropout(0.2), torch.nn.Linear(24, 8), torch.nn.Linear(8, 1)
        ).eval()
        with torch.no_grad():
            for name, parameter in [*self.eye.named_parameters(), *self.reader.named_parameters()]:
                if "norm" not in name.lower():
                    parameter.copy_(torch.randn_like(parameter) * 0.2)
            self.reader.embeddings.token_type_embeddings.weight.zero_()  # BLIP has none

    def state_dict(self) -> dict[str, Any]:
        named = {f"blip.visual_encoder.{name}": t for name, t in self.eye.state_dict().items()}
        text = {n: t for n, t in self.reader.state_dict().items() if "token_type" not in n}
        named |= {f"blip.text_encoder.{name}": t for name, t in text.items()}
        named |= {f"mlp.layers.{name}": t for name, t in self.layers.state_dict().items()}
        # What the published file holds besides, and nothing needs.
        import torch

        return {
            **named,
            "blip.vision_proj.weight": torch.zeros(4, 128),
            "blip.text_proj.bias": torch.zeros(4),
        }

    def reward(self, pixels: Any, ids: list[int]) -> float:
        """The raw reward of one image (3, 32, 32) and one text with its marks."""
        import torch

        size = len(ids)
        with torch.no_grad():
            seen = self.eye.forward_features(pixels[None])
            read = self.reader(
                input_ids=torch.tensor([ids]),
                # 4-dimensional: every token sees every other one, though BERT is told that it is a decoder.
                attention_mask=torch.zeros(1, 1, size, size),
                encoder_hidden_states=seen,
            )
            return float(self.layers(read.last_hidden_state[:, 0]))


@pytest.fixture(scope="session")
def original_reward() -> OriginalReward:
    return OriginalReward()


@pytest.fixture(scope="session")
def reward_weights(original_reward: OriginalReward, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    path = tmp_path_factory.mktemp("models") / "ImageReward.pt"
    torch.save(original_reward.state_dict(), path)
    return path
