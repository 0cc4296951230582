"""PyAV, which the extra "video" brings; `av` is imported from here, so that an error names the extra where it lacks."""

from fer_hub.extras import missing

if absent := missing("video", "av"):
    raise absent

import av

TOLERANT = {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "replace"}
"""What `av.open` must be told to read files whose titles are not UTF-8; since version 19 it does without, and refuses
the argument."""

__all__ = ["TOLERANT", "av"]
