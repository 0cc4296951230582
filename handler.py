"""Custom handler of Hugging Face Inference Endpoints: photographs in, their faces with probabilities out.

`fer-hub publish model --with-handler` uploads it beside the checkpoint, with the package fer_hub and requirements.txt.
The endpoint makes one `EndpointHandler` and calls it with the body of every request.
"""

import base64
import binascii
from pathlib import Path
from typing import Any

from PIL import Image

from fer_hub import FERPipeline
from fer_hub.fetching import read_url

MOST_PHOTOGRAPHS = 20
"""Largest number of photographs of one request."""

MOST_BYTES = 20_000_000
"""Largest file of a photograph that is fetched from a URL, in bytes."""


class EndpointHandler:
    """Faces of photographs.

    Args:
        path: the checkpoint folder; by default the one of this file.
    """

    def __init__(self, path: str = "") -> None:
        self.pipeline = FERPipeline.from_pretrained(path or Path(__file__).parent)

    def __call__(self, data: dict[str, Any]) -> list:
        """Find and classify the faces of one photograph or of several.

        Args:
            data: `inputs`, a photograph as bytes, PIL image, base64 text, data URL or http(s) URL, or a list of up to
                `MOST_PHOTOGRAPHS` of them; and optionally `parameters` with `min_score`, 0 to 1.

        Returns:
            The faces of the photograph, the most prominent first, each as `FacePrediction.to_dict()` has it; for a
            list of photographs a list of such lists.

        Raises:
            ValueError: a photograph cannot be read, or the request has another form. The endpoint answers with the
                sentence.
        """
        if not isinstance(data, dict) or "inputs" not in data:
            raise ValueError('the body must be a photograph, or JSON {"inputs": ...} with one as base64 or URL.')
        parameters = data.get("parameters") or {}
        if not isinstance(parameters, dict) or set(parameters) - {"min_score"}:
            raise ValueError(f"parameters may hold min_score alone, got {str(parameters)[:80]}.")
        min_score = parameters.get("min_score")
        if min_score is not None and not (isinstance(min_score, int | float) and 0 <= min_score <= 1):
            raise ValueError(f"min_score must be from 0 to 1, got {min_score!r}; 0.8 is the default.")
        given = data["inputs"]
        if not isinstance(given, list):
            return [face.to_dict() for face in self.pipeline(_photograph(given), min_score)]
        if len(given) > MOST_PHOTOGRAPHS:
            raise ValueError(f"there may be {MOST_PHOTOGRAPHS} photographs in one request, got {len(given)}.")
        found = self.pipeline([_photograph(each) for each in given], min_score)
        return [[face.to_dict() for face in faces] for faces in found]


def _photograph(given: object) -> bytes | Image.Image:
    """A photograph as the pipeline takes it; a text is never the path of a file here."""
    if isinstance(given, bytes | Image.Image):
        return given
    if not isinstance(given, str):
        raise ValueError(f"a photograph must be bytes, base64 or a URL, got {type(given).__name__}.")
    if given.startswith(("http://", "https://")):
        return read_url(given, timeout=20, max_bytes=MOST_BYTES, public_only=True)
    try:
        return base64.b64decode(given.rpartition("base64,")[2], validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a photograph as text must be base64 or begin with http:// or https://.") from None
