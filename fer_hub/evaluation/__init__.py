"""Measuring checkpoints: metrics, class maps, calibration, reports.

Used by training, export and the command line. Imports data, inference, the pipeline and everything below.
"""

from fer_hub.extras import missing

if absent := missing("train", "sklearn"):
    raise absent
