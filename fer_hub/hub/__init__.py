"""The Hugging Face Hub: publishing checkpoints and Spaces, and clear errors for checkpoints that do not load.

- `publish_model`, `publish_space`: one atomic commit each; `fer-hub publish` is their command line.
- `take_over_push`: implements `train.py --push-to-hub`.
- `explain_load_error`: one clear sentence for an error of transformers or the Hub.
- `hub.card`, `hub.checkpoint`, `hub.plots`: the contents of a checkpoint folder besides the weights.

Used by inference, evaluation, training, the web app and the command line. Imports `model` and `files`.
"""

from fer_hub.hub.loading import explain_load_error
from fer_hub.hub.publishing import publish_model, publish_space
from fer_hub.hub.trainer import take_over_push

__all__ = ["explain_load_error", "publish_model", "publish_space", "take_over_push"]
