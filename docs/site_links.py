"""A hook of mkdocs: links to files of the repository that are no page of the site become their names."""

import posixpath
import re

LINK = re.compile(r"!?\[(?P<text>[^\]]*)\]\((?P<target>[^)#:\s]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, page, **_) -> str:
    """The text of a page, as mkdocs calls it."""
    return without_outside_links(markdown, page.file.src_uri)


def without_outside_links(markdown: str, page: str) -> str:
    """A page whose links to files outside docs/ are texts.

    Args:
        markdown: the page.
        page: its path from docs/.

    Example:
        >>> without_outside_links("[the card](../checkpoints/fer2013/README.md), [training](training.md)", "python.md")
        'the card (`checkpoints/fer2013/README.md`), [training](training.md)'
    """

    def changed(found: re.Match) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), found["target"]))
        if not path.startswith("../"):
            return found[0]
        name = path.removeprefix("../")
        return f"`{name}`" if found["text"].strip("`") == name else f"{found['text']} (`{name}`)"

    return LINK.sub(changed, markdown)
