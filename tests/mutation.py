"""Mutation tests of the core: small changes to the code, each of which a test must notice.

    python -m tests.mutation --sample 60 --seed 1

Cosmic Ray makes the mutants. A sample takes places in the code with equal probability, and at each place one of the
mutants there. A mutant is tested in a copy of the work tree, with the doctests of its module and the few test files
that `COVERED` names; it is killed where one fails or takes far longer than before. What no file holds to be of the same
meaning (`EQUIVALENT`) and survives is a gap in the tests. The result goes to results/mutation.json.

A change of a type annotation is no mutant, as nothing runs it.
"""

import argparse
import difflib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_METRICS = ("tests/evaluation/test_metrics.py",)
_CALIBRATE = ("tests/evaluation/test_calibrate.py",)
_NETWORKS = ("tests/model/test_modeling.py", "tests/model/test_configuration.py")

COVERED: dict[str, tuple[str, ...]] = {
    "fer_hub/results.py": ("tests/test_results.py",),
    "fer_hub/detection/framing.py": ("tests/detection/test_framing.py",),
    "fer_hub/evaluation/temperature.py": _CALIBRATE,
    "fer_hub/evaluation/calibration.py": _CALIBRATE,
    "fer_hub/evaluation/metrics.py": _METRICS,
    "fer_hub/video/tracking.py": ("tests/video/test_tracking.py",),
    "fer_hub/web/gate.py": ("tests/app/test_gate_bounds.py", "tests/app/test_gate.py"),
    "fer_hub/model/configuration_fer.py": (
        "tests/model/test_configuration.py",
        "tests/hub/test_hostile_checkpoints.py",
    ),
    "fer_hub/model/image_processing_fer.py": (
        "tests/model/test_image_processing.py",
        "tests/hub/test_hostile_checkpoints.py",
    ),
    "fer_hub/model/modeling_fer.py": ("tests/model/test_modeling.py", "tests/model/test_as_transformers.py"),
    "fer_hub/model/zoo_plain_fer.py": _NETWORKS,
    "fer_hub/model/zoo_residual_fer.py": _NETWORKS,
    "fer_hub/model/zoo_efficientnet_fer.py": (*_NETWORKS, "tests/model/test_transfer.py"),
    "fer_hub/model/zoo_transfer_fer.py": (*_NETWORKS, "tests/model/test_transfer.py"),
}
"""Module → the test files that are to notice its mutants, the quickest first."""

_ALIKE = "what is zipped is always of the same length"

EQUIVALENT: dict[tuple[str, str], str] = {
    ("fer_hub/evaluation/metrics.py", "for n, c, a in zip(count, said / filled, right / filled, strict=False)"): _ALIKE,
    (
        "fer_hub/model/image_processing_fer.py",
        "return images[None] if axis >= 0 else images[..., None]",
    ): "the axis is 0 or -1",
    ("fer_hub/model/zoo_transfer_fer.py", "pairs = list(zip(self.image_mean, self.image_std, strict=False))"): _ALIKE,
    (
        "fer_hub/model/image_processing_fer.py",
        "black, white = values[rank], values[-1 ^ rank]",
    ): "-1 ^ rank is -1 - rank",
    (
        "fer_hub/model/image_processing_fer.py",
        "longer, shorter = max(width, height), max( 2, min(width, height))",
    ): "of images one pixel wide only those of two or three pixels are judged otherwise, and neither is large",
    (
        "fer_hub/model/image_processing_fer.py",
        "low, high = values.min(initial=0), values.max(initial= -1)",
    ): "only values below 0 have another maximum, and they are refused",
    (
        "fer_hub/model/zoo_residual_fer.py",
        "if stride > 1 or in_channels != out_channels:",
    ): "there is no stride below 1",
    (
        "fer_hub/model/zoo_transfer_fer.py",
        "layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=False)]",
    ): "the same values, with more memory",
    (
        "fer_hub/model/zoo_transfer_fer.py",
        "super().__init__(config, MobileNetV2Model(MobileNetV2Config(), add_pooling_layer=True))",
    ): "a pooling without weights, whose output is not used",
    (
        "fer_hub/model/zoo_residual_fer.py",
        "for size, depth in zip(config.hidden_sizes, config.depths, strict=False):",
    ): "FERConfig refuses other lengths",
}
"""(module, line of a mutant) → why it means the same as the original."""

PRELOADED = ("torch", "transformers", "numpy", "PIL.Image", "pytest", "hypothesis", "sklearn.metrics", "httpx", "av")
"""Imported once, before the processes of the mutants are forked; nothing of the repository is."""

LEAST_SECONDS = 60
"""A mutant's tests may take ten times as long as without it, and at least so long."""


@dataclass(frozen=True)
class Mutant:
    """A change at one place of a module.

    Attributes:
        module: path in the repository.
        line: from 1.
        where: the function or class around it, or "".
        operator: Cosmic Ray's name of the change.
        before, after: the changed line, without indentation.
        code: the whole changed module.
    """

    module: str
    line: int
    where: str
    operator: str
    before: str
    after: str
    code: str


def places(module: str) -> dict[tuple[int, int], list[tuple[str, int, str]]]:
    """Position in a module → the mutants there: (operator, occurrence, definition around it)."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.ast.ast_query import ASTQuery
    from cosmic_ray.plugins import get_operator, operator_names

    tree = get_ast((ROOT / module).read_text(encoding="utf-8"))
    nodes = list(ast_nodes(tree))
    found: dict[tuple[int, int], list[tuple[str, int, str]]] = {}
    for name in operator_names():
        if get_operator(name).arguments():
            continue
        operator, occurrence = get_operator(name)(), 0
        for node in nodes:
            for start, _ in operator.mutation_positions(node):
                if not _is_annotation(node):
                    found.setdefault(start, []).append((name, occurrence, ASTQuery(node).get_definition_name() or ""))
                occurrence += 1
    return found


def _is_annotation(node) -> bool:
    """Whether a node of a parso tree is part of a type annotation."""
    while node.parent is not None:
        parent = node.parent
        if parent.type in ("annassign", "tfpdef") and parent.children[-1 if parent.type == "tfpdef" else 1] is node:
            return True
        if parent.type == "funcdef" and parent.annotation is node:
            return True
        node = parent
    return False


def mutant(module: str, operator: str, occurrence: int, where: str) -> Mutant | None:
    """One mutant of a module; `None` if its code is the same, or none."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    code = (ROOT / module).read_text(encoding="utf-8")
    changed = mutate_code(code, get_operator(operator)(), occurrence)
    if changed is None or changed == code:
        return None
    old, new = code.splitlines(), changed.splitlines()
    for kind, first, last, start, end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            before, after = (" ".join(part).strip() for part in (old[first:last], new[start:end]))
            return Mutant(module, first + 1, where, operator.removeprefix("core/"), before, after, changed)
    return None


def sample(modules: Sequence[str], count: int | None, seed: int) -> Iterator[Mutant]:
    """Mutants at `count` places of these modules, drawn without replacement; at all places if `None`."""
    draw = random.Random(seed)
    every = [(module, each) for module in modules for each in sorted(places(module).items())]
    chosen = every if count is None else draw.sample(every, min(count, len(every)))
    for module, (_, kinds) in sorted(chosen, key=lambda place: list(modules).index(place[0])):
        made = mutant(module, *draw.choice(kinds))
        if made is not None:
            yield made


def copied(target: Path) -> None:
    """The files of the work tree that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def run_tests(copy: Path, module: str, seconds: float) -> str:
    """What the tests of a module say in a copy: "passed", "failed" or "timed out"; the output goes to COPY/../log."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            os._exit(_in_child(copy, module))
        finally:
            os._exit(3)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "passed" if status == 0 else "failed"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timed out"


def _in_child(copy: Path, module: str) -> int:
    import pytest

    os.setsid()
    log = os.open(copy.parent / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(log, number)
    os.chdir(copy)
    sys.path[:] = [str(copy), *(each for each in sys.path if each and Path(each).resolve() != ROOT)]
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "fer_hub", "benchmarks", "docs")]:
        del sys.modules[name]
    return pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", module, *COVERED[module]])


class Copy:
    """A copy of the work tree in which one module at a time is changed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._clock, self._seconds = folder / "copy", time.time(), {}
        copied(self.folder)

    def check(self, module: str) -> None:
        """Run the tests of an unchanged module, which must pass, and note how long they take."""
        begin = time.monotonic()
        if run_tests(self.folder, module, 1200) != "passed":
            log = (self.folder.parent / "log").read_text(errors="replace")
            raise SystemExit(f"the tests of {module} must pass before it is changed, but do not:\n{log[-3000:]}")
        self._seconds[module] = max(LEAST_SECONDS, 10 * (time.monotonic() - begin))

    def test(self, module: str, code: str) -> str:
        """What the tests of a module, which were checked, say if it has this code."""
        path = self.folder / module
        original = path.read_text(encoding="utf-8")
        self._write(path, code)
        try:
            return run_tests(self.folder, module, self._seconds[module])
        finally:
            self._write(path, original)

    def _write(self, path: Path, code: str) -> None:
        path.write_text(code, encoding="utf-8")
        self._clock += 2  # bytecode is told from older one by whole seconds
        os.utime(path, (self._clock, self._clock))


def measure(mutants: Sequence[Mutant], test: Callable[[str, str], str], say: Callable[[str], object] = print) -> dict:
    """Test mutants: JSON-ready counts, by module and in all, and every survivor."""
    modules: dict[str, dict[str, int]] = {}
    survivors = []
    for number, each in enumerate(mutants, 1):
        outcome = test(each.module, each.code)
        row = modules.setdefault(each.module, {"mutants": 0, "killed": 0, "timed_out": 0, "equivalent": 0})
        row["mutants"] += 1
        row["killed"] += outcome != "passed"
        row["timed_out"] += outcome == "timed out"
        if outcome == "passed":
            reason = EQUIVALENT.get((each.module, each.after))
            row["equivalent"] += reason is not None
            entry = {key: value for key, value in asdict(each).items() if key != "code"}
            survivors.append(entry | {"equivalent": reason})
        told = "killed" if outcome == "failed" else outcome.replace("passed", "SURVIVED")
        say(f"{number}/{len(mutants)} {told}: {each.module}:{each.line} {each.before!r} -> {each.after!r}")
    total = {key: sum(row[key] for row in modules.values()) for key in ("mutants", "killed", "timed_out", "equivalent")}
    return {**total, "modules": modules, "survivors": survivors}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.split("\n\n")[0])
    parser.add_argument("--sample", type=int, metavar="N", help="mutants to draw; without it one at every place")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default 0)")
    parser.add_argument("--module", action="append", choices=COVERED, help="only this one; may be repeated")
    parser.add_argument("--output", type=Path, default=ROOT / "results" / "mutation.json")
    options = parser.parse_args(argv)
    if options.sample is not None and options.sample < 1:
        parser.error(f"--sample must be at least 1, got {options.sample}.")
    from importlib import import_module
    from importlib.metadata import version

    for name in PRELOADED:
        import_module(name)
    modules = tuple(options.module or COVERED)
    mutants = list(sample(modules, options.sample, options.seed))
    with tempfile.TemporaryDirectory(prefix="mutation") as folder:
        copy = Copy(Path(folder))
        for module in dict.fromkeys(each.module for each in mutants):
            copy.check(module)
        result = measure(mutants, copy.test)
    head = {
        "tool": f"cosmic-ray {version('cosmic-ray')}",
        "places": sum(len(places(each)) for each in modules),
        "modules_in_all": len(modules),
    }
    from fer_hub.files import write_json

    write_json(options.output, {**head, "sample": options.sample, "seed": options.seed, **result})
    print(f"killed {result['killed']} of {result['mutants']}, {result['equivalent']} of the others are equivalent")


if __name__ == "__main__":
    main()
