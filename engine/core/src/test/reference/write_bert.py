"""Writes resources/reference/bert: a small encoder of BERT's kind in float64, with the gradients that PyTorch's autograd gives.

    /usr/bin/python3 write_bert.py     needs PyTorch; the tests read what it wrote and need nothing

Weights are hashes of their names (checkpoint.HashedTensors). The layers are torch.nn's and torch.nn.functional's.
"""
import json
import math
import struct
import zlib
from pathlib import Path

import torch
import torch.nn.functional as F

MODEL = {"hidden_act": "gelu", "hidden_size": 12, "intermediate_size": 20, "layer_norm_eps": 1e-12, "max_position_embeddings": 11,
         "model_type": "bert", "num_attention_heads": 3, "num_hidden_layers": 2, "position_embedding_type": "absolute",
         "type_vocab_size": 2, "vocab_size": 30}
TOKENS = 9
LENGTHS = [9, 5]
TOLERANCE = {"states": 1e-5, "mean": 1e-5, "grad": 5e-5}


def hashed(name, count):
    seed, out = zlib.crc32(name.encode()), []
    for i in range(count):
        h = (seed + (i + 1) * 0x9E3779B9) & 0xFFFFFFFF
        h ^= h >> 16
        h = (h * 0x85EBCA6B) & 0xFFFFFFFF
        h ^= h >> 13
        h = (h * 0xC2B2AE35) & 0xFFFFFFFF
        h ^= h >> 16
        out.append(h / 2**31 - 1)
    return torch.tensor(out, dtype=torch.float64)


def shapes():
    d, inner = MODEL["hidden_size"], MODEL["intermediate_size"]
    out = {"embeddings.word_embeddings.weight": (MODEL["vocab_size"], d),
           "embeddings.position_embeddings.weight": (MODEL["max_position_embeddings"], d),
           "embeddings.token_type_embeddings.weight": (MODEL["type_vocab_size"], d)}

    def pair(name, *shape):
        out[name + ".weight"], out[name + ".bias"] = shape, shape[:1]

    pair("embeddings.LayerNorm", d)
    for i in range(MODEL["num_hidden_layers"]):
        layer = f"encoder.layer.{i}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            pair(layer + "attention." + part, d, d)
        pair(layer + "attention.output.LayerNorm", d)
        pair(layer + "intermediate.dense", inner, d)
        pair(layer + "output.dense", d, inner)
        pair(layer + "output.LayerNorm", d)
    return out


def weights():
    out = {}
    for name, shape in shapes().items():
        r = hashed(name, math.prod(shape)).reshape(shape)
        if len(shape) > 1:
            value = r * math.sqrt(3 / math.prod(shape[1:]))
        else:
            value = 1 + 0.1 * r if name.endswith(".weight") else 0.1 * r
        out[name] = value.float().double().requires_grad_()     # as float32 holds it
    return out


def forward(w, ids, types):
    n, t = ids.shape
    d, heads = MODEL["hidden_size"], MODEL["num_attention_heads"]

    def linear(name, x):
        return F.linear(x, w[name + ".weight"], w[name + ".bias"])

    def norm(name, x):
        return F.layer_norm(x, (d,), w[name + ".weight"], w[name + ".bias"], MODEL["layer_norm_eps"])

    seen = torch.arange(t)[None, :] < torch.tensor(LENGTHS)[:, None]
    mask = torch.zeros(n, 1, 1, t, dtype=torch.float64).masked_fill(~seen[:, None, None, :], -math.inf)
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:t] \
        + w["embeddings.token_type_embeddings.weight"][types]
    x = norm("embeddings.LayerNorm", x)
    for i in range(MODEL["num_hidden_layers"]):
        layer = f"encoder.layer.{i}."
        q, k, v = (linear(layer + "attention.self." + part, x).reshape(n, t, heads, d // heads).transpose(1, 2)
                   for part in ("query", "key", "value"))
        scores = q @ k.transpose(2, 3) / math.sqrt(d // heads) + mask
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, d)
        x = norm(layer + "attention.output.LayerNorm", x + linear(layer + "attention.output.dense", y))
        x = norm(layer + "output.LayerNorm",
                 x + linear(layer + "output.dense", F.gelu(linear(layer + "intermediate.dense", x))))
    mean = (x * seen[:, :, None]).sum(1) / torch.tensor(LENGTHS)[:, None]
    return x, mean


def write(path, tensors, metadata):
    header, blob = {"__metadata__": metadata}, b""
    for name, (dtype, tensor) in tensors.items():
        data = tensor.detach().numpy().astype({"F32": "<f4", "I64": "<i8"}[dtype]).tobytes()
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + blob)


def main():
    folder = Path(__file__).parent.parent / "resources" / "reference" / "bert"
    n = len(LENGTHS)
    ids = ((hashed("ids", n * TOKENS) + 1) / 2 * MODEL["vocab_size"]).long().reshape(n, TOKENS)
    types = torch.tensor([[0] * 4 + [1] * 5, [0] * TOKENS])
    w = weights()
    states, mean = forward(w, ids, types)
    dstates = hashed("dstates", states.numel()).reshape(states.shape).float().double()
    dmean = hashed("dmean", mean.numel()).reshape(mean.shape).float().double()
    ((states * dstates).sum() + (mean * dmean).sum()).backward()
    zero = [f"encoder.layer.{i}.attention.self.key.bias" for i in range(MODEL["num_hidden_layers"])]
    norms = [float(p.grad.norm()) for name, p in w.items() if name not in zero]
    floor = 1e-3 * math.sqrt(sum(norm**2 for norm in norms) / len(norms))
    tensors = {"ids": ("I64", ids), "types": ("I64", types), "lengths": ("I64", torch.tensor(LENGTHS)),
               "states": ("F32", states), "mean": ("F32", mean), "dstates": ("F32", dstates), "dmean": ("F32", dmean)}
    tensors.update({"grad." + name: ("F32", p.grad) for name, p in w.items()})
    metadata = {f"tol.{name}": repr(value) for name, value in TOLERANCE.items()}
    metadata.update(grad_floor=repr(floor), zero_gradients=",".join(zero))
    write(folder / "io.safetensors", tensors, metadata)
    write(folder / "weights.safetensors", {name: ("F32", p) for name, p in w.items()}, {})
    config = {"model": MODEL, "tokens": TOKENS, "weights": ["weights.safetensors"], "io": "io.safetensors", "parameters": sum(p.numel() for p in w.values()),
              "tolerance": TOLERANCE, "grad_floor": floor, "zero_gradients": zero}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


if __name__ == "__main__":
    main()
