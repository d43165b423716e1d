"""Prints the embeddings in ClipImageTest: CLIP's image encoder in float64 with hashed weights (checkpoint.HashedTensors).

    /usr/bin/python3 clip_image.py     needs NumPy

Written from section 4.4 of the specification alone.
"""
import math
import zlib

import numpy as np

SIDE, PATCH, WIDTH, INNER, LAYERS, HEADS, EMBEDDING = 12, 4, 24, 40, 2, 3, 10


def hashed(name, count):
    i = np.arange(1, count + 1, dtype=np.uint64)
    h = (zlib.crc32(name.encode()) + i * 0x9E3779B9) & 0xFFFFFFFF
    h ^= h >> np.uint64(16)
    h = (h * 0x85EBCA6B) & 0xFFFFFFFF
    h ^= h >> np.uint64(13)
    h = (h * 0xC2B2AE35) & 0xFFFFFFFF
    h ^= h >> np.uint64(16)
    return h / 2.0**31 - 1


def weight(name, *shape):
    count = math.prod(shape)
    if len(shape) > 1:
        value = hashed(name, count) * math.sqrt(3 / (count // shape[0]))
    else:
        value = 0.1 * hashed(name, count) + (1 if name.endswith(".weight") else 0)
    return value.astype(np.float32).astype(np.float64).reshape(shape)


def linear(name, x, out):
    return x @ weight(name + ".weight", out, x.shape[-1]).T + weight(name + ".bias", out)


def norm(name, x):
    centred = x - x.mean(-1, keepdims=True)
    x = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return x * weight(name + ".weight", x.shape[-1]) + weight(name + ".bias", x.shape[-1])


def embed(image, quick):
    """image: [SIDE, SIDE, 3]"""
    n = SIDE // PATCH
    kernel = weight("vision_model.embeddings.patch_embedding.weight", WIDTH, 3, PATCH, PATCH)
    patches = [np.einsum("yxc,ocyx->o", image[y * PATCH:(y + 1) * PATCH, x * PATCH:(x + 1) * PATCH], kernel)
               for y in range(n) for x in range(n)]
    x = np.stack([weight("vision_model.embeddings.class_embedding", WIDTH)] + patches)
    x = norm("vision_model.pre_layrnorm", x + weight("vision_model.embeddings.position_embedding.weight", n * n + 1, WIDTH))
    for i in range(LAYERS):
        layer = f"vision_model.encoder.layers.{i}."
        h = norm(layer + "layer_norm1", x)
        q, k, v = (linear(layer + f"self_attn.{part}_proj", h, WIDTH) for part in "qkv")
        parts, d = [], WIDTH // HEADS
        for head in range(HEADS):
            s = slice(head * d, (head + 1) * d)
            e = np.exp(q[:, s] @ k[:, s].T / math.sqrt(d))
            parts.append(e / e.sum(1, keepdims=True) @ v[:, s])
        x = x + linear(layer + "self_attn.out_proj", np.concatenate(parts, 1), WIDTH)
        h = linear(layer + "mlp.fc1", norm(layer + "layer_norm2", x), INNER)
        h = h / (1 + np.exp(-1.702 * h)) if quick else h * 0.5 * (1 + np.vectorize(math.erf)(h / math.sqrt(2)))
        x = x + linear(layer + "mlp.fc2", h, WIDTH)
    return norm("vision_model.post_layernorm", x[0]) @ weight("visual_projection.weight", EMBEDDING, WIDTH).T


if __name__ == "__main__":
    picture = hashed("image", 2 * SIDE * SIDE * 3).reshape(2, SIDE, SIDE, 3)
    for quick in (True, False):
        for one in picture:
            print(quick, " ".join(f"{value:.7f}" for value in embed(one.astype(np.float32).astype(np.float64), quick)))
