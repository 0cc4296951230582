"""Errors for visitors and clients: one sentence and no traceback."""

import gradio as gr

BROKEN = "The server failed on this request, and the error is in its log; please try another input."


def broken(number: str | None) -> str:
    """`BROKEN` with the id under which the log has the error.

    >>> broken("1a2b")
    'The server failed on this request, and the error is in its log under 1a2b; please try another input.'
    """
    return BROKEN.replace("in its log", f"in its log under {number}") if number else BROKEN


def refuse(sentence: str) -> gr.Error:
    """An error whose text is shown to the visitor or API client, without a traceback in the log."""
    return gr.Error(sentence, print_exception=False)


def short(value: object, length: int = 80) -> str:
    """A client's value, shortened for use in a sentence.

    >>> short("x" * 100, 10)
    "'xxxxxxxxx..."
    """
    text = repr(value[: length + 1] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= length else text[:length] + "..."
