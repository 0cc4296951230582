"""The texts of the page; every number comes from a file written by a command."""

import json

from fer_hub.detection.onnx_network import FOLDER
from fer_hub.web.facts import Facts, facts
from fer_hub.web.service import Service

COSTS = FOLDER.parent / "search_costs.json"
"""Cost of the thorough search, written by `python -m benchmarks.detection`."""

INTRODUCTION = """# Facial expression recognition
Finds faces and tells how people would label their expressions; feelings cannot be read from a face.
For programs: [API page](?view=api)."""

READING = """## How to read this
The bars are probabilities: of the faces predicted with 70 %, about 70 % have that label in the test data. The largest
bar is a prediction, not a fact, and it predicts a *label*: which of a few words people would choose for a still image
of a face. It does not detect what anybody feels, means or intends.

{figures}

**Known weaknesses.** The training images come from a web search in 2013: mostly posed, mostly frontal, with noisy
labels. Fear is often confused with surprise or sadness, disgust and contempt are hardly ever named, and sad faces are
often called neutral, neutral ones sad. Base rates that are "all equally common" name fear, disgust and contempt far
more often, most of the time wrongly, and neutral faces less. Profiles, covered eyes or mouths, glaring light, blur and
very small faces are harder. Ages, skin tones and cultures are represented as that search returned them; how much errors
differ between groups of people has not been measured. For more, see each network's **model card** in the tab of that
name.

**Consent.** Ask people before you analyse their faces. In the European Union (Regulation (EU) 2024/1689) inferring
emotions in the workplace and in education is prohibited except for medical and safety reasons (article 5(1)(f)),
emotion recognition systems elsewhere are high-risk (Annex III, point 1(c)), and people must be informed (article
50(3)).

## Privacy
Photos, videos and results are stored on this server only as long as the page needs them, and are deleted after
{minutes} minutes. Webcam frames are never written to a file. Nothing is sent anywhere else, and the browser keeps no
history.

## As an API
The [API page](?view=api) lists six endpoints, `/predict`, `/annotate`, `/classify`, `/explain`, `/predict_batch`
and `/predict_video`, with examples in Python, JavaScript and curl."""


def how_to_read(service: Service, minutes: int) -> str:
    """The text of the tab "How to read this", with the metrics of every network.

    Args:
        service: the networks of the page.
        minutes: age at which visitors' files are deleted.
    """
    known = {name: facts(where) for name, where in service.checkpoints.items()}
    lines = [_measured(name, each) for name, each in known.items()]
    if len({each.dataset for each in known.values() if each.dataset}) > 1:
        lines.append("\nResults on different test sets cannot be compared, as their labels differ.")
    return READING.replace("{figures}", "\n".join(lines)).replace("{minutes}", str(minutes))


def thorough_costs() -> str:
    """The measured cost of the thorough search."""
    costs = json.loads(COSTS.read_text(encoding="utf-8"))
    (low, high), (width, height) = costs["crowd_ms"], costs["photo_size"]
    return (
        f"Adds about {costs['portrait_ms']:,} ms of CPU time for a portrait, {low:,} to {high:,} ms for a photo of "
        f"{costs['people']} people in {width}x{height} pixels."
    )


def longer() -> str:
    """The highest measured cost of the thorough search, as the end of a sentence."""
    costs = json.loads(COSTS.read_text(encoding="utf-8"))
    return f"the thorough search takes up to {max(costs['portrait_ms'], *costs['crowd_ms']) / 1000:.1f} s longer."


def _measured(name: str, known: Facts) -> str:
    if known.accuracy is None:
        return f"- **{name}** does not state its accuracy."
    weakest = sorted(known.recall, key=lambda pair: pair[1])[:2]
    recalls = " and ".join(f"{label} ({_percent(share, 0)})" for label, share in weakest)
    return (
        f"- **{name}** ({', '.join(known.labels)}): accuracy {_percent(known.accuracy)} on the {known.images:,} images "
        f"of the {known.dataset} test set; lowest recall for {recalls}; expected "
        f"calibration error {_percent(known.calibration_error)}."
    )


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"
