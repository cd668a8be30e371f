"""A random vision part for the tiny model (LLaVA's kind): with it the engine takes images. It sees nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.engine import gguf
from tests.engine.gguf import Array
from tests.engine.tiny_model import NAMED, ONE
from tests.engine.tiny_model import WIDTH as MODEL_WIDTH

SEED = 1
PATCH, PICTURE = 14, 28
"""Pixels: a picture becomes four tokens."""
WIDTH, INNER, LAYERS, HEADS = 32, 64, 2, 2


def write(path: Path, seed: int = SEED) -> None:
    """Write the vision part to ``path`` as GGUF. The same seed gives the same bytes."""
    gguf.write(path, _fields(), _tensors(np.random.default_rng(seed)))


def _fields() -> dict[str, bytes]:
    sizes = {
        "image_size": PICTURE,
        "patch_size": PATCH,
        "embedding_length": WIDTH,
        "feed_forward_length": INNER,
        "projection_dim": MODEL_WIDTH,
        "block_count": LAYERS,
        "attention.head_count": HEADS,
    }
    return {
        "general.architecture": gguf.string("clip"),
        "general.type": gguf.string("mmproj"),
        "general.name": gguf.string("tiny-random-vision"),
        "general.file_type": gguf.u32(0),
        "clip.has_vision_encoder": gguf.boolean(True),
        "clip.projector_type": gguf.string("mlp"),
        "clip.use_gelu": gguf.boolean(True),
        "clip.vision.attention.layer_norm_epsilon": gguf.f32(1e-5),
        "clip.vision.image_mean": gguf.floats([0.5] * 3),
        "clip.vision.image_std": gguf.floats([0.5] * 3),
        **{f"clip.vision.{name}": gguf.u32(size) for name, size in sizes.items()},
    }


def _tensors(rng: np.random.Generator) -> dict[str, Array]:
    def random(*shape: int) -> Array:
        return np.divide(rng.standard_normal(shape), np.sqrt(shape[-1]))

    tensors = {
        "v.class_embd": random(WIDTH),
        "v.patch_embd.weight": random(WIDTH, 3, PATCH, PATCH),
        "v.position_embd.weight": random((PICTURE // PATCH) ** 2 + 1, WIDTH),
        "v.pre_ln.weight": np.ones(WIDTH),
        "v.pre_ln.bias": random(WIDTH),
    }
    squares = {f"attn_{part}": (WIDTH, WIDTH) for part in ("q", "k", "v", "out")}
    for layer in range(LAYERS):
        for name, shape in {**squares, "ffn_up": (INNER, WIDTH), "ffn_down": (WIDTH, INNER)}.items():
            tensors[f"v.blk.{layer}.{name}.weight"] = random(*shape)
            tensors[f"v.blk.{layer}.{name}.bias"] = random(shape[0])
        for name in ("ln1", "ln2"):
            tensors[f"v.blk.{layer}.{name}.weight"] = np.ones(WIDTH)
            tensors[f"v.blk.{layer}.{name}.bias"] = random(WIDTH)
    return tensors | _projector(random(MODEL_WIDTH, WIDTH), random(MODEL_WIDTH), random(MODEL_WIDTH, MODEL_WIDTH) * 0.1)


def _projector(first: Array, first_bias: Array, last: Array) -> dict[str, Array]:
    """From what is seen to the model's state, whose named dimensions are not touched."""
    last_bias = np.zeros(MODEL_WIDTH)
    last[:NAMED] = 0
    last_bias[ONE] = 1
    return {"mm.0.weight": first, "mm.0.bias": first_bias, "mm.2.weight": last, "mm.2.bias": last_bias}
