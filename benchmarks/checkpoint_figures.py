"""What was measured of the shipped checkpoints, as results/checkpoints.md needs it."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.robustness_table import of
from fer_hub.evaluation.corruptions import MEDIUM
from fer_hub.evaluation.robustness import CLEAN, PART, PRESS_CLASSES, rule

NAMES = ("photographs", "fer2013", "ferplus")
"""The shipped checkpoints, the default first."""

BEFORE = "fer2013, before"
"""The default before, by its name in results/robustness.csv."""


@dataclass(frozen=True)
class Known:
    """All that was measured.

    Attributes:
        metrics: name of a checkpoint → its metrics.json.
        bears: the lines of results/robustness.csv.
        uniform: recall of every class on FER+ test with a uniform prior, and accuracy; empty where not measured.
        counts: set ("FER-2013", "FER+", "press", "FER+ test") → class → how many images it has; empty where not known.
        milliseconds: name → time per face of its network.
        clean: name → accuracy, its interval and the number of test images without a near-duplicate in another split.
    """

    metrics: dict[str, dict]
    bears: list[dict]
    uniform: dict[str, float]
    milliseconds: dict[str, float]
    clean: dict[str, dict]
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def line(self, data: str, kind: str, strength: int, checkpoint: str = NAMES[0]) -> dict | None:
        """A line of results/robustness.csv."""
        return next(iter(of(self.bears, checkpoint=checkpoint, data=data, kind=kind, strength=strength)), None)

    def recall(self, name: str, checkpoint: str = NAMES[0]) -> float | None:
        """Recall of a class on press photographs."""
        line = self.line("press", CLEAN, 0, checkpoint)
        return line and line["recalls"][name]

    def macro(self, data: str, kind: str = CLEAN, strength: int = 0, checkpoint: str = NAMES[0]) -> float | None:
        """Macro recall."""
        line = self.line(data, kind, strength, checkpoint)
        return line and line["macro_recall"]

    def right(self, data: str, checkpoint: str = NAMES[0]) -> float | None:
        """Accuracy on validation, as they are."""
        line = self.line(data, CLEAN, 0, checkpoint)
        return line and line["accuracy"]

    def pair(self, kind: str, strength: int, checkpoint: str = NAMES[0]) -> tuple[dict, dict] | None:
        """Lines of FER-2013 validation as it is and under a corruption: of all images, else of those in part."""
        for data in ("FER-2013", "FER-2013" + PART):
            clean, bad = self.line(data, CLEAN, 0, checkpoint), self.line(data, kind, strength, checkpoint)
            if clean and bad:
                return clean, bad
        return None

    def lost(self, kind: str, strength: int, checkpoint: str = NAMES[0]) -> float | None:
        """Accuracy on FER-2013 validation that a corruption takes away."""
        found = self.pair(kind, strength, checkpoint)
        return found and found[0]["accuracy"] - found[1]["accuracy"]

    def unsure(self, data: str, checkpoint: str = NAMES[0]) -> float | None:
        """The largest calibration error under a corruption at medium strength."""
        lines = of(self.bears, checkpoint=checkpoint, data=data, strength=MEDIUM)
        return max((line["calibration_error"] for line in lines), default=None)

    def spread(self, line: dict, counted: Sequence[str] = ()) -> float | None:
        """The standard error of a line's macro recall, of binomial recalls; None where classes are not counted."""
        counts = self.counts.get(line["data"])
        if not counts:
            return None
        recalls = {name: line["recalls"][name] for name in counted or line["recalls"]}
        return math.sqrt(sum(share * (1 - share) / counts[name] for name, share in recalls.items())) / len(recalls)

    def ruled(self, checkpoint: str) -> tuple[float, float] | None:
        """The rule, and a standard error that it does not exceed; None where a set or the counts are missing.

        The figures under all corruptions are of the same images, so that their mean is as sure as one of them at worst;
        FER-2013 and FER+ have the same images, so that their errors add up at worst; press photographs are others.
        """
        errors = {}
        for data in ("FER-2013", "FER+", "press"):
            counted = PRESS_CLASSES if data == "press" else ()
            lines = of(self.bears, checkpoint=checkpoint, data=data)
            clean = [self.spread(line, counted) for line in of(lines, strength=0)]
            bad = [self.spread(line, counted) for line in of(lines, strength=MEDIUM)]
            if not clean or not bad or None in (*clean, *bad):
                return None
            errors[data] = (statistics.mean(clean) + statistics.mean(bad)) / 2
        same, other = errors["FER-2013"] + errors["FER+"], errors["press"]
        return rule(of(self.bears, checkpoint=checkpoint))["rule"], math.hypot(same, other) / 3
