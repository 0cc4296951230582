"""What a video shows over time: tables for the plots, and the strongest moment of every expression."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from PIL import Image

from fer_hub.drawing import colour_of
from fer_hub.results import percent
from fer_hub.video.pyav import TOLERANT, av
from fer_hub.video.timeline import Timeline

POINTS = 150
"""Largest number of points of a curve on the page."""


@dataclass(frozen=True)
class Moment:
    """When an expression is most probable, and of whom.

    Attributes:
        emotion: the expression.
        time: seconds since the start.
        person: number of the face.
        probability: 0 to 1.
    """

    emotion: str
    time: float
    person: int
    probability: float

    @property
    def caption(self) -> str:
        """The moment in words.

        >>> Moment("happy", 72.4, 2, 0.97).caption
        'happy 97 %, person 2, at 1:12'
        """
        minutes, seconds = divmod(int(self.time), 60)
        return f"{self.emotion} {percent(self.probability)}, person {self.person}, at {minutes}:{seconds:02d}"


def colours(labels: Sequence[str]) -> dict[str, str]:
    """Expression → colour, as in boxes and bars.

    >>> colours(["happy"])
    {'happy': '#f0e442'}
    """
    return {label: "#{:02x}{:02x}{:02x}".format(*colour_of(label, labels)) for label in labels}


def curves(timeline: Timeline) -> dict[str, pd.DataFrame]:
    """Person → table with `seconds`, `expression` and `probability` (per cent), those seen longest first."""
    tables = {}
    for face in timeline.faces:
        step = -(-len(face.times) // POINTS)
        rows = [
            (round(float(time), 2), label, round(100 * float(value), 1))
            for time, values in zip(face.times[::step], face.probabilities[::step], strict=True)
            for label, value in zip(timeline.labels, values, strict=True)
        ]
        name = f"Person {face.face_id}, {face.seconds:.1f} s"
        tables[name] = pd.DataFrame(rows, columns=["seconds", "expression", "probability"])
    return tables


def shares(timeline: Timeline) -> pd.DataFrame:
    """Table with `person` (a number), `expression` and `share`: mean probability while a person is seen, per cent."""
    rows = [
        (str(face.face_id), label, round(100 * face.mean[label], 1))
        for face in timeline.faces
        for label in timeline.labels
    ]
    return pd.DataFrame(rows, columns=["person", "expression", "share"])


def strongest(timeline: Timeline) -> list[Moment]:
    """For every expression that is the most probable one at some time, when it is most probable, in time's order."""
    best: dict[str, Moment] = {}
    for face in timeline.faces:
        for time, values in zip(face.times, face.probabilities, strict=True):
            index = int(values.argmax())
            moment = Moment(timeline.labels[index], float(time), face.face_id, float(values[index]))
            known = best.get(moment.emotion)
            if known is None or moment.probability > known.probability:
                best[moment.emotion] = moment
    return sorted(best.values(), key=lambda moment: moment.time)


def stills(video: Path, moments: Sequence[Moment]) -> list[tuple[Image.Image, str]]:
    """(frame, caption) of moments of an annotated video, in their order, which must be that of time."""
    found: list[tuple[Image.Image, str]] = []
    waiting = list(moments)
    with av.open(str(video), **TOLERANT) as file:
        for frame in file.decode(video=0):
            if not waiting:
                break
            if frame.time is not None and frame.time >= waiting[0].time - 0.02:
                image = frame.to_image()
                image.thumbnail((480, 480))
                while waiting and frame.time >= waiting[0].time - 0.02:
                    found.append((image, waiting.pop(0).caption))
    return found
