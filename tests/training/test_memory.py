"""On Linux with glibc a training keeps the memory of its batches from step to step."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import torch
from fer_hub.training.memory import keep_memory
kept = keep_memory() if sys.argv[1] == "kept" else None

def faults(steps):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        torch.ones(1 << 24).add_(1)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults(10)
print(kept, faults(10) * resource.getpagesize() >> 20)
"""
"""Says how many MiB ten steps have mapped for the first time."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives large blocks back at once")
@pytest.mark.parametrize(("how", "least", "most"), [("kept", 0, 64), ("as it is", 500, 10**6)])
def test_memory_is_mapped_once(how, least, most):
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    kept, mapped = done.stdout.split()
    assert kept == ("True" if how == "kept" else "None")
    assert least <= int(mapped) <= most
