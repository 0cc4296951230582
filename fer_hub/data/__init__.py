"""FER-2013, or any data set of expressions, as a `datasets.DatasetDict` with checked labels.

`load_fer2013` reads FER-2013 in any of its distributed forms, `load_expressions` also data sets with other classes,
`prepare` also crops the faces of photos. `decode_images` returns a split's pixels as one array, `ferplus_majority`
the majority class of the FER+ annotators, and `targets` the training targets.

Used by evaluation, training and export. Imports detection (faces of photos), `model` (class names) and the values
at the top of fer_hub.
"""

from fer_hub.extras import missing

if absent := missing("train", "datasets", "pyarrow", "tqdm"):
    raise absent

from fer_hub.data.decoding import decode_images
from fer_hub.data.expressions import load_expressions
from fer_hub.data.ferplus import FERPLUS_VOTES, ferplus_majority, has_clear_majority
from fer_hub.data.loading import load_fer2013
from fer_hub.data.prepared import IMAGES, Prepared, prepare, write_faces
from fer_hub.data.targets import FERPLUS_EMOTIONS, LABELS, Targets, targets

__all__ = [
    "FERPLUS_EMOTIONS",
    "FERPLUS_VOTES",
    "IMAGES",
    "LABELS",
    "Prepared",
    "Targets",
    "decode_images",
    "ferplus_majority",
    "has_clear_majority",
    "load_expressions",
    "load_fer2013",
    "prepare",
    "targets",
    "write_faces",
]
