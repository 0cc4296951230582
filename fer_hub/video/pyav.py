"""PyAV, from the extra "video"; `av` is imported from here, so that the error names the extra if it is missing."""

from fer_hub.extras import missing

if absent := missing("video", "av"):
    raise absent

import av

TOLERANT = {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "replace"}
"""Arguments of `av.open` for files whose titles are not UTF-8; version 19 does not need them and refuses them."""

__all__ = ["TOLERANT", "av"]
