"""Reads the Keras files that a network is kept in, without running anything of their makers'.

Three forms: `model.keras`; `model.h5` or `.hdf5` with network and weights; `model.json` beside a file of weights.
Keras 3 on its PyTorch backend reads them, those of Keras 1 and 2 too. Before it sees a network, every object in the
network's description is looked up in the lists below: Lambda layers and objects of other packages are refused.
"""

import json
import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from fer_hub.extras import missing

ENDINGS = (".keras", ".h5", ".hdf5", ".json")
"""Endings of Keras files, in lower case."""

CONTAINERS = {"Sequential", "Functional", "Model"}

IDENTITIES = {
    "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization", "RandomFlip", "RandomRotation",
    "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness",
}  # fmt: skip
"""Layers that act in training alone."""

LAYERS = IDENTITIES | {
    "InputLayer", "Conv2D", "SeparableConv2D", "DepthwiseConv2D", "BatchNormalization", "Activation", "ReLU",
    "LeakyReLU", "ELU", "Softmax", "MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D",
    "ZeroPadding2D", "Flatten", "Dense", "Add", "Dropout", "SpatialDropout2D", "Rescaling",
}  # fmt: skip
"""Layers that can be imported."""

OBJECTS = CONTAINERS | LAYERS | {
    "Zeros", "Ones", "Constant", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Orthogonal",
    "Identity", "GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal", "L1", "L2",
    "L1L2", "OrthogonalRegularizer", "MaxNorm", "NonNeg", "UnitNorm", "MinMaxNorm", "DTypePolicy", "Policy",
    "__keras_tensor__", "__tuple__",
}  # fmt: skip
"""All objects that a network's description may name."""

LARGEST_DESCRIPTION = 20_000_000
"""Largest description of a network, in bytes."""


def load(path: Path, weights: Path | None = None) -> Any:
    """The network of a file as a `keras.Model`, in evaluation mode by nature: Keras asks at every call.

    Args:
        path: a file with one of `ENDINGS`.
        weights: for a .json, the file of its weights; where it is left out, the only one beside it.

    Raises:
        FileNotFoundError: a file is not there.
        ImportError: Keras is not installed.
        ValueError: the file holds no network, or one with parts that are not imported.
    """
    if not path.is_file():
        raise FileNotFoundError(f"the weights must be an existing file, got {path}; correct the path.")
    ending = path.suffix.lower()
    if weights is not None and ending != ".json":
        raise ValueError(f"--weights is for a model.json, got {path}, which holds its own; leave --weights out.")
    if absent := missing("keras", "keras", "h5py"):
        raise absent
    if ending == ".json":
        return _from_json(path, _weights_of(path) if weights is None else weights)
    if ending == ".keras":
        check_description(_zipped_description(path), path)
        return _read(lambda keras: keras.saving.load_model(path, compile=False, safe_mode=True), path)
    check_description(_h5_description(path), path)
    return _read(lambda keras: keras.saving.load_model(path, compile=False, safe_mode=True), path)


def check_description(text: str | bytes, path: Path) -> dict:
    """The description of a network, if all objects in it are known.

    Raises:
        ValueError: it is no description, or names a Lambda layer or an object that is not in `OBJECTS`.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or str(content.get("class_name")) not in CONTAINERS:
        raise ValueError(
            f"{path} must describe a Keras network, a Sequential or Functional model, but does not; save the model "
            "again with model.save, or its to_json()."
        )
    waiting: list[Any] = [content]
    while waiting:
        part = waiting.pop()
        waiting += part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
        if not isinstance(part, dict) or "class_name" not in part:
            continue
        name, module = part["class_name"], part.get("module")
        if name == "Lambda" or name == "__lambda__":
            raise ValueError(
                f"{path} must hold layers alone, but holds a Lambda layer, which is code of its maker; nothing of it "
                "was run. Build the model without it, and save it again."
            )
        of_keras = module is None or (isinstance(module, str) and module.partition(".")[0] == "keras")
        if str(name) not in OBJECTS or not of_keras:
            raise ValueError(
                f"{path} has a part that cannot be imported: {ascii(name)[:60]}"
                f"{'' if of_keras else f' of {ascii(module)[:60]}'}; known layers are {', '.join(sorted(LAYERS))}."
            )
    return content


def _from_json(path: Path, weights: Path) -> Any:
    """The network of a model.json with its weights."""
    if not weights.is_file():
        raise FileNotFoundError(f"--weights must be an existing file, got {weights}; correct the path.")
    if path.stat().st_size > LARGEST_DESCRIPTION:
        raise ValueError(f"{path} must be at most {LARGEST_DESCRIPTION // 10**6} MB, but is larger; is it a network?")
    described = path.read_bytes()
    content = check_description(described, path)
    text = json.dumps(content)
    import h5py

    with tempfile.TemporaryDirectory() as folder, _opened(weights) as file:
        group = file.get("model_weights", file)
        of_keras_2 = "layer_names" in group.attrs
        if of_keras_2 and "module" not in content:  # as Keras 2 would have saved both in one file
            whole = Path(folder) / "whole.h5"
            with h5py.File(whole, "w") as both:
                both.attrs["model_config"] = text
                file.copy(group, both, "model_weights")
            return _read(lambda keras: keras.saving.load_model(whole, compile=False, safe_mode=True), path)
        # Keras 3 tells the two forms of weights apart by the name of the file
        copied = shutil.copyfile(weights, Path(folder) / ("copy.h5" if of_keras_2 else "copy.weights.h5"))

        def made(keras: Any) -> Any:
            model = keras.models.model_from_json(text)
            model.load_weights(copied)
            return model

        return _read(made, path)


def _weights_of(path: Path) -> Path:
    """The file of weights beside a model.json."""
    found = [each for each in sorted(path.parent.iterdir()) if each.suffix.lower() in (".h5", ".hdf5")]
    if len(found) == 1:
        return found[0]
    beside = ", ".join(each.name for each in found[:5]) or "none"
    raise ValueError(f"{path} needs the file of its weights, and beside it lie {beside}; name it with --weights.")


def _opened(path: Path) -> Any:
    import h5py

    try:
        return h5py.File(path, "r")
    except OSError:
        raise ValueError(f"{path} must be a file in HDF5, as Keras writes it, but is not; copy it again.") from None


def _h5_description(path: Path) -> str | bytes:
    with _opened(path) as file:
        text = file.attrs.get("model_config")
    if text is None:
        raise ValueError(
            f"{path} must hold a network, but holds weights alone; name the network's model.json, and this file with "
            "--weights."
        )
    return text


def _zipped_description(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as file:
            entry = file.getinfo("config.json")
            if entry.file_size > LARGEST_DESCRIPTION:
                raise KeyError
            return file.read(entry)
    except (zipfile.BadZipFile, KeyError, OSError, NotImplementedError):
        raise ValueError(
            f"{path} must be a file of Keras 3 with a config.json, but is not; save the model again with model.save."
        ) from None


def _read(make: Any, path: Path) -> Any:
    """Call Keras, and turn what it says of a file into one sentence."""
    keras = _keras()
    try:
        return make(keras)
    except Exception as error:  # of many kinds
        said = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} cannot be read by Keras {keras.__version__}: {said}") from error


def _keras() -> Any:
    """Keras on its PyTorch backend.

    Raises:
        RuntimeError: Keras was imported with another backend before.
    """
    if "keras" not in sys.modules:
        before = os.environ.get("KERAS_BACKEND")
        os.environ["KERAS_BACKEND"] = "torch"  # read when it is imported
        try:
            import keras
        finally:
            if before is None:
                del os.environ["KERAS_BACKEND"]
            else:
                os.environ["KERAS_BACKEND"] = before
    import keras

    if keras.backend.backend() != "torch":
        raise RuntimeError(
            f"Keras must use PyTorch here, but was imported with {keras.backend.backend()}; import in a program of its "
            "own, or set KERAS_BACKEND=torch."
        )
    return keras
