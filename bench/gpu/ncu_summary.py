#!/usr/bin/env python3
"""ncu_summary.py FILE.csv: time, bytes and tensor instructions of the kernels that ncu measured, by name, the dearest first."""
import collections
import csv
import sys

METRICS = {"gpu__time_duration.sum": "time", "dram__bytes.sum": "bytes", "sm__inst_executed_pipe_tensor.sum": "tensor"}
SCALES = {"ns": 1e-3, "nsecond": 1e-3, "us": 1, "usecond": 1, "ms": 1e3, "msecond": 1e3, "s": 1e6, "second": 1e6,
          "byte": 1, "Kbyte": 1e3, "Mbyte": 1e6, "Gbyte": 1e9, "inst": 1, "": 1}


def main(path):
    kernels = collections.defaultdict(collections.Counter)
    with open(path, newline="") as file:
        lines = [line for line in file if line.startswith('"')]
    for row in csv.DictReader(lines):
        what = METRICS.get(row.get("Metric Name", ""))
        if what:
            name = row["Kernel Name"].split("(")[0].split("<")[0]
            kernels[name][what] += float(row["Metric Value"].replace(",", "")) * SCALES.get(row.get("Metric Unit", ""), 1)
            kernels[name]["count"] += what == "time"
    total = sum(each["time"] for each in kernels.values())
    print(f"NCU {sum(each['count'] for each in kernels.values())} launches, {total:.1f} us")
    for name, each in sorted(kernels.items(), key=lambda item: -item[1]["time"])[:30]:
        print(f"NCU {100 * each['time'] / max(total, 1e-9):5.1f} % {each['time']:9.1f} us {each['count']:5d} x {each['bytes'] / 1e6:9.2f} MB "
              f"tensor {each['tensor']:.2e} {name[:90]}")


main(sys.argv[1])
