"""The networks of the speed comparison in PyTorch: what they are, their weights and their inputs.

S, M and L are class-conditional pixel networks. D is the UNet of Stable Diffusion 1.5 (64x64x4 latents, 77 text tokens of
768), V its decoder to 512x512x3; both have random weights that float16 holds exactly. All share one signature, x, t, y: for D
`y` picks a row of a stored table of ten text contexts, V ignores t and y.

The modules are torch_unet.py, torch_latent_unet.py and torch_autoencoder.py: beside this file, in the folder of the file that
TORCH_UNET names, or in ../shared/reference beside the project.
"""
import ctypes
import importlib
import json
import os
import pathlib
import struct
import sys

import torch

HERE = pathlib.Path(__file__).resolve().parent
PIXEL_NETWORKS = {
    "S": dict(image_size=32, in_channels=1, model_channels=64, out_channels=1, num_res_blocks=2,
              attention_resolutions=(16, 8), channel_mult=(1, 2, 2), num_classes=10, num_head_channels=32),
    "M": dict(image_size=32, in_channels=3, model_channels=128, out_channels=3, num_res_blocks=2,
              attention_resolutions=(16, 8), channel_mult=(1, 2, 2, 2), num_classes=10, num_head_channels=64),
    "L": dict(image_size=64, in_channels=3, model_channels=192, out_channels=3, num_res_blocks=3,
              attention_resolutions=(32, 16, 8), channel_mult=(1, 2, 3, 4), num_classes=1000, num_head_channels=64),
}
COMMON = dict(use_scale_shift_norm=True, resblock_updown=True, use_new_attention_order=True)
LATENT_UNET = dict(in_channels=4, out_channels=4, block_out_channels=(320, 640, 1280, 1280), layers_per_block=2,
                   down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
                   up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3, cross_attention_dim=768, attention_head_dim=8)
AUTOENCODER = dict(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(128, 256, 512, 512), layers_per_block=2)
CONTEXTS, TOKENS = 10, 77
LATENT_NETWORKS = ("D", "V")
NETWORKS = (*PIXEL_NETWORKS, *LATENT_NETWORKS)
INITIALISERS = ("kaiming_uniform_", "uniform_", "normal_", "zeros_", "ones_")
DTYPES = {"F32": torch.float32, "F16": torch.float16}


def module(name):
    named = os.environ.get("TORCH_UNET")
    folders = [pathlib.Path(named).parent] if named else []
    for folder in (*folders, HERE, HERE.parents[2] / "shared/reference"):
        if (folder / f"{name}.py").exists():
            if str(folder) not in sys.path:  # the modules import each other
                sys.path.insert(0, str(folder))
            return importlib.import_module(name)
    sys.exit(f"torch_peer: {name}.py is missing: put it beside this file, or name the folder's torch_unet.py by TORCH_UNET")


class TextUNet(torch.nn.Module):
    """The latent UNet, its text looked up by number."""

    def __init__(self):
        super().__init__()
        self.network = module("torch_latent_unet").LatentUNet(**LATENT_UNET)
        self.register_buffer("contexts", torch.randn(CONTEXTS, TOKENS, LATENT_UNET["cross_attention_dim"]))

    def forward(self, x, t, y):
        return self.network(x, t, self.contexts[y])


class Decoder(torch.nn.Module):
    """Latents to a picture."""

    def __init__(self):
        super().__init__()
        self.network = module("torch_autoencoder").AutoencoderKL(**AUTOENCODER)

    def forward(self, x, t, y):
        return self.network.decode(x)


def bare(name):
    if name == "D":
        return TextUNet()
    if name == "V":
        return Decoder()
    return module("torch_unet").UNet(**PIXEL_NETWORKS[name], **COMMON)


def build(name):
    torch.manual_seed(1)
    network = bare(name)
    with torch.no_grad():
        for parameter in network.parameters():
            if name in LATENT_NETWORKS:
                parameter.copy_(parameter.half().float())
            elif not parameter.any():  # layers that start at zero would hide differences
                parameter.normal_(0, 0.02)
    return network


def stored(name, folder, device):
    """The network with the weights of FOLDER/NAME.safetensors, without the seconds that initialising takes.

    D and V, which are large, have random weights made on the device where there is no such file.
    """
    path = pathlib.Path(folder, f"{name}.safetensors")
    kept = {what: getattr(torch.nn.init, what) for what in INITIALISERS}
    try:
        for what in kept:
            setattr(torch.nn.init, what, lambda tensor, *_, **__: tensor)
        if hasattr(torch, "set_default_device"):
            with torch.device(device):
                network = bare(name)
        else:
            network = bare(name)
    finally:
        for what, function in kept.items():
            setattr(torch.nn.init, what, function)
    if name in LATENT_NETWORKS and not path.exists():
        randomise(network)
    else:
        load(network, path)
    return network.to(device)


def randomise(network):
    """Weights of about the size that keeps activations' size: what is timed must not overflow."""
    with torch.no_grad():
        for parameter in network.parameters():
            inputs = parameter[0].numel() if parameter.dim() > 1 else 0
            parameter.normal_(0, inputs**-0.5) if inputs else parameter.uniform_(0.5, 1)
        for contexts in network.buffers():
            contexts.normal_()


def export(folder, names):
    os.makedirs(folder, exist_ok=True)
    for name in names:
        kind, dtype = ("F16", torch.float16) if name in LATENT_NETWORKS else ("F32", torch.float32)
        header, chunks, offset = {}, [], 0
        for key, value in build(name).state_dict().items():
            value = value.to(dtype).contiguous()
            data = ctypes.string_at(value.data_ptr(), value.numel() * value.element_size())  # numpy may not be there
            header[key.removeprefix("network.")] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [offset, offset + len(data)]}
            chunks.append(data)
            offset += len(data)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        path = pathlib.Path(folder, f"{name}.safetensors")
        with open(f"{path}.new", "wb") as out:
            out.write(struct.pack("<Q", len(text)))
            out.write(text)
            out.writelines(chunks)
        os.replace(f"{path}.new", path)
        print(f"{path}: {len(header)} tensors, {offset / torch.finfo(dtype).bits * 8 / 1e6:.1f} M parameters")


def load(network, path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = memoryview(bytearray(file.read()))
    prefix = "network." if isinstance(network, (TextUNet, Decoder)) else ""
    state = {}
    for key, entry in header.items():
        if key != "__metadata__":
            begin, end = entry["data_offsets"]
            name = key if key == "contexts" else prefix + key
            state[name] = torch.frombuffer(data[begin:end], dtype=DTYPES[entry["dtype"]]).reshape(entry["shape"])
    network.load_state_dict(state)


def inputs(name, batch, device, dtype, layout=torch.channels_last):
    if name in LATENT_NETWORKS:
        side, channels, labels = 64, 4, CONTEXTS
    else:
        config = PIXEL_NETWORKS[name]
        side, channels, labels = config["image_size"], config["in_channels"], config["num_classes"]
    count = batch * channels * side * side
    x = torch.sin(torch.arange(count, dtype=torch.float32) * 0.37).reshape(batch, channels, side, side)
    x = x.to(device, dtype).contiguous(memory_format=layout)
    t = torch.arange(batch, dtype=torch.float32, device=device) + 100
    y = torch.arange(batch, device=device) % labels
    return x, t, y
