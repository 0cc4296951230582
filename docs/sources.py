"""The files that the figures of documents come from."""

from pathlib import Path

from fer_hub.files import read_json
from fer_hub.hub.card import labels_kind
from fer_hub.hub.shipped import shipped_checkpoints

ROOT = Path(__file__).resolve().parent.parent

LABELS = {
    "fer2013": "FER-2013",
    "ferplus": "FER+, most of ten votes",
    "both": "FER-2013 and FER+, mean of both",
}
"""Kind of labels (`fer_hub.hub.card.labels_kind`) → what the test labels of a checkpoint are."""

WAYS = {
    "crop": "the 48x48 crop itself",
    "photograph": "enlarged to 192 px, through detection and framing",
    "canvas": "the same on a grey canvas of 320x320 px",
}


class Files:
    """The files that figures come from.

    Attributes:
        metrics: name of a shipped checkpoint, the default first → its metrics.json.
        kinds: name → key of `LABELS`.
    """

    def __init__(self, root: Path = ROOT) -> None:
        folders = shipped_checkpoints()
        self.metrics = {name: read_json(folder / "metrics.json") for name, folder in folders.items()}
        self.kinds = {name: labels_kind(read_json(folder / "training_args.json")) for name, folder in folders.items()}
        self.root = root

    def result(self, name: str) -> dict:
        """results/NAME.json, empty where there is none."""
        return read_json(self.root / "results" / f"{name}.json")


def missed(row: dict, way: str, images: int) -> str:
    count = row["missed"].get(way)
    return f" ({count} of {images:,} missed)" if count else ""
