"""What follows a training and may fail without losing it: pictures, the card, the upload."""

import contextlib
import logging
from collections.abc import Iterator

logger = logging.getLogger("fer_hub.train")


class Afterwards:
    """Runs steps whose failure is one line of warning.

    Attributes:
        failed: what failed, in order.

    Example:
        >>> afterwards = Afterwards()
        >>> with afterwards.step("the plot", "run fer-hub refresh"):
        ...     raise OSError("disk full")
        >>> afterwards.failed
        ['the plot']
    """

    def __init__(self) -> None:
        self.failed: list[str] = []

    @contextlib.contextmanager
    def step(self, what: str, again: str) -> Iterator[None]:
        """Run the block; where it raises, warn.

        Args:
            what: is made by the block, as "the model card".
            again: how to make it later, as an order.
        """
        try:
            yield
        except Exception as error:
            self.failed.append(what)
            reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".;: ")
            logger.warning(f"{what} failed: {reason}; {again}.")
            logger.debug(what, exc_info=True)
