"""Training networks: options, augmentation, the HF Trainer, fine-tuning, imported weights.

Used by train.py and the command line. Imports evaluation, data, hub, model and everything below.
"""

from fer_hub.extras import missing

if absent := missing("train", "accelerate", "datasets", "sklearn"):
    raise absent
