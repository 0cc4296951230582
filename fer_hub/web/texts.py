"""What the page says about itself; every figure comes from a checkpoint's metrics.json."""

import json
from pathlib import Path

from fer_hub.web.service import Service

INTRODUCTION = """# Facial expression recognition
Every face is found, framed and classified. What you see are probabilities of **facial expressions** as people would
label them. Nobody's feelings can be read off a face."""

READING = """## How to read this
The bars are probabilities: of faces that get 70 %, about 70 % carry that label in the test data. The largest bar is
the network's guess, not a fact, and a guess about a *label*: which of a few words people would choose for a still
picture of a face. It does not detect what anybody feels, means or intends.

{figures}

**Known weaknesses.** The training pictures were found by a web search in 2013: mostly posed, mostly frontal, with noisy
labels. Fear is often taken for surprise or sadness, disgust is rare, and a calm face with low mouth corners may be
called sad. Profiles, occluded faces, strong shadows and very small faces are harder. Ages, skin tones and cultures are
represented as that search returned them; nobody has measured how much errors differ between groups.

**Consent.** Ask people before you analyse their faces. In the European Union emotion recognition at work and in
education is forbidden (Regulation (EU) 2024/1689, article 5(1)(f)).

## Privacy
Photographs, videos and results are files on this server only as long as the page needs them, and are deleted when they
are 30 minutes old. Webcam frames are never written to a file. Nothing is sent anywhere else, and the browser keeps no
history.

## As an API
"Use via API" at the foot of the page lists five endpoints, `/predict`, `/annotate`, `/classify`, `/predict_batch` and
`/predict_video`, with examples in Python, JavaScript and curl."""


def how_to_read(service: Service) -> str:
    """The page's last tab, with the measured figures of the checkpoints that have any."""
    lines = [line for name, where in service.checkpoints.items() if (line := _measured(name, Path(where)))]
    return READING.replace("{figures}", "\n".join(lines) or "The accuracy of this checkpoint is not stated.")


def _measured(name: str, folder: Path) -> str | None:
    path = folder / "metrics.json"
    if not path.is_file():
        return None
    test = json.loads(path.read_text(encoding="utf-8"))["test"]
    weakest = sorted(test["recall"], key=test["recall"].get)[:2]
    recalls = " and ".join(f"{emotion} ({test['recall'][emotion]:.0%} recognised)" for emotion in weakest)
    return (
        f"- **{name}**: right on {test['accuracy']:.1%} of {test['images']:,} test pictures it had never seen; weakest "
        f"on {recalls}; its probabilities are off by {test['calibration_error']:.1%} on average."
    )
