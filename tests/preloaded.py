"""Python programs in processes of their own, where what they do is the point and not how Python starts.

Importing torch, transformers and what stands on them takes five seconds, of a program that works for one. So one
process imports them, and forks for each program.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

FORKS = sys.platform.startswith("linux")
"""Elsewhere fork is missing, or unsafe once libraries are loaded; there each program starts Python anew."""

NEUTRAL = (
    "torch._dynamo", "torch.distributed.tensor", "torch.distributed.fsdp", "torch.distributed.checkpoint",
    "scipy.optimize", "sklearn.metrics", "pandas", "pyarrow.dataset", "httpx", "safetensors.torch",
)  # fmt: skip
"""Much of what transformers and datasets import, and nothing that reads the environment while it is imported."""

LARGE = (*NEUTRAL, "transformers.trainer", "transformers.pipelines", "accelerate", "datasets", "matplotlib.pyplot")
"""For programs that all have one environment.

Neither holds anything that starts threads, which a fork leaves behind, as ONNX Runtime does; nor anything of fer_hub,
which every program imports itself.
"""

SERVER = """
import gc, importlib, json, os, runpy, sys
gc.disable()
for name in sys.argv[1:]:
    importlib.import_module(name)
gc.freeze()
gc.enable()
while line := sys.stdin.readline():
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    words, folder, environment, *files = json.loads(line)
    for number, name in enumerate((os.devnull, *files)):
        opened = os.open(name, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    isolated = words[0] == "-I"
    kind, *rest = words[isolated:]
    own = {"-c": "", "-m": os.getcwd()}.get(kind, os.path.dirname(os.path.abspath(kind)))
    sys.path[:0] = [] if isolated else [own, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    if kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})
    elif kind == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [kind, *rest]
        runpy.run_path(kind, run_name="__main__")
    break
"""
"""Reads a program's words, folder and environment, and the files for what it says; answers with its exit code."""


class Preloaded:
    """A Python that has imported large libraries.

    Args:
        modules: what it has imported.
        folder: for what its programs say.
        environment: in which it imports, and of programs that have none of their own; that of this process if `None`.
    """

    def __init__(self, modules: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._environment = dict(os.environ if environment is None else environment)
        self._files = [folder / "stdout.txt", folder / "stderr.txt"]
        self._process = None
        if FORKS:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", SERVER, *modules], env=self._environment, cwd=folder,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip

    def run(
        self, words: Sequence[object], folder: Path, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess:
        """As `subprocess.run` of Python with these words, such as -c and a program, in a folder; -I may come first."""
        words, environment = [str(word) for word in words], dict(environment or self._environment)
        if self._process is None:
            command = [sys.executable, *words]
            return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        for file in self._files:
            file.write_text("")
        wanted = [words, str(folder), environment, *map(str, self._files)]
        print(json.dumps(wanted), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, "the process that forks has ended"
        said = (file.read_text(encoding="utf-8") for file in self._files)
        return subprocess.CompletedProcess(words, int(answer), *said)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.communicate()
