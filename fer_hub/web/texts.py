"""What the page says about itself; every figure comes from a file that a command writes."""

import json

from fer_hub.detection.blazeface import FOLDER
from fer_hub.web.facts import Facts, facts
from fer_hub.web.service import Service

COSTS = FOLDER.parent / "search_costs.json"
"""What `python -m benchmarks.detection` measured of the thorough search."""

INTRODUCTION = """# Facial expression recognition
Every face is found, framed and classified. What you see are probabilities of **facial expressions** as people would
label them. Nobody's feelings can be read off a face. For programs: [API page](?view=api)."""

READING = """## How to read this
The bars are probabilities: of faces that get 70 %, about 70 % carry that label in the test data. The largest bar is
the network's guess, not a fact, and a guess about a *label*: which of a few words people would choose for a still
picture of a face. It does not detect what anybody feels, means or intends.

{figures}

**Known weaknesses.** The training pictures were found by a web search in 2013: mostly posed, mostly frontal, with noisy
labels, and some of them stand in training and test alike, which flatters the figures a little. Fear is often taken for
surprise or sadness, disgust is rare, and a calm face with low mouth corners may be called sad. Profiles, occluded
faces, strong shadows and very small faces are harder. Ages, skin tones and cultures are represented as that search
returned them; nobody has measured how much errors differ between groups. More is in each network's **model card**, in
the tab of that name.

**Consent.** Ask people before you analyse their faces. In the European Union emotion recognition at work and in
education is forbidden (Regulation (EU) 2024/1689, article 5(1)(f)).

## Privacy
Photographs, videos and results are files on this server only as long as the page needs them, and are deleted when they
are {minutes} minutes old. Webcam frames are never written to a file. Nothing is sent anywhere else, and the browser
keeps no history.

## As an API
The [API page](?view=api) lists five endpoints, `/predict`, `/annotate`, `/classify`, `/predict_batch` and
`/predict_video`, with examples in Python, JavaScript and curl."""


def how_to_read(service: Service, minutes: int) -> str:
    """The page's tab with the measured figures of the networks that state any.

    Args:
        service: what the page offers.
        minutes: how old files of visitors may get.
    """
    known = {name: facts(where) for name, where in service.checkpoints.items()}
    lines = [_measured(name, each) for name, each in known.items()]
    if len({each.dataset for each in known.values() if each.dataset}) > 1:
        lines.append("\nFigures of different test sets cannot be compared: their labels are not the same.")
    return READING.replace("{figures}", "\n".join(lines)).replace("{minutes}", str(minutes))


def thorough_costs() -> str:
    """What the thorough search costs, as measured."""
    costs = json.loads(COSTS.read_text(encoding="utf-8"))
    (low, high), (width, height) = costs["crowd_ms"], costs["photo_size"]
    return (
        f"Takes about {costs['portrait_ms']:,} ms longer for a portrait, {low:,} to {high:,} ms for a photograph of "
        f"{costs['people']} people in {width}x{height} pixels, in processor time."
    )


def _measured(name: str, known: Facts) -> str:
    if known.accuracy is None:
        return f"- **{name}** does not state how often it is right."
    weakest = sorted(known.recall, key=lambda pair: pair[1])[:2]
    recalls = " and ".join(f"{label} ({_percent(share, 0)} recognised)" for label, share in weakest)
    return (
        f"- **{name}** ({', '.join(known.labels)}): right on {_percent(known.accuracy)} of the {known.images:,} "
        f"pictures of {known.dataset}'s test set, kept out of training; weakest on {recalls}; its probabilities are "
        f"off by {_percent(known.calibration_error)} on average."
    )


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"
