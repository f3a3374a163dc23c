"""The NAMI transformer: FLUX's MM-DiT blocks, of which each stage runs the first ones."""

from dataclasses import asdict
from typing import Any, ClassVar, NamedTuple

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.attention import AttentionMixin
from diffusers.models.embeddings import CombinedTimestepTextProjEmbeddings, get_1d_rotary_pos_embed
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.normalization import AdaLayerNormContinuous
from diffusers.models.transformers.transformer_flux import FluxSingleTransformerBlock, FluxTransformerBlock
from diffusers.utils.accelerate_utils import apply_forward_hook
from diffusers.utils.torch_utils import maybe_adjust_dtype_for_device
from torch import Tensor, nn

from nami_bench.errors import InputError
from nami_bench.generators.nami.config import NamiConfig

ROPE_THETA = 10000.0


class TextConditioning(NamedTuple):
    """The text side of a forward pass: the same in every step and stage, so computed once.

    `context` is (batch, text tokens, width), `pooled` (batch, width), or None to condition without it.
    """

    context: Tensor
    pooled: Tensor | None


class NamiSingleTransformerBlock(FluxSingleTransformerBlock):
    """FLUX's single-stream block on tokens that are joined already, text first.

    The stock block joins and splits the two streams anew in every block; weights and results are the same.
    """

    def forward(self, hidden_states: Tensor, temb: Tensor, image_rotary_emb: tuple[Tensor, Tensor]) -> Tensor:
        """(batch, text + image tokens, width) -> the same shape."""
        normed, gate = self.norm(hidden_states, emb=temb)
        attended = self.attn(hidden_states=normed, image_rotary_emb=image_rotary_emb)
        expanded = self.act_mlp(self.proj_mlp(normed))
        update = self.proj_out(torch.cat([attended, expanded], dim=2))
        hidden_states = hidden_states + gate.unsqueeze(1) * update
        if hidden_states.dtype == torch.float16:
            hidden_states = hidden_states.clip(-65504, 65504)
        return hidden_states


class NamiTransformer2DModel(ModelMixin, AttentionMixin, ConfigMixin):
    """Predicts the velocity of NAMI's flow (arXiv 2503.09242, section 3).

    Stage k runs every double-stream block, then the first `stage_singleblock_index[k]` single-stream
    blocks, then the output layers that all stages share; other blocks are not touched. With
    `stage_singleblock_index` a single number, or the same one for every stage, it is a plain MM-DiT.

    The arguments are the fields of `NamiConfig`, which checks them.
    """

    _supports_gradient_checkpointing = True
    _no_split_modules: ClassVar = ["FluxTransformerBlock", "NamiSingleTransformerBlock"]
    _skip_layerwise_casting_patterns: ClassVar = ["norm"]
    _repeated_blocks: ClassVar = ["FluxTransformerBlock", "NamiSingleTransformerBlock"]

    @register_to_config
    def __init__(
        self,
        in_channels: int = 64,
        num_layers: int = 8,
        num_single_layers: int = 14,
        attention_head_dim: int = 128,
        num_attention_heads: int = 16,
        joint_attention_dim: int = 4096,
        pooled_projection_dim: int = 1024,
        axes_dims_rope: tuple[int, ...] = (16, 56, 56),
        stage_singleblock_index: tuple[int, ...] = (1, 8, 14),
        ntk_factor: float = 1.0,
        sample_size: int = 128,
    ) -> None:
        super().__init__()
        self.shape = NamiConfig(
            in_channels=in_channels,
            num_layers=num_layers,
            num_single_layers=num_single_layers,
            attention_head_dim=attention_head_dim,
            num_attention_heads=num_attention_heads,
            joint_attention_dim=joint_attention_dim,
            pooled_projection_dim=pooled_projection_dim,
            axes_dims_rope=tuple(axes_dims_rope),
            stage_singleblock_index=tuple(stage_singleblock_index),
            ntk_factor=ntk_factor,
            sample_size=sample_size,
        )
        width = self.shape.inner_dim
        heads = {"num_attention_heads": num_attention_heads, "attention_head_dim": attention_head_dim}
        self.time_text_embed = CombinedTimestepTextProjEmbeddings(width, pooled_projection_dim)
        self.context_embedder = nn.Linear(joint_attention_dim, width)
        self.x_embedder = nn.Linear(in_channels, width)
        self.transformer_blocks = nn.ModuleList(
            FluxTransformerBlock(dim=width, **heads) for _ in range(num_layers)
        )
        self.single_transformer_blocks = nn.ModuleList(
            NamiSingleTransformerBlock(dim=width, **heads) for _ in range(num_single_layers)
        )
        self.norm_out = AdaLayerNormContinuous(width, width, elementwise_affine=False, eps=1e-6)
        self.proj_out = nn.Linear(width, in_channels)
        self.gradient_checkpointing = False

    @classmethod
    def from_shape(cls, shape: NamiConfig) -> "NamiTransformer2DModel":
        """A model of this shape with random weights."""
        return cls(**asdict(shape))

    @apply_forward_hook
    def project_text(
        self, encoder_hidden_states: Tensor, pooled_projections: Tensor | None
    ) -> TextConditioning:
        """Bring the text to the transformer's width.

        `encoder_hidden_states` is (batch, text tokens, joint_attention_dim); `pooled_projections` is
        (batch, pooled_projection_dim), or None to leave the pooled text out of the conditioning altogether,
        which is not the same as zeros.
        """
        pooled = None
        if pooled_projections is not None:
            pooled = self.time_text_embed.text_embedder(pooled_projections)
        return TextConditioning(self.context_embedder(encoder_hidden_states), pooled)

    def rotary_embedding(self, img_ids: Tensor, txt_ids: Tensor, stage: int = -1) -> tuple[Tensor, Tensor]:
        """(cos, sin) for text and image positions, each float32 (text + image tokens, head width).

        Ids are (tokens, axes). With `ntk_factor` f other than 1, stage 0 divides the frequencies by f and
        the other stages multiply theta by f.
        """
        first = self._stage(stage) == 0
        factor = self.shape.ntk_factor
        positions = torch.cat((txt_ids, img_ids)).float()
        parts = [
            get_1d_rotary_pos_embed(
                dim,
                positions[:, axis],
                theta=ROPE_THETA if first else ROPE_THETA * factor,
                linear_factor=factor if first else 1.0,
                use_real=True,
                freqs_dtype=maybe_adjust_dtype_for_device(torch.float64, positions.device),
            )
            for axis, dim in enumerate(self.shape.axes_dims_rope)
        ]
        return torch.cat([cos for cos, _ in parts], dim=-1), torch.cat([sin for _, sin in parts], dim=-1)

    def forward(
        self,
        hidden_states: Tensor,
        *,
        timestep: Tensor,
        stage: int = -1,
        encoder_hidden_states: Tensor | None = None,
        pooled_projections: Tensor | None = None,
        img_ids: Tensor | None = None,
        txt_ids: Tensor | None = None,
        text: TextConditioning | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
        return_dict: bool = True,
    ) -> Transformer2DModelOutput | tuple[Tensor]:
        """Velocity for packed latents (batch, image tokens, in_channels), in the same shape.

        `timestep` is (batch,), in 0..1 (the flow's timestep / 1000); `stage` counts from 0, -1 is the
        last. For text and positions see `project_text` and `rotary_embedding`; what these return stays the
        same from step to step and may be handed in ready, as `text` and `image_rotary_emb`.
        """
        stage = self._stage(stage)
        if text is None:
            if encoder_hidden_states is None:
                raise InputError("the transformer needs encoder_hidden_states, or text")
            text = self.project_text(encoder_hidden_states, pooled_projections)
        if image_rotary_emb is None:
            if img_ids is None or txt_ids is None:
                raise InputError("the transformer needs img_ids and txt_ids, or image_rotary_emb")
            image_rotary_emb = self.rotary_embedding(img_ids, txt_ids, stage)
        hidden_states = self.x_embedder(hidden_states)
        temb = self._conditioning(timestep, text.pooled, hidden_states.dtype)
        context = text.context
        for block in self.transformer_blocks:
            context, hidden_states = self._run(block, hidden_states, context, temb, image_rotary_emb)
        tokens = torch.cat((context, hidden_states), dim=1)
        # A slice of a ModuleList would build a new one in every pass.
        for index in range(self.shape.stage_singleblock_index[stage]):
            tokens = self._run(self.single_transformer_blocks[index], tokens, temb, image_rotary_emb)
        hidden_states = tokens[:, context.shape[1] :]
        output = self.proj_out(self.norm_out(hidden_states, temb))
        return Transformer2DModelOutput(sample=output) if return_dict else (output,)

    def _conditioning(self, timestep: Tensor, pooled: Tensor | None, dtype: torch.dtype) -> Tensor:
        embed = self.time_text_embed
        # Scaled in the model's dtype: its rounding of the timestep is part of the model.
        sinusoids = embed.time_proj(timestep.to(dtype) * 1000)
        conditioning = embed.timestep_embedder(sinusoids.to(dtype))
        return conditioning if pooled is None else conditioning + pooled

    def _run(self, block: nn.Module, *args: object) -> Any:
        if self.gradient_checkpointing and torch.is_grad_enabled():
            return self._gradient_checkpointing_func(block, *args)
        return block(*args)

    def _stage(self, stage: int) -> int:
        stages = self.shape.num_stages
        if not -stages <= stage < stages:
            raise InputError(f"there is no stage {stage}: this model has stages 0 to {stages - 1}")
        return stage % stages
