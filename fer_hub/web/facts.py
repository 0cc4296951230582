"""Facts about a checkpoint without loading it, from the JSON files in its folder or Hub repository."""

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError

from fer_hub.hub.away import hub_options
from fer_hub.hub.card import DATASETS, labels_kind
from fer_hub.hub.names import split_revision

_PICTURE = re.compile(r"!\[([^\]]*)\]\(([\w-]+\.png)\)")  # only files next to the card, no URLs and no folders


@dataclass(frozen=True)
class Facts:
    """Facts about a checkpoint; unknown ones are `None` or empty.

    Attributes:
        labels: names of the expressions.
        dataset: name of the test set, such as "FER-2013".
        images: number of test images.
        accuracy, calibration_error: on the test set, 0 to 1.
        recall: (label, recall on the test set, 0 to 1).
    """

    labels: tuple[str, ...] = ()
    dataset: str | None = None
    images: int | None = None
    accuracy: float | None = None
    calibration_error: float | None = None
    recall: tuple[tuple[str, float], ...] = ()

    def title(self, name: str) -> str:
        """The checkpoint's entry in a list of networks.

        >>> Facts(("happy", "sad"), "FER-2013", 3589, 0.672, 0.03).title("fer2013")
        'fer2013: 2 expressions, 67 % test accuracy on FER-2013'
        >>> Facts().title("owner/name")
        'owner/name'
        """
        parts = [f"{len(self.labels)} expressions"] if self.labels else []
        parts += [f"{100 * self.accuracy:.0f} % test accuracy on {self.dataset}"] if self.accuracy is not None else []
        return f"{name}: {', '.join(parts)}" if parts else name


def facts(checkpoint: str | Path) -> Facts:
    """Read a checkpoint's config.json, metrics.json and training_args.json; any of them may be missing or foreign."""
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
    """A checkpoint's model card as Markdown: text and figures for a folder, a link for a Hub id."""
    if not Path(checkpoint).is_dir():
        return f"The card of this network is on the Hub: [huggingface.co/{name}](https://huggingface.co/{name})"
    path = Path(checkpoint) / "README.md"
    if not path.is_file():
        return f"The network {name} has no model card."
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)  # metadata for the Hub
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
            path = Path(hf_hub_download(split_revision(checkpoint)[0], name, **hub_options(checkpoint)))
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, EntryNotFoundError):  # missing, offline or not JSON
        return None
