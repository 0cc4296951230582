"""Imports go downwards: no circles, and nothing from a lower floor to a higher one."""

import ast

from tests.house.import_graph import LAYERS, circles, floor, import_graph, modules, room

GRAPH = import_graph()


def test_every_module_lies_in_a_room():
    assert {room(name) for name in GRAPH} == {room for rooms in LAYERS for room in rooms}


def test_nothing_is_imported_in_a_circle():
    assert circles(GRAPH) == []


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"c"}}) == [["a", "b", "c"]]


def test_no_import_leads_upwards_or_sideways():
    against = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        for other in others
        if room(name) != room(other) and other != "fer_hub" and floor(name) <= floor(other)
    ]
    assert against == []


def test_packages_say_what_lives_there_and_what_they_import():
    for name, path in modules().items():
        if path.name == "__init__.py" and name not in ("fer_hub", "fer_hub.model"):
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
            assert text and "import" in text.lower() and ("Used by" in text or "imports it" in text), name
