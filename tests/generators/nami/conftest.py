"""The original implementation's golden vectors, and tiny NAMI models with random weights."""

import importlib.util
import json
import shutil
import string
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from nami_bench.generators.nami.config import NamiConfig

DATA = Path(__file__).parents[2] / "data" / "nami"
LETTERS = string.ascii_lowercase
TINY = NamiConfig(
    in_channels=16,
    num_layers=2,
    num_single_layers=4,
    attention_head_dim=16,
    num_attention_heads=2,
    joint_attention_dim=24,
    pooled_projection_dim=12,
    axes_dims_rope=(4, 6, 6),
    stage_singleblock_index=(1, 2, 4),
    sample_size=16,
)

if importlib.util.find_spec("torch") is None:
    # Only what needs no torch: the rest belongs to the extra `models`.
    collect_ignore_glob = [
        f"test_nami_{part}.py"
        for part in (
            "transformer",
            "bridge",
            "pipeline",
            "weights",
            "convert",
            "generator",
            "bench",
            "bench_schedules",
        )
    ]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny tensors: threads cost more than they bring, the more so beside other tests."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def read_json() -> Callable[[str], Any]:
    return lambda name: json.loads((DATA / name).read_text())


class Golden:
    """The golden set: a transformer, a bridge, their inputs, and what the original made of them."""

    def __init__(self) -> None:
        from safetensors.torch import load_file

        from nami_bench.generators.nami.bridge import BridgeFlow
        from nami_bench.generators.nami.transformer import NamiTransformer2DModel

        self.facts = json.loads((DATA / "golden_a.json").read_text())
        self.tensors = load_file(DATA / "golden_a.safetensors")
        config = self.facts["transformer_config"]
        # The original's further settings say what is always so here.
        assert config.pop("patch_size") == 1
        assert config.pop("guidance_embeds") is False
        side = self.facts["latent_hw"][0]
        self.transformer = NamiTransformer2DModel(**config, sample_size=side)
        self.transformer.load_state_dict(self.under("transformer."))
        self.bridge = BridgeFlow(len(config["stage_singleblock_index"]), 4, (side, side))
        self.bridge.load_state_dict(self.under("bridge_flow."))

    def under(self, prefix: str) -> dict[str, Any]:
        return {k.removeprefix(prefix): v for k, v in self.tensors.items() if k.startswith(prefix)}


@pytest.fixture(scope="session")
def golden() -> Golden:
    return Golden()


@pytest.fixture
def tiny_pipeline() -> Any:
    """A whole pipeline, 64x64 pixels, with text encoders, tokenizers and VAE; random weights."""
    return make_pipeline(TINY)


def make_pipeline(shape: NamiConfig) -> Any:
    import torch
    from transformers import BertTokenizer, T5Tokenizer

    from nami_bench.generators.nami.bridge import BridgeFlow
    from nami_bench.generators.nami.pipeline import NamiPipeline
    from nami_bench.generators.nami.scheduler import NamiEulerScheduler
    from nami_bench.generators.nami.transformer import NamiTransformer2DModel

    torch.manual_seed(0)
    bridge = BridgeFlow(shape.num_stages, shape.in_channels // 4, (shape.sample_size, shape.sample_size))
    for parameter in bridge.parameters():
        torch.nn.init.normal_(parameter, 1.0, 0.3)
    stages = shape.num_stages
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*LETTERS, *(f"##{letter}" for letter in LETTERS)]
    pipeline = NamiPipeline(
        transformer=NamiTransformer2DModel(**asdict(shape)).eval(),
        bridge=bridge,
        scheduler=NamiEulerScheduler(tuple(k / stages for k in range(stages + 1))),
        vae=_vae(shape.in_channels // 4),
        text_encoder=_mclip(shape.pooled_projection_dim),
        tokenizer=BertTokenizer(vocab={token: n for n, token in enumerate(specials + pieces)}),
        text_encoder_2=_mt5(shape.joint_attention_dim),
        tokenizer_2=T5Tokenizer(
            vocab=[(token, -1.0) for token in ("<pad>", "</s>", "<unk>", "▁", *LETTERS)], extra_ids=0
        ),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _vae(latent_channels: int) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(4, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        latent_channels=latent_channels,
        norm_num_groups=2,
        scaling_factor=0.36,
        shift_factor=0.11,
        use_quant_conv=False,
        use_post_quant_conv=False,
    ).eval()


def _mclip(width: int) -> Any:
    from transformers import BertConfig

    from nami_bench.generators.nami.text import BertTextEncoder

    config = BertConfig(
        vocab_size=64,
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=77,
    )
    return BertTextEncoder(config).eval()


def _mt5(width: int) -> Any:
    from transformers import MT5Config, MT5EncoderModel

    config = MT5Config(vocab_size=64, d_model=width, d_kv=8, d_ff=16, num_heads=2, num_layers=2)
    return MT5EncoderModel(config).eval()


@pytest.fixture(scope="session")
def _release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    write_release(make_pipeline(TINY), folder)
    return folder


@pytest.fixture
def release(_release: Path, tmp_path: Path) -> Path:
    """A folder laid out as NAMI's released weights are, of a tiny model; may be damaged."""
    return shutil.copytree(_release, tmp_path / "release")


@pytest.fixture(scope="session")
def converted(_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny release, converted; for reading only."""
    from nami_bench.generators.nami.convert import convert

    folder = tmp_path_factory.mktemp("converted") / "tiny"
    convert(_release, folder, TINY)
    return folder


def write_release(pipeline: Any, folder: Path) -> None:
    import torch

    for name in ("transformer", "mclip/tokenizer", "mclip/clip_text_encoder", "mt5"):
        (folder / name).mkdir(parents=True)
    torch.save(pipeline.transformer.state_dict(), folder / "transformer" / "pytorch_model_fsdp.bin")
    torch.save(pipeline.bridge.state_dict(), folder / "bridge_flow.bin")
    pipeline.vae.save_pretrained(folder / "vae")
    encoder = folder / "mclip" / "clip_text_encoder"
    pipeline.text_encoder.config.save_pretrained(encoder)
    torch.save(pipeline.text_encoder.state_dict(), encoder / "pytorch_model.bin")
    vocabulary = pipeline.tokenizer.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    (folder / "mclip" / "tokenizer" / "vocab.txt").write_text("\n".join(tokens) + "\n")
    pipeline.text_encoder_2.config.save_pretrained(folder / "mt5")
    # The released file holds the decoder, too.
    decoder = {"decoder.block.0.layer.0.weight": torch.zeros(2), "lm_head.weight": torch.zeros(2)}
    state = {**pipeline.text_encoder_2.state_dict(), **decoder}
    torch.save(state, folder / "mt5" / "pytorch_model.bin")
    (folder / "mt5" / "spiece.model").write_bytes(_sentencepiece())
    (folder / "mt5" / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "T5Tokenizer", "extra_ids": 0}'
    )


def _sentencepiece() -> bytes:
    """A sentencepiece model as mT5's is: unigrams, <pad>, </s> and <unk> first."""
    import io

    import sentencepiece

    model = io.BytesIO()
    words = ["a red apple on the moon", "two blue dogs and one cat", "best quality, high quality"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(words * 4),
        model_writer=model,
        vocab_size=60,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    return model.getvalue()
