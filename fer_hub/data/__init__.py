"""FER-2013 as a `datasets.DatasetDict` with checked labels, from any of the forms it comes in.

`load_fer2013` reads, `decode_images` gives a split's pixels as one array, `ferplus_majority` gives the class
that the FER+ annotators chose, and `targets` what a network is to learn.
"""

from fer_hub.data.decoding import decode_images
from fer_hub.data.ferplus import FERPLUS_VOTES, ferplus_majority
from fer_hub.data.loading import load_fer2013
from fer_hub.data.targets import FERPLUS_EMOTIONS, LABELS, Targets, labels_of, targets

__all__ = [
    "FERPLUS_EMOTIONS",
    "FERPLUS_VOTES",
    "LABELS",
    "Targets",
    "decode_images",
    "ferplus_majority",
    "labels_of",
    "load_fer2013",
    "targets",
]
