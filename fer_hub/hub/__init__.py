"""To and from the Hugging Face Hub: publish a checkpoint or a Space, and say plainly why a checkpoint does not load.

- `publish_model`, `publish_space`: one atomic commit each; `fer-hub publish` is their command line.
- `take_over_push`: what `train.py --push_to_hub` means.
- `explain_load_error`: one clear sentence for what transformers and the Hub say when loading fails.
- `hub.card`, `hub.checkpoint`, `hub.plots`: what a checkpoint folder holds beside the weights.

Used by inference, evaluation, training, the web app and the command line. Imports `model` and `files`.
"""

from fer_hub.hub.loading import explain_load_error
from fer_hub.hub.publishing import publish_model, publish_space
from fer_hub.hub.trainer import take_over_push

__all__ = ["explain_load_error", "publish_model", "publish_space", "take_over_push"]
