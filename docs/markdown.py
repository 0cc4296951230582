"""Small parts of Markdown that the figures of documents are made of."""

import textwrap


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def span(pair: tuple[float, float] | list[float]) -> str:
    return f"{100 * pair[0]:.1f} to {100 * pair[1]:.1f}"


def wrap(text: str) -> str:
    """A paragraph in lines of at most 118 characters."""
    return textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False)


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
