#!/usr/bin/env python3
"""The networks of the speed comparison in PyTorch: writes their weights, compares outputs, and times them.

    torch_peer.py export FOLDER [S M L D V]                   FOLDER/NAME.safetensors, read by every engine
    torch_peer.py check FOLDER NAME "NUMBERS" [--device cuda|cpu]    compares its output with Halfstep's, in float32
    torch_peer.py time FOLDER NAME forward|train BATCH SECONDS --engine ENGINE [--device cuda|cpu] [--precision bf16|f32]

torch_networks.py says what the networks are. Activations and products are bfloat16; a forward pass has bfloat16 weights, a
training step (S, M, L) float32 weights under autocast, the fused Adam and a mean squared error.

ENGINE is eager or compile, which is torch.compile in the mode max-autotune (--compile-mode) and records CUDA graphs. Memory is
channels-last and PyTorch picks the kernel of attention; what follows a hyphen chooses otherwise: compile-contiguous is
channels-first memory, and eager-cudnn, -flash, -efficient, -math name the kernel to prefer (2.6 or newer). Prints one RESULT
line.

NUMBERS are what Halfstep prints of its output for the same weights and input: sum, sum of magnitudes, element 5, the last.
"""
import argparse
import contextlib
import os
import re
import statistics
import sys
import time

MIN_RUNS, MAX_RUNS, WARM_UP = 10, 400, 5
# Of D and V on a CPU, where one run takes many seconds.
SLOW_RUNS, SLOW_WARM_UP = 2, 1
CHECK_TIMES, CHECK_LABELS = (10, 700), (1, 7)
CHECK_TOLERANCE = 1e-3  # of the mean magnitude, for an element; of the sum of magnitudes, for sums
ATTENTION = {"flash": "FLASH_ATTENTION", "cudnn": "CUDNN_ATTENTION", "efficient": "EFFICIENT_ATTENTION", "math": "MATH"}


def check(networks, torch, options):
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    device = torch.device(options.device)
    network = networks.stored(options.name, options.folder, device).to(memory_format=torch.channels_last).eval()
    x, _, _ = networks.inputs(options.name, len(CHECK_TIMES), device, torch.float32)
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


def attention(torch, kind):
    """A context in which attention is computed by the kernel of that name where it can, else by one of the others."""
    if kind is None:
        return contextlib.nullcontext()
    from torch.nn.attention import SDPBackend, sdpa_kernel

    names = [ATTENTION[kind]] + [name for name in ATTENTION.values() if name != ATTENTION[kind]]
    return sdpa_kernel([getattr(SDPBackend, name) for name in names], set_priority=True)


def measure(networks, torch, options):
    device = torch.device(options.device)
    dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
    engine, *choices = options.engine.split("-")
    kind = next((choice for choice in choices if choice in ATTENTION), None)
    if engine == "compile" and not hasattr(torch, "compile"):
        print(f"SKIPPED PyTorch {torch.__version__} has no torch.compile: 2.0 or newer is needed")
        return
    if kind and tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 6):
        print(f"SKIPPED PyTorch {torch.__version__} has no choice of attention: 2.6 or newer is needed")
        return
    layout = torch.contiguous_format if "contiguous" in choices else torch.channels_last
    network = networks.stored(options.name, options.folder, device)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high" if options.precision == "bf16" else "highest")
        torch.backends.cudnn.allow_tf32 = options.precision == "bf16"
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None

    def compiled(function):
        return torch.compile(function, mode=options.compile_mode) if engine == "compile" else function

    if options.mode == "forward":
        network = network.to(dtype).to(memory_format=layout).eval()
        x, t, y = networks.inputs(options.name, options.batch, device, dtype, layout)
        call = compiled(network)

        def run():
            with torch.inference_mode(), attention(torch, kind):
                return call(x, t, y)
    else:
        network = network.to(memory_format=layout)
        x, t, y = networks.inputs(options.name, options.batch, device, torch.float32, layout)
        target = torch.randn_like(x)
        fused = {"fused": True} if device.type == "cuda" else {}
        adam = torch.optim.Adam(network.parameters(), lr=1e-4, **fused)

        def loss(x, t, y, target):
            with contextlib.nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype=dtype):
                out = network(x, t, y)
            return torch.nn.functional.mse_loss(out.float(), target)

        call = compiled(loss)

        def run():
            with attention(torch, kind):
                value = call(x, t, y, target)
                value.backward()
            adam.step()
            adam.zero_grad(set_to_none=True)
            return value

    slow = device.type == "cpu" and options.name in networks.LATENT_NETWORKS
    least, warm_up = (SLOW_RUNS, SLOW_WARM_UP) if slow else (MIN_RUNS, WARM_UP)
    started = time.perf_counter()
    for _ in range(warm_up):
        out = run()
        wait()
    prepared = time.perf_counter() - started
    if options.mode == "forward" and not torch.isfinite(out).all():
        sys.exit(f"torch_peer: {options.name} has results that are not finite")
    times, start = [], time.perf_counter()
    while len(times) < least or len(times) < MAX_RUNS and time.perf_counter() - start < options.seconds:
        before = time.perf_counter()
        run()
        wait()
        times.append(1e3 * (time.perf_counter() - before))
    label = options.engine
    if engine == "compile" and options.compile_mode != "max-autotune":
        label += f"-{options.compile_mode}"
    memory = torch.cuda.max_memory_allocated() >> 20 if device.type == "cuda" else 0
    print(f"RESULT torch-{label} {options.name} {options.mode} batch {options.batch}: median {statistics.median(times):.3f} ms "
          f"min {min(times):.3f} ms max {max(times):.3f} n {len(times)} | device memory {memory} MiB | torch {torch.__version__}, "
          f"cuDNN {torch.backends.cudnn.version()}, {options.precision}, prepared in {prepared:.0f} s")


def engine(name):
    first, *choices = name.split("-")
    if first not in ("eager", "compile") or not set(choices) <= {"contiguous", *ATTENTION}:
        raise argparse.ArgumentTypeError(f"'{name}' is neither eager nor compile, alone or with -contiguous, -{', -'.join(ATTENTION)}")
    return name


def main():
    try:
        import torch
    except ImportError as missing:
        print(f"SKIPPED PyTorch was not found ({missing})")
        return
    sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
    import torch_networks as networks

    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    exporting = commands.add_parser("export")
    exporting.add_argument("folder")
    exporting.add_argument("names", nargs="*")
    checking = commands.add_parser("check")
    checking.add_argument("folder")
    checking.add_argument("name", choices=networks.NETWORKS)
    checking.add_argument("numbers")
    checking.add_argument("--device", default="cuda")
    timing = commands.add_parser("time")
    timing.add_argument("folder")
    timing.add_argument("name", choices=networks.NETWORKS)
    timing.add_argument("mode", choices=["forward", "train"])
    timing.add_argument("batch", type=int)
    timing.add_argument("seconds", type=float)
    timing.add_argument("--engine", type=engine, default="eager")
    timing.add_argument("--compile-mode", default="max-autotune")
    timing.add_argument("--device", default="cuda")
    timing.add_argument("--precision", choices=["bf16", "f32"], default="bf16")
    options = parser.parse_args()
    if options.command == "export":
        networks.export(options.folder, options.names or list(networks.PIXEL_NETWORKS))
    elif options.command == "check":
        check(networks, torch, options)
    else:
        measure(networks, torch, options)


main()
