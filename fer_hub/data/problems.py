"""Collects the problems in the rows of a source, so that one error can report them all."""

from __future__ import annotations

_SHOWN = 5


def shortened(text: object, most: int = 100) -> str:
    """Text as a sentence may quote it: the beginning of what is longer than `most` characters.

    >>> shortened("0 1 2 3 4 5 6 7 8 9", most=7)
    '0 1 2 3...'
    """
    text = str(text)
    return text if len(text) <= most else f"{text[:most]}..."


class Problems:
    """Bad rows of one source: keeps the descriptions of the first five and counts the others.

    >>> problems = Problems("faces.csv", unit="line")
    >>> problems.add(7, "2303 pixels")
    >>> problems.raise_if_any("download the file again")
    Traceback (most recent call last):
    ...
    ValueError: faces.csv: 1 bad row (line 7: 2303 pixels); download the file again.
    """

    def __init__(self, where: str, unit: str) -> None:
        self.where = where
        self.unit = unit
        self.count = 0
        self._shown: list[str] = []

    def add(self, position: int | str, text: str) -> None:
        """Record that the row at `position` (counted in `unit`) has the problem `text`."""
        self.count += 1
        if len(self._shown) < _SHOWN:
            self._shown.append(f"{self.unit} {position}: {shortened(text, 400)}")

    def raise_if_any(self, advice: str) -> None:
        """Raise a ValueError that lists the recorded rows and ends in `advice`, if there are any."""
        if not self.count:
            return
        more = f"; and {self.count - _SHOWN} more" if self.count > _SHOWN else ""
        rows = "1 bad row" if self.count == 1 else f"{self.count} bad rows"
        raise ValueError(f"{self.where}: {rows} ({'; '.join(self._shown)}{more}); {advice}.")
