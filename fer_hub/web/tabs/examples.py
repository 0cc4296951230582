"""Example photos as buttons with small pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from PIL import ImageOps

from fer_hub.images import load_image
from fer_hub.web.tabs.faces import data_url

SIDE = 112
"""Side of a thumbnail in pixels, twice what it takes on the page."""


@dataclass(frozen=True)
class Example:
    """An example photo: its file and what it shows, in a few words."""

    path: Path
    title: str

    def html(self, number: int) -> str:
        """The button that chooses it, with a picture of a few kB."""
        small = ImageOps.fit(load_image(self.path), (SIDE, SIDE), centering=(0.5, 0.2))
        name = escape(self.title)
        return (
            f'<button type="button" class="fer-example" data-number="{number}" aria-label="Example: {name}" '
            f'title="{name}"><img src="{data_url(small)}" width="{SIDE // 2}" height="{SIDE // 2}" alt=""></button>'
        )


def as_examples(paths: Sequence[str | Path]) -> list[Example]:
    """Examples of files, in their order; a file's name is its title.

    >>> as_examples(["a_group.jpg"])[0].title
    'a group'
    """
    return [Example(Path(path), Path(path).stem.replace("_", " ")) for path in paths]
