"""Files in the form of Keras 2."""

from pathlib import Path


def of_keras_2(made, folder: Path) -> Path:
    """model.json and weights.h5 in the form of Keras 2, from what Keras 3 writes as .h5."""
    import h5py

    made.save(folder / "whole.h5")
    with h5py.File(folder / "whole.h5") as whole, h5py.File(folder / "weights.h5", "w") as weights:
        (folder / "model.json").write_text(whole.attrs["model_config"])
        for name, value in whole["model_weights"].attrs.items():
            weights.attrs[name] = value
        for name in whole["model_weights"]:
            whole.copy(f"model_weights/{name}", weights, name)
    (folder / "whole.h5").unlink()
    return folder / "model.json"
