"""The Hugging Face Hub: publishing checkpoints and Spaces, and clear errors for checkpoints that do not load.

- `publish_model`, `publish_space`, `publish_static_space`: one atomic commit each; `fer-hub publish` is
  their command line.
- `take_over_push`: implements `train.py --push-to-hub`.
- `explain_load_error`: one clear sentence for an error of transformers or the Hub.
- `hub.card`, `hub.checkpoint`, `hub.plots`: the contents of a checkpoint folder besides the weights.

Used by inference, evaluation, training, the web app and the command line. Imports `model` and `files`.
"""

from importlib import import_module

_HOMES = {
    "explain_load_error": "fer_hub.hub.loading",
    "publish_model": "fer_hub.hub.publishing",
    "publish_space": "fer_hub.hub.publishing",
    "publish_static_space": "fer_hub.hub.publishing",
    "take_over_push": "fer_hub.hub.trainer",
}

__all__ = list(_HOMES)


def __getattr__(name: str):
    """Import the module of a name on first use: whoever loads a folder needs no client of the Hub."""
    if name not in _HOMES:
        raise AttributeError(f"module 'fer_hub.hub' has no attribute {name!r}.")
    return getattr(import_module(_HOMES[name]), name)
