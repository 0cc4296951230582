"""What pages show of the house itself: the help of the commands, and the layers as a drawing."""

import ast

from tests.house.import_graph import LAYERS, import_graph, modules, room


def commands_page(texts: dict[str, str]) -> str:
    """docs/commands.md: the help of every command.

    Args:
        texts: command → its help, `fer-hub` itself first.
    """
    lines = [
        "# Commands",
        "",
        "`fer-hub` comes with the package (`pip install .` in a clone); `python -m fer_hub` is the same.",
        "An option with several values takes them one after the other: `--splits validation test`.",
        "After an error `--debug` shows where it came from.",
        "",
        "<!-- The help of the commands, written by: python docs/make.py --texts -->",
    ]
    for command, text in texts.items():
        lines += ["", f"## {command}", "", "```text", *(line.rstrip() for line in text.splitlines()), "```"]
    return "\n".join(lines) + "\n"


def layers_drawing(layers: tuple[tuple[str, ...], ...], graph: dict[str, set[str]], about: dict[str, str]) -> str:
    """The rooms of fer_hub from top to bottom as a Mermaid flowchart; an arrow is an import.

    An arrow is left out where a longer way says the same.

    Args:
        layers: rooms of each floor, the lowest first.
        graph: room → the rooms that it imports.
        about: room → what lives there, for those where the name does not tell.
    """
    reached: dict[str, set[str]] = {}
    arrows = []
    for rooms in layers:
        for name in rooms:
            below = graph.get(name, set()) - {name}
            reached[name] = below.union(*(reached[other] for other in below))
            arrows += [
                (name, other) for other in sorted(below) if not any(other in reached[way] for way in below - {other})
            ]
    lines = ["```mermaid", "flowchart TB"]
    for number, rooms in reversed(list(enumerate(layers))):
        lines += [f"    subgraph floor{number}[ ]"]
        for name in rooms:
            text = f"<br>{about[name]}" if name in about else ""
            lines += [f'        {_node(name)}["<b>{_node(name)}</b>{text}"]']
        lines += ["    end"]
    lines += [f"    {_node(name)} --> {_node(other)}" for name, other in reversed(arrows)]
    return "\n".join([*lines, "```"])


def _node(name: str) -> str:
    return name.rpartition(".")[2]


def house() -> str:
    """The drawing of the layers, from the source."""
    graph: dict[str, set[str]] = {}
    for name, others in import_graph().items():
        graph.setdefault(room(name), set()).update(room(other) for other in others)
    graph = {name: others - {"fer_hub"} for name, others in graph.items() if name != "fer_hub"}
    about = {}
    for name, path in modules().items():
        if path.name == "__init__.py" and name in graph:
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            about[name] = text.partition("\n")[0].partition(":")[0].replace("`", "").rstrip(".")
    return layers_drawing(tuple(tuple(each for each in rooms if each != "fer_hub") for rooms in LAYERS), graph, about)
