"""matplotlib without its global state: figures on a canvas of their own, and texts from outside shown as they are.

Used by whatever plots; needs matplotlib, which is imported at the first figure.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fer_hub.fonts import FALLBACK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BACKEND = "MPLBACKEND"
"""The variable that names a window or notebook for pyplot; Jupyter and Colab hand theirs on to what they start."""


def import_matplotlib() -> None:
    """Import matplotlib whatever `MPLBACKEND` says: it would refuse to be imported with the name of an absent one."""
    if "matplotlib" in sys.modules:
        return
    if BACKEND not in os.environ:
        return
    wanted = os.environ.pop(BACKEND)
    try:
        import matplotlib
    finally:
        os.environ[BACKEND] = wanted
    with contextlib.suppress(ValueError):  # for whoever uses pyplot in the same program
        matplotlib.rcParams["backend"] = wanted


@contextlib.contextmanager
def own_style() -> Iterator[None]:
    """matplotlib's own settings while a figure is made or saved, whatever a matplotlibrc says; also as a decorator.

    One in the working folder or in the user's home may ask for LaTeX, for which every text from outside would be a
    program, or for fonts that are not there.
    """
    import_matplotlib()
    import matplotlib

    kept = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")}
    with matplotlib.rc_context(kept):
        yield


def new_figure(**options: Any) -> "Figure":
    """A figure that is drawn by Agg and known to nobody else; no pyplot, which keeps every figure.

    Args:
        options: as for `matplotlib.figure.Figure`.
    """
    import_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(**options)
    FigureCanvasAgg(figure)
    return figure


def cover_scripts(figure: "Figure") -> None:
    """Let the texts of a figure have letters of Chinese, Japanese and Korean, which matplotlib's own font lacks.

    To be called before the figure is saved; it changes nothing for whoever else plots in this process.
    """
    from matplotlib.font_manager import FontProperties, fontManager
    from matplotlib.text import Text

    further = FontProperties(fname=FALLBACK).get_name()
    if further not in {entry.name for entry in fontManager.ttflist}:
        fontManager.addfont(FALLBACK)
    for text in figure.findobj(Text):
        text.set_fontfamily(["DejaVu Sans", further])


def plain(text: str) -> str:
    r"""A text from outside, such as the name of a folder, so that matplotlib shows it as it is.

    Between two dollar signs matplotlib reads a formula, labels that begin with _ are left out of legends, and it draws
    no text with surrogates, which names of files that are not UTF-8 have.

    Example:
        >>> plain("cost in $ or $$"), plain("_hidden")
        ('cost in \\$ or \\$\\$', ' _hidden')
    """
    text = text.encode("utf-8", "replace").decode("utf-8").replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text
