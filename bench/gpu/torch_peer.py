#!/usr/bin/env python3
"""The networks of the speed comparison in PyTorch: writes their weights, and times them.

    torch_peer.py export FOLDER [S M L]                       FOLDER/NAME.safetensors, read by every engine
    torch_peer.py check FOLDER NAME "NUMBERS" [--device cuda|cpu]    compares its output with Halfstep's, in float32
    torch_peer.py time FOLDER NAME forward|train BATCH SECONDS --engine eager|compile [--device cuda|cpu] [--precision bf16|f32]

The network is torch_unet.py (beside this file, or named by TORCH_UNET). Activations and products are bfloat16 over
channels-last memory; a forward pass has bfloat16 weights, a training step float32 weights under autocast, the fused Adam and
a mean squared error. `compile` is torch.compile in the mode
max-autotune (--compile-mode), which records CUDA graphs. Prints one RESULT line.
NUMBERS are what Halfstep prints of its output for the same weights and input: sum, sum of magnitudes, element 5, the last.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import re
import statistics
import struct
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
NETWORKS = {
    "S": dict(image_size=32, in_channels=1, model_channels=64, out_channels=1, num_res_blocks=2,
              attention_resolutions=(16, 8), channel_mult=(1, 2, 2), num_classes=10, num_head_channels=32),
    "M": dict(image_size=32, in_channels=3, model_channels=128, out_channels=3, num_res_blocks=2,
              attention_resolutions=(16, 8), channel_mult=(1, 2, 2, 2), num_classes=10, num_head_channels=64),
    "L": dict(image_size=64, in_channels=3, model_channels=192, out_channels=3, num_res_blocks=3,
              attention_resolutions=(32, 16, 8), channel_mult=(1, 2, 3, 4), num_classes=1000, num_head_channels=64),
}
COMMON = dict(use_scale_shift_norm=True, resblock_updown=True, use_new_attention_order=True)
WARM_UP, MIN_RUNS, MAX_RUNS = 5, 10, 400
CHECK_TIMES, CHECK_LABELS = (10, 700), (1, 7)
COMPILE_MODE = ["max-autotune"]
CHECK_TOLERANCE = 1e-3  # of the mean magnitude, for an element; of the sum of magnitudes, for sums


def reference():
    for path in (os.environ.get("TORCH_UNET"), HERE / "torch_unet.py", HERE.parents[2] / "shared/reference/torch_unet.py"):
        if path and pathlib.Path(path).exists():
            spec = importlib.util.spec_from_file_location("torch_unet", path)
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module  # torch.compile looks its functions up by name
            spec.loader.exec_module(module)
            return module
    sys.exit("torch_peer: torch_unet.py is missing: name it by TORCH_UNET")


def plain(torch, name):
    """The network without the seconds that initialising its weights takes: they are read from a file."""
    module = torch.nn.init
    kept = {what: getattr(module, what) for what in ("kaiming_uniform_", "uniform_", "normal_", "zeros_", "ones_")}
    try:
        for what in kept:
            setattr(module, what, lambda tensor, *_, **__: tensor)
        return reference().UNet(**NETWORKS[name], **COMMON)
    finally:
        for what, function in kept.items():
            setattr(module, what, function)


def build(torch, name):
    torch.manual_seed(1)
    network = reference().UNet(**NETWORKS[name], **COMMON)
    with torch.no_grad():
        for parameter in network.parameters():  # layers that start at zero would hide differences
            if not parameter.any():
                parameter.normal_(0, 0.02)
    return network


def export(torch, folder, names):
    os.makedirs(folder, exist_ok=True)
    for name in names:
        header, chunks, offset = {}, [], 0
        for key, value in build(torch, name).state_dict().items():
            data = value.float().contiguous().numpy().tobytes()
            header[key] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [offset, offset + len(data)]}
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
        print(f"{path}: {len(header)} tensors, {offset / 4e6:.1f} M parameters")


def load(torch, network, path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    state = {}
    for key, entry in header.items():
        if key != "__metadata__":
            begin, end = entry["data_offsets"]
            state[key] = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float32).reshape(entry["shape"])
    network.load_state_dict(state)


def inputs(torch, name, batch, device, dtype):
    config = NETWORKS[name]
    side, channels = config["image_size"], config["in_channels"]
    count = batch * channels * side * side
    x = torch.sin(torch.arange(count, dtype=torch.float32) * 0.37).reshape(batch, channels, side, side)
    x = x.to(device, dtype).contiguous(memory_format=torch.channels_last)
    t = torch.arange(batch, dtype=torch.float32, device=device) + 100
    y = torch.arange(batch, device=device) % config["num_classes"]
    return x, t, y


def stored(torch, options, device):
    network = plain(torch, options.name)
    load(torch, network, pathlib.Path(options.folder, f"{options.name}.safetensors"))
    return network.to(device).to(memory_format=torch.channels_last)


def check(torch, options):
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    device = torch.device(options.device)
    network = stored(torch, options, device).eval()
    x, _, _ = inputs(torch, options.name, len(CHECK_TIMES), device, torch.float32)
    with torch.inference_mode():
        out = network(x, torch.tensor(CHECK_TIMES, dtype=torch.float32, device=device), torch.tensor(CHECK_LABELS, device=device))
    out = out.double().cpu().contiguous().flatten()
    ours = [out.sum().item(), out.abs().sum().item(), out[5].item(), out[-1].item()]
    theirs = [float(number) for number in re.findall(r"(?<![\w\[])-?\d+\.\d+(?:e-?\d+)?", options.numbers)]
    scales = [ours[1], ours[1], ours[1] / len(out), ours[1] / len(out)]
    errors = [abs(a - b) / scale for a, b, scale in zip(ours, theirs, scales)]
    passed = len(theirs) == len(ours) and max(errors) < CHECK_TOLERANCE
    print("PyTorch: sum %f abs %f [5] %f last %f" % tuple(ours))
    print(f"CHECK {'passed' if passed else 'failed'} {options.name}: Halfstep and PyTorch {torch.__version__}, same weights and input, "
          f"float32: largest relative difference {max(errors, default=float('nan')):.1e} (at most {CHECK_TOLERANCE:.0e})")
    sys.exit(0 if passed else 1)


def measure(torch, options):
    device = torch.device(options.device)
    dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
    if options.engine == "compile" and not hasattr(torch, "compile"):
        print(f"SKIPPED PyTorch {torch.__version__} has no torch.compile: 2.0 or newer is needed")
        return
    network = stored(torch, options, device)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high" if options.precision == "bf16" else "highest")
        torch.backends.cudnn.allow_tf32 = options.precision == "bf16"
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    if options.mode == "forward":
        network = network.to(dtype).eval()
        x, t, y = inputs(torch, options.name, options.batch, device, dtype)
        call = compiled(torch, network, options.engine)

        def run():
            with torch.inference_mode():
                return call(x, t, y)
    else:
        x, t, y = inputs(torch, options.name, options.batch, device, torch.float32)
        target = torch.randn_like(x)
        fused = {"fused": True} if device.type == "cuda" else {}
        adam = torch.optim.Adam(network.parameters(), lr=1e-4, **fused)

        def loss(x, t, y, target):
            with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
                out = network(x, t, y)
            return torch.nn.functional.mse_loss(out.float(), target)

        call = compiled(torch, loss, options.engine)

        def run():
            value = call(x, t, y, target)
            value.backward()
            adam.step()
            adam.zero_grad(set_to_none=True)
            return value

    started = time.perf_counter()
    for _ in range(WARM_UP):
        run()
        wait()
    prepared = time.perf_counter() - started
    times, start = [], time.perf_counter()
    while len(times) < MIN_RUNS or len(times) < MAX_RUNS and time.perf_counter() - start < options.seconds:
        before = time.perf_counter()
        run()
        wait()
        times.append(1e3 * (time.perf_counter() - before))
    memory = torch.cuda.max_memory_allocated() >> 20 if device.type == "cuda" else 0
    print(f"RESULT torch-{options.engine} {options.name} {options.mode} batch {options.batch}: median {statistics.median(times):.3f} ms "
          f"min {min(times):.3f} ms max {max(times):.3f} n {len(times)} | device memory {memory} MiB | torch {torch.__version__}, "
          f"cuDNN {torch.backends.cudnn.version()}, prepared in {prepared:.0f} s")


def compiled(torch, function, engine):
    return torch.compile(function, mode=COMPILE_MODE[0]) if engine == "compile" else function


def main():
    try:
        import torch
    except ImportError as missing:
        print(f"SKIPPED PyTorch was not found ({missing})")
        return
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    exporting = commands.add_parser("export")
    exporting.add_argument("folder")
    exporting.add_argument("names", nargs="*")
    checking = commands.add_parser("check")
    checking.add_argument("folder")
    checking.add_argument("name", choices=list(NETWORKS))
    checking.add_argument("numbers")
    checking.add_argument("--device", default="cuda")
    timing = commands.add_parser("time")
    timing.add_argument("folder")
    timing.add_argument("name", choices=list(NETWORKS))
    timing.add_argument("mode", choices=["forward", "train"])
    timing.add_argument("batch", type=int)
    timing.add_argument("seconds", type=float)
    timing.add_argument("--engine", choices=["eager", "compile"], default="eager")
    timing.add_argument("--compile-mode", default="max-autotune")
    timing.add_argument("--device", default="cuda")
    timing.add_argument("--precision", choices=["bf16", "f32"], default="bf16")
    options = parser.parse_args()
    if options.command == "export":
        export(torch, options.folder, options.names or list(NETWORKS))
    elif options.command == "check":
        check(torch, options)
    else:
        COMPILE_MODE[0] = options.compile_mode
        measure(torch, options)


main()
