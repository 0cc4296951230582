"""The probabilities of every face over time, in bounded memory, and their plot."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_hub.video.tracking import TrackedFace

SHORTEST = 0.001
"""A frame counts for at least so many seconds; some files have several at the same time."""

PANELS = 6
"""Number of faces in the plot; its title gives the total."""

_DASHES = ((), (6, 2), (2, 1.5), (6, 2, 2, 2), (10, 3), (1, 1), (4, 1, 1, 1, 1, 1), (8, 1.5, 1, 1.5))
"""Dash patterns of the emotions, so that the curves do not differ by colour alone."""


@dataclass(frozen=True)
class FaceCurve:
    """One face over time.

    Attributes:
        face_id: as in `TrackedFace`.
        first, last: when it was first and last seen, in seconds.
        frames: number of analysed frames that show it.
        times: float array (points,), the mean time of each bin in seconds.
        probabilities: float array (points, labels), the mean of each bin.
        mean: label → mean probability over the time that it is seen.
        seconds: how long it is seen; a frame lasts until the next one that is analysed.
    """

    face_id: int
    first: float
    last: float
    frames: int
    times: np.ndarray
    probabilities: np.ndarray
    mean: dict[str, float]
    seconds: float


class _Sums:
    """Sums of one face per time bin: row k holds seconds, and weighted by them the time and every probability."""

    def __init__(self, bins: int, columns: int, time: float) -> None:
        self.table = np.zeros((bins, columns))
        self.first = self.last = time
        self.frames, self.seconds = 0, 0.0

    def merge(self) -> None:
        """Merge each pair of neighbouring bins."""
        half = self.table.shape[0] // 2
        self.table[:half] = self.table[0::2] + self.table[1::2]
        self.table[half:] = 0


class Timeline:
    """Probabilities over time, averaged in bins that grow with the length of the video.

    Means are over time and not over frames, which recordings of screens and phones have at irregular times. Memory is
    bounded by `max_points` rows for each of `max_faces` faces. When there are more faces, the one seen for the shortest
    time is dropped.

    Args:
        labels: names of the emotions, in the order of the model.
        max_points: number of bins; must be even.
        max_faces: largest number of faces kept.
        resolution: initial bin width in seconds; doubled whenever the video outgrows the bins.
    """

    def __init__(
        self, labels: Sequence[str], *, max_points: int = 600, max_faces: int = 64, resolution: float = 0.04
    ) -> None:
        self.labels = list(labels)
        self.max_points, self.max_faces, self.resolution = max_points + max_points % 2, max_faces, resolution
        self.seconds = 0.0
        self._highest_id = 0
        self._faces: dict[int, _Sums] = {}
        self._newest: tuple[float, dict[int, list[float]]] | None = None  # which lasts until the next one
        self._step = resolution

    def add(self, time: float, faces: Sequence[TrackedFace]) -> None:
        """Add the faces of a frame.

        Args:
            time: seconds since the start of the video; must not decrease.
            faces: the faces of that frame; may be empty.
        """
        if self._newest is not None:
            self._settle(time - self._newest[0])
        self.seconds = max(self.seconds, time)
        while time >= self.resolution * self.max_points:
            self.resolution *= 2
            for sums in self._faces.values():
                sums.merge()
        for face in faces:
            sums = self._faces.get(face.face_id)
            if sums is None:
                sums = self._faces[face.face_id] = _Sums(self.max_points, 2 + len(self.labels), time)
                self._make_room(face.face_id)
            self._highest_id = max(self._highest_id, face.face_id)
            sums.last = time
            sums.frames += 1
        rows = {face.face_id: [1.0, time, *(face.probabilities[n] for n in self.labels)] for face in faces}
        self._newest = time, rows

    def _settle(self, seconds: float) -> None:
        """Count the newest frame, which lasted so long."""
        time, rows = self._newest
        self._newest, self._step = None, max(seconds, SHORTEST)
        for face_id, row in rows.items():
            if sums := self._faces.get(face_id):
                sums.table[int(time / self.resolution)] += self._step * np.array(row)
                sums.seconds += self._step

    @property
    def faces(self) -> list[FaceCurve]:
        """The faces kept, those seen longest first; the last frame counts as long as the one before it."""
        if self._newest is not None:
            self._settle(self._step)
        curves = []
        for face_id, sums in sorted(self._faces.items(), key=lambda item: (-round(item[1].seconds, 6), item[0])):
            table = sums.table[sums.table[:, 0] > 0]
            mean = table[:, 2:].sum(0) / sums.seconds
            values = table[:, 1:] / table[:, :1]
            curves.append(
                FaceCurve(
                    face_id,
                    sums.first,
                    sums.last,
                    sums.frames,
                    values[:, 0],
                    values[:, 1:],
                    dict(zip(self.labels, mean.tolist(), strict=True)),
                    sums.seconds,
                )
            )
        return curves

    def save(self, path: str | Path, title: str = "") -> None:
        """Plot the curves into an image file: one panel per face, for the `PANELS` faces seen longest.

        Args:
            path: file to write; its extension gives the format, .png or .svg for example.
            title: text above the plot.
        """
        from fer_hub.figures import own_style

        with own_style():
            self._save(path, title)

    def _save(self, path: str | Path, title: str) -> None:
        from matplotlib.patheffects import withStroke
        from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

        from fer_hub.drawing import colour_of
        from fer_hub.figures import cover_scripts, new_figure, plain

        shown = self.faces[:PANELS]
        others = self._highest_id - len(shown)
        rows = max(1, len(shown))
        figure = new_figure(figsize=(10, 1.6 + 1.9 * rows), dpi=110, layout="constrained")
        panels = figure.subplots(rows, 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for panel, face in zip(panels, shown, strict=False):
            for index, label in enumerate(self.labels):
                panel.plot(
                    face.times,
                    face.probabilities[:, index],
                    color=[part / 255 for part in colour_of(label, self.labels)],
                    dashes=_DASHES[index % len(_DASHES)],
                    linewidth=2,
                    marker="o" if len(face.times) == 1 else "",
                    markersize=5,
                    label=plain(label),
                    path_effects=[withStroke(linewidth=2.8, foreground="#404040")],  # yellow alone is lost on white
                )
            period = f"{_clock(face.first, self.seconds)} to {_clock(face.last, self.seconds)}"
            panel.set_title(f"Face {face.face_id}, {period}", loc="left", fontsize=10)
        for panel in panels:
            panel.set_ylim(-0.02, 1.02)
            panel.set_xlim(0, max(self.seconds, 0.1))
            panel.yaxis.set_major_formatter(PercentFormatter(1))
            panel.grid(alpha=0.3)
        if not shown:
            panels[0].text(0.5, 0.5, "No face was found.", ha="center", va="center", transform=panels[0].transAxes)
        panels[-1].xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 3, 5, 6, 10]))
        if self.seconds >= 120:
            panels[-1].xaxis.set_major_formatter(FuncFormatter(lambda value, _: _clock(value, self.seconds)))
        panels[-1].set_xlabel("time in the video (min:s)" if self.seconds >= 120 else "time in the video (s)")
        figure.supylabel("probability", fontsize=10)
        if others:
            title = f"{title}: the {len(shown)} of {len(shown) + others} faces seen longest".removeprefix(": ")
        figure.suptitle(plain(title), fontsize=11)
        if shown:
            lines, names = panels[0].get_legend_handles_labels()
            figure.legend(lines, names, loc="outside lower center", ncols=len(names), handlelength=3.5, fontsize=9)
        cover_scripts(figure)
        figure.savefig(path)

    def _make_room(self, newest: int) -> None:
        if len(self._faces) > self.max_faces:
            del self._faces[min((i for i in self._faces if i != newest), key=lambda i: (self._faces[i].seconds, i))]


def _clock(seconds: float, whole: float) -> str:
    """A time in a video that lasts `whole` seconds: minutes and seconds from two minutes on, else seconds.

    >>> _clock(12.34, 60), _clock(12.34, 300), _clock(125.2, 300)
    ('12.3 s', '0:12', '2:05')
    """
    return f"{seconds:.1f} s" if whole < 120 else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
