"""The import graph of fer_hub, read from its source: which module imports which, wherever the import stands.

What fer_hub/__init__.py says to type checkers alone is left out; no other file may hide an import so.
"""

import ast
from pathlib import Path

import fer_hub

PACKAGE = Path(fer_hub.__file__).resolve().parent

LAYERS = (
    ("fer_hub.environment", "fer_hub.fonts", "fer_hub.tiff_bounds", "fer_hub.forking", "fer_hub.own_numbers"),
    (
        "fer_hub",
        "fer_hub.files",
        "fer_hub.boxes",
        "fer_hub.heic",
        "fer_hub.image_bounds",
        "fer_hub.image_modes",
        "fer_hub.extras",
        "fer_hub.fetching",
        "fer_hub.figures",
        "fer_hub.ahead",
        "fer_hub.given_images",
        "fer_hub.image_sources",
        "fer_hub.importing",
    ),
    ("fer_hub.images", "fer_hub.results"),
    ("fer_hub.drawing",),
    ("fer_hub.model", "fer_hub.detection"),
    ("fer_hub.hub",),
    ("fer_hub.inference",),
    ("fer_hub.pipeline",),
    ("fer_hub.data", "fer_hub.video", "fer_hub.on_ray"),
    ("fer_hub.evaluation",),
    ("fer_hub.training", "fer_hub.onnx"),
    ("fer_hub.web",),
    ("fer_hub.commands",),
    ("fer_hub.__main__",),
)
"""Rooms from the bottom to the top. A module may import its own room and those on lower floors."""


def modules() -> dict[str, Path]:
    """Module name → source file, for all of fer_hub."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def import_graph() -> dict[str, set[str]]:
    """Module → the modules of fer_hub that it imports, also inside functions; `from package import module` included."""
    known = modules()
    graph: dict[str, set[str]] = {}
    for name, path in known.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        graph[name] = set()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if name == "fer_hub":
            tree.body = [node for node in tree.body if not isinstance(node, ast.If) or not _for_types(node)]
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                graph[name] |= {alias.name for alias in node.names if alias.name in known}
            elif isinstance(node, ast.ImportFrom):
                above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                home = ".".join([*above, *([node.module] if node.module else [])])
                whole = [f"{home}.{alias.name}" for alias in node.names]
                graph[name] |= {each if each in known else home for each in whole if each in known or home in known}
        graph[name].discard(name)
    return graph


def _for_types(node: ast.If) -> bool:
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def room(module: str) -> str:
    """The room of a module: a package directly in fer_hub, or a module at its top."""
    return ".".join(module.split(".")[:2])


def floor(module: str) -> int:
    """The number of a module's layer, 0 at the bottom.

    Raises:
        ValueError: the module lies in no room of `LAYERS`.
    """
    for number, rooms in enumerate(LAYERS):
        if room(module) in rooms:
            return number
    raise ValueError(f"{module} must lie in a room of tests/house/import_graph.py, got {room(module)}; add it there.")


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other in a circle (Tarjan's strongly connected components of more than one).

    Example:
        >>> circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}})
        [['b', 'c']]
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return sorted(found)
