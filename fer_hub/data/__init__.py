"""FER-2013, or any data set of expressions, as a `datasets.DatasetDict` with checked labels.

`load_fer2013` reads FER-2013 from any of the forms it comes in, `load_expressions` also data sets with other classes,
`prepare` finds the faces of photographs too. `decode_images` gives a split's pixels as one array, `ferplus_majority`
gives the class that the FER+ annotators chose, and `targets` what a network is to learn.

Used by evaluation, training and export. Imports detection (faces of photographs), `model` (class names) and the values
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
