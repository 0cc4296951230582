"""How the app tells visitors and clients what is wrong: one sentence that reaches them, and no traceback."""

import gradio as gr

BROKEN = "The server made a mistake with this request; it is noted in its log, please try another input."


def refuse(sentence: str) -> gr.Error:
    """An error whose text reaches the visitor or API client and whose traceback stays out of the log."""
    return gr.Error(sentence, print_exception=False)


def short(value: object, length: int = 80) -> str:
    """A value that a client sent, as it may be repeated in a sentence.

    >>> short("x" * 100, 10)
    "'xxxxxxxxx..."
    """
    text = repr(value[: length + 1] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= length else text[:length] + "..."
