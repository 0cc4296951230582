"""Running exported networks: as PyTorch does, from folders and the Hub, and clear sentences for what does not fit."""

import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from fer_hub.inference import onnx_classifier as onnx_model
from fer_hub.inference.onnx_classifier import INT8_FILE, MODEL_FILE, OnnxClassifier
from fer_hub.model import FERForImageClassification, FERImageProcessor
from fer_hub.onnx import translate as onnx_translate
from fer_hub.pipeline import FERPipeline
from tests.hub.stand_in import HubStandIn
from tests.hub.stand_in_repository import Commit, Repository

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGES = np.random.default_rng(1).integers(0, 256, (9, 48, 48), dtype=np.uint8)


def test_the_pipeline_gives_the_same_probabilities(quantised):
    image_processor = FERImageProcessor.from_pretrained(quantised)
    crops = [np.repeat(image[:, :, None], 3, axis=2) for image in IMAGES]
    rows = []
    for model in (FERForImageClassification.from_pretrained(quantised), OnnxClassifier.from_pretrained(quantised)):
        with FERPipeline(model, image_processor, device="cpu", batch_size=4) as pipeline:
            rows.append([list(row.values()) for row in pipeline.classify_crops(crops)])
    assert np.abs(np.subtract(*rows)).max() < 1e-5


def test_it_runs_without_torch_and_transformers(quantised):
    code = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['transformers'] = None  # importing them fails\n"
        "import numpy as np\n"
        "from fer_hub.inference.onnx_classifier import OnnxClassifier\n"
        "classifier = OnnxClassifier.from_pretrained(sys.argv[1])\n"
        "print(classifier(np.ones((2, 1, 48, 48), np.float32)).logits.tolist())\n"
    )
    done = subprocess.run([sys.executable, "-c", code, quantised], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    expected = OnnxClassifier.from_pretrained(quantised)(torch.ones(2, 1, 48, 48)).logits
    assert np.array_equal(np.float32(json.loads(done.stdout)), expected)


def test_threads_and_empty_batches(quantised):
    one, two = (OnnxClassifier(quantised / MODEL_FILE, threads=threads) for threads in (1, 2))
    assert two(np.zeros((0, 1, 48, 48))).logits.shape == (0, 7)
    batches = [np.random.default_rng(seed).normal(size=(3, 1, 48, 48)) for seed in range(12)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(two, batches))
    for batch, answer in zip(batches, together, strict=True):
        assert np.allclose(one(batch).logits, answer.logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("pixel_values", "came"),
    [
        (None, "None"),
        (np.zeros((1, 48, 48)), "(1, 48, 48)"),
        (np.zeros((2, 3, 48, 48)), "(2, 3, 48, 48)"),
        (torch.zeros(2, 1, 32, 48), "(2, 1, 32, 48)"),
    ],
)
def test_wrong_pixel_values(quantised, pixel_values, came):
    message = (
        f"pixel_values must have the shape (images, 1, 48, 48), got {came}; call the model on what FERImageProcessor "
        "returns."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        OnnxClassifier(quantised / MODEL_FILE)(pixel_values)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_wrong_threads(quantised, threads):
    message = f"threads must be a whole number of at least 1, got {threads!r}; 1 suits single faces."
    with pytest.raises(ValueError, match=re.escape(message)):
        OnnxClassifier(quantised / MODEL_FILE, threads=threads)


def test_the_cpu_is_its_only_device(quantised):
    classifier = OnnxClassifier(quantised / MODEL_FILE)
    assert classifier.to("cpu").eval() is classifier
    message = (
        "device must be cpu for an exported network, got 'cuda:0'; leave device out, or run the checkpoint with "
        "PyTorch."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        classifier.to(torch.device("cuda", 0))


def _changed_json(name, **values):
    def change(folder):
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def _other_weights(folder):
    shutil.copy(folder / MODEL_FILE, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_changed_json("config.json", temperature=1.25), "temperature 1.3 where the folder has 1.25"),
        (_changed_json("preprocessor_config.json", image_mean=[0.5]), "image_mean [0.45] where the folder has [0.5]"),
        (_changed_json("preprocessor_config.json", stretch="none"), "stretch percentiles where the folder has none"),
        (_other_weights, "checkpoint_sha256 {old} where the folder has {new}"),
    ],
)
def test_a_stale_file_is_refused(copy, change, told):
    old, new = (onnx_model.checkpoint_sha256(copy / name) for name in ("model.safetensors", MODEL_FILE))
    change(copy)
    for file, options in ((MODEL_FILE, ""), (INT8_FILE, " --int8 --data path/to/fer2013")):
        message = (
            f"{copy / file} must be exported from the checkpoint in its folder, got {told.format(old=old, new=new)}; "
            f"write it with fer-hub export {copy}{options}."
        )
        with pytest.raises(ValueError, match=re.escape(message)):
            OnnxClassifier.from_pretrained(copy, file=file)


def test_a_file_from_before_the_stretch_is_not_stretched(quantised, tmp_path):
    file = onnx.load(quantised / MODEL_FILE)
    onnx_translate.set_metadata(file, {part.key: part.value for part in file.metadata_props if part.key != "stretch"})
    onnx.save(file, tmp_path / "old.onnx")
    assert OnnxClassifier(tmp_path / "old.onnx").metadata["stretch"] == "none"


def test_missing_and_foreign_files(tiny_checkpoint, quantised, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        OnnxClassifier.from_pretrained(tiny_checkpoint)
    assert str(caught.value) == (
        f"{tiny_checkpoint} must contain model.onnx, but does not; write it with fer-hub export {tiny_checkpoint}."
    )
    with pytest.raises(ValueError, match=r"^file must be model\.onnx or model_int8\.onnx, got 'weights'; choose one"):
        OnnxClassifier.from_pretrained(quantised, file="weights")
    path = tmp_path / "model.onnx"
    with pytest.raises(FileNotFoundError) as caught:
        OnnxClassifier(path)
    assert str(caught.value) == (f"{path}: no such file; path must be an ONNX file, write one with fer-hub export.")
    path.write_bytes((quantised / MODEL_FILE).read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"must be an ONNX file that this onnxruntime \(.+\) reads, got: .+; export"):
        OnnxClassifier(path)
    file = onnx.load(quantised / MODEL_FILE)
    onnx_translate.set_metadata(file, {"architecture": "residual_cnn"})
    onnx.save(file, path)
    with pytest.raises(ValueError) as caught:
        OnnxClassifier(path)
    assert str(caught.value) == (
        f"{path} must be written by fer_hub.onnx.export, got an ONNX file whose metadata lacks resample, "
        "checkpoint_sha256, format_version, id2label, image_mean, image_size, image_std, num_channels, "
        "rescale_factor, temperature; export the checkpoint again."
    )


def test_a_newer_format_is_refused(quantised, tmp_path):
    file = onnx.load(quantised / MODEL_FILE)
    onnx_translate.set_metadata(file, {p.key: p.value for p in file.metadata_props} | {"format_version": "2"})
    onnx.save(file, tmp_path / "model.onnx")
    with pytest.raises(ValueError) as caught:
        OnnxClassifier(tmp_path / "model.onnx")
    assert str(caught.value) == (
        f"format_version must be at most 1, got 2: {tmp_path / 'model.onnx'} was written by a newer fer_hub; upgrade "
        "fer_hub to read it."
    )


def test_from_the_hub(quantised, tmp_path):
    with HubStandIn() as hub:
        repository = hub.repositories["models", "user/fer"] = Repository(private=False)
        repository.add("main", Commit({MODEL_FILE: (quantised / MODEL_FILE).read_bytes()}, "first", None))
        where = {"endpoint": hub.url, "cache_dir": tmp_path, "token": False}
        classifier = OnnxClassifier.from_pretrained("user/fer", revision="main", **where)
        with pytest.raises(FileNotFoundError) as caught:
            OnnxClassifier.from_pretrained("user/fer", file=INT8_FILE, **where)
        assert str(caught.value) == (
            "the Hub repository user/fer must contain model_int8.onnx, but does not; download the checkpoint and "
            "write it with fer-hub export FOLDER --int8 --data path/to/fer2013."
        )
        with pytest.raises(FileNotFoundError, match="a repository on the Hub, but 'user/other' is neither"):
            OnnxClassifier.from_pretrained("user/other", **where)
    batch = np.ones((1, 1, 48, 48))
    cached = OnnxClassifier.from_pretrained("user/fer", cache_dir=tmp_path, local_files_only=True)
    assert np.array_equal(cached(batch).logits, classifier(batch).logits)
    with pytest.raises(FileNotFoundError, match="there is no such folder, and Hub ids are owner/name"):
        OnnxClassifier.from_pretrained("no/such/folder", cache_dir=tmp_path)


def test_the_benchmark_compares_all_three(quantised, tiny_checkpoint):
    command = [sys.executable, "-m", "benchmarks.onnx_speed"]
    done = subprocess.run([*command, quantised, "--rounds", "2"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    first, head, *rows = done.stdout.splitlines()
    assert first.startswith("residual_cnn, batch 1, threads 1, rounds 2, wall time; torch ")
    assert head.split("  ")[-1].strip() == "times as fast"
    assert [re.split(r"\s{2,}", row)[0] for row in rows] == [
        "PyTorch",
        "ONNX Runtime",
        "ONNX Runtime, int8",
    ]
    assert rows[0].endswith(" 1.00")


@pytest.mark.parametrize("runtime", ["onnx", "onnx-int8"])
def test_one_keyword_of_the_pipeline_chooses_the_runtime(quantised, runtime):
    photo = ROOT / "examples" / "astronaut.jpg"
    with FERPipeline.from_pretrained(quantised, runtime="torch") as pipeline:
        [expected] = pipeline(photo)
    with FERPipeline.from_pretrained(quantised, runtime=runtime) as pipeline:
        assert type(pipeline.model) is OnnxClassifier
        [face] = pipeline(photo)
    assert face.box == expected.box and list(face.probabilities) == list(expected.probabilities)
    tolerance = 1e-4 if runtime == "onnx" else 0.1
    assert list(face.probabilities.values()) == pytest.approx(list(expected.probabilities.values()), abs=tolerance)


def test_an_unknown_runtime_is_refused(quantised):
    with pytest.raises(ValueError) as caught:
        FERPipeline.from_pretrained(quantised, runtime="tensorrt")
    assert str(caught.value) == (
        "runtime must be one of auto, torch, onnx, onnx-int8, got 'tensorrt'; choose one of these."
    )
