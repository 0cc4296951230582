"""Notes above results, as HTML: what was found, what runs, and what went wrong."""

from html import escape


def told(sentence: str, aside: str = "", of: str = "") -> str:
    """A note, and what is less important beside it; `of` names the result that it belongs to.

    >>> told("1 face found.", "Others may be missing.")
    '<p>1 face found. <span class="fer-aside">Others may be missing.</span></p>'
    """
    more = f' <span class="fer-aside">{escape(aside)}</span>' if aside else ""
    mark = f' data-of="{escape(of)}"' if of else ""
    return f"<p{mark}>{escape(sentence)}{more}</p>"


def busy(sentence: str, share: float | None = None) -> str:
    """A note while something runs, with a bar if it is known how much of it is done, 0 to 1."""
    bar = "" if share is None else f'<progress value="{share:.3f}" aria-label="Progress"></progress>'
    return f'<p class="fer-busy">{escape(sentence)}</p>{bar}'


def problem(sentence: str) -> str:
    """A note that says what went wrong; it stays until the next input.

    >>> problem("the file is damaged.")
    '<p class="fer-problem">The file is damaged.</p>'
    """
    return f'<p class="fer-problem">{escape(sentence[:1].upper() + sentence[1:])}</p>'
