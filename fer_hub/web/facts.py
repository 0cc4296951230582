"""What is known of a network without loading it, from the files beside its weights: in a folder or on the Hub."""

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError

from fer_hub.hub.card import DATASETS, labels_kind

_PICTURE = re.compile(r"!\[([^\]]*)\]\(([\w-]+\.png)\)")  # only names beside the card, no addresses and no folders


@dataclass(frozen=True)
class Facts:
    """What a checkpoint says of itself; what it does not say is `None` or empty.

    Attributes:
        labels: names of the expressions.
        dataset: what it was tested on, as "FER-2013".
        images: number of test images.
        accuracy, calibration_error: on these, 0 to 1.
        recall: label → how much of it was recognised, 0 to 1.
    """

    labels: tuple[str, ...] = ()
    dataset: str | None = None
    images: int | None = None
    accuracy: float | None = None
    calibration_error: float | None = None
    recall: tuple[tuple[str, float], ...] = ()

    def title(self, name: str) -> str:
        """How a list of networks names this one.

        >>> Facts(("happy", "sad"), "FER-2013", 3589, 0.672, 0.03).title("fer2013")
        "fer2013: 2 expressions, 67 % right on FER-2013's test"
        >>> Facts().title("owner/name")
        'owner/name'
        """
        parts = [f"{len(self.labels)} expressions"] if self.labels else []
        parts += [f"{100 * self.accuracy:.0f} % right on {self.dataset}'s test"] if self.accuracy is not None else []
        return f"{name}: {', '.join(parts)}" if parts else name


def facts(checkpoint: str | Path) -> Facts:
    """Read a checkpoint's config.json, metrics.json and training_args.json; files that others wrote may say nothing."""
    config, metrics, options = (_json(checkpoint, f"{name}.json") for name in ("config", "metrics", "training_args"))
    try:
        labels = tuple(str(config["id2label"][key]) for key in sorted(config["id2label"], key=int))
    except (KeyError, TypeError, ValueError):
        labels = ()
    try:
        test, kind = metrics["test"], labels_kind(options)
        return Facts(
            labels=labels,
            dataset=DATASETS[kind]["dataset_name"].partition(" (")[0],
            images=int(test["images"]),
            accuracy=float(test["accuracy"]),
            calibration_error=float(test["calibration_error"]),
            recall=tuple((str(label), float(share)) for label, share in test["recall"].items()),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return Facts(labels)


def card(name: str, checkpoint: str | Path) -> str:
    """A network's model card as Markdown: of a folder the text and its pictures, of a Hub id the address."""
    if not Path(checkpoint).is_dir():
        return f"The card of this network is on the Hub: [huggingface.co/{name}](https://huggingface.co/{name})"
    path = Path(checkpoint) / "README.md"
    if not path.is_file():
        return f"The network {name} comes without a card."
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)  # what only the Hub reads
    return _PICTURE.sub(lambda found: _shown(found, path.parent), text)


def _shown(found: re.Match, folder: Path) -> str:
    path = folder / found[2]
    if not path.is_file():
        return found[1]
    return f"![{found[1]}](data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')})"


def _json(checkpoint: str | Path, name: str) -> Any:
    path = Path(checkpoint) / name
    try:
        if not Path(checkpoint).is_dir():
            path = Path(hf_hub_download(str(checkpoint), name))
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, EntryNotFoundError):  # not there, no network or no JSON
        return None
