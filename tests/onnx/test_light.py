"""The pipeline without torch: what it imports, that it says the same as PyTorch, and when it is chosen."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from PIL import Image

from fer_hub import FERImageProcessor, FERModel, FERPipeline, load_image
from fer_hub.inference.crops import CropProcessor
from fer_hub.inference.loading import load_network
from fer_hub.inference.onnx_classifier import MODEL_FILE, OnnxClassifier
from tests.hub.stand_in import HubStandIn
from tests.hub.stand_in_repository import Commit, Repository

ROOT = Path(__file__).resolve().parent.parent.parent
PHOTOS = [ROOT / "examples" / name for name in ("astronaut.jpg", "grace_hopper.jpg")]

HEAVY = (
    "torch", "transformers", "mediapipe", "matplotlib", "cv2", "sounddevice", "huggingface_hub", "httpx", "numpy.ma",
    "importlib.metadata", "pillow_heif", "PIL.DdsImagePlugin",
)  # fmt: skip
"""What takes time or memory to import and is not needed to classify a photograph."""


def pictures(count: int) -> list[Image.Image]:
    """Crops of many sizes, colour and grey, of all brightnesses and contrasts."""
    random = np.random.default_rng(3)
    found = []
    for number in range(count):
        shape = (*random.integers(20, 120, 2), 3) if number % 3 else tuple(random.integers(20, 120, 2))
        low, span = random.integers(0, 200), random.integers(0, 56)
        found.append(Image.fromarray((low + random.random(shape) * span).astype(np.uint8)))
    return found


def test_a_photograph_is_classified_without_torch_and_transformers(light):
    code = f"""
import sys
sys.modules["torch"] = sys.modules["transformers"] = None  # importing them fails
from fer_hub import FERPipeline
with FERPipeline.from_pretrained(sys.argv[1]) as pipeline:
    [face] = pipeline(sys.argv[2])
    vectors = pipeline.embed([sys.argv[2]])
import json
print(json.dumps([face.to_dict(), vectors.shape, [name for name in {HEAVY} if sys.modules.get(name)]]))
"""
    done = subprocess.run([sys.executable, "-c", code, light, PHOTOS[0]], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    face, shape, loaded = json.loads(done.stdout)
    with FERPipeline.from_pretrained(light, runtime="torch") as pipeline:
        [expected] = pipeline(PHOTOS[0])
    assert face["box"] == expected.to_dict()["box"]
    assert face["probabilities"] == pytest.approx(dict(expected.probabilities), abs=1e-4)
    assert (shape, loaded) == ([1, 8], [])


def test_importing_mediapipe_s_other_parts_still_works():
    code = """
from fer_hub import FaceDetector, load_image
import sys
with FaceDetector("short_range") as detector:
    detector.detect(load_image(sys.argv[1]))
assert "matplotlib" not in sys.modules and "cv2" not in sys.modules
import mediapipe
print(mediapipe.tasks.vision.drawing_utils.DrawingSpec(thickness=3).thickness)
"""
    done = subprocess.run([sys.executable, "-c", code, PHOTOS[0]], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "3\n", done.stderr


@pytest.mark.parametrize("stretch", ["none", "percentiles"])
def test_pixel_values_are_equal_bit_by_bit(light, stretch):
    metadata = OnnxClassifier(light / MODEL_FILE).metadata | {"stretch": stretch}
    ours = CropProcessor(metadata)
    theirs = FERImageProcessor(image_mean=[0.45], image_std=[0.2], stretch=stretch)
    crops = [*pictures(40), Image.new("RGB", (48, 48), "white"), Image.new("L", (9, 300), 7)]
    expected = theirs(images=crops, return_tensors="np")["pixel_values"]
    assert np.array_equal(ours(images=crops, return_tensors="np")["pixel_values"], expected)
    assert torch.equal(ours(crops, return_tensors="pt")["pixel_values"], torch.from_numpy(np.asarray(expected)))
    assert ours([])["pixel_values"].shape == (0, 1, 48, 48)
    see_through = Image.new("RGBA", (30, 30), (255, 0, 0, 0))
    assert np.array_equal(ours(see_through)["pixel_values"], theirs(see_through, return_tensors="np")["pixel_values"])


@pytest.mark.parametrize("flip_average", [False, True])
def test_crops_and_faces_are_those_of_pytorch(light, flip_average):
    crops, rows, faces, vectors = pictures(100), [], [], []
    for runtime in ("torch", "auto"):
        with FERPipeline.from_pretrained(light, runtime=runtime, flip_average=flip_average) as pipeline:
            rows.append([list(row.values()) for row in pipeline.classify_crops(crops)])
            faces.append([(face.box, face.emotion) for photo in pipeline(PHOTOS) for face in photo])
            vectors.append(pipeline.embed(crops))
    assert np.abs(np.subtract(*rows)).max() < 1e-4 and np.std(rows[0], axis=0).max() > 0.01
    assert faces[0] == faces[1] and len(faces[0]) == 2
    assert vectors[0].shape == (100, 8) and np.abs(np.subtract(*vectors)).max() < 1e-4


def test_feature_vectors_are_those_of_automodel(light):
    crops = pictures(3)
    pixel_values = FERImageProcessor.from_pretrained(light)(crops, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        expected = FERModel.from_pretrained(light).eval()(pixel_values=pixel_values).pooler_output
    for runtime in ("torch", "onnx"):
        pipeline = FERPipeline.from_pretrained(light, runtime=runtime)
        assert np.allclose(pipeline.embed(crops), expected, rtol=0, atol=1e-5)
        assert pipeline.embed([]).shape == (0, expected.shape[1])


def test_a_file_without_features_says_so(light):
    import onnx

    file = onnx.load(light / MODEL_FILE)
    del file.graph.output[1:]
    old = light.parent / "old.onnx"
    onnx.save(file, old)
    with pytest.raises(ValueError, match=r"^feature vectors need an ONNX file with the output features, but this one "):
        OnnxClassifier(old).features(np.zeros((1, 1, 48, 48)))


def test_onnx_runtime_is_taken_where_it_can_be(light, tmp_path):
    def kind(folder: Path, **options) -> str:
        return type(load_network(folder, **options)[0]).__name__

    torch_kind, onnx_kind = "FERForImageClassification", "OnnxClassifier"
    assert kind(light) == kind(light, device="cpu") == kind(light, runtime="onnx") == onnx_kind
    assert kind(light, runtime="torch") == kind(light, device="meta") == torch_kind
    bare = Path(shutil.copytree(light, tmp_path / "bare"))
    (bare / MODEL_FILE).unlink()
    assert kind(bare) == torch_kind
    stale = Path(shutil.copytree(light, tmp_path / "stale"))
    config = json.loads((stale / "config.json").read_text())
    (stale / "config.json").write_text(json.dumps(config | {"temperature": 2.5}))
    with pytest.warns(
        UserWarning, match=r"^PyTorch runs the network, as its exported file cannot: .*temperature 1\.3 "
    ):
        assert kind(stale) == torch_kind
    with pytest.raises(ValueError, match=r"temperature 1\.3 where the folder has 2\.5; write it with fer-hub export"):
        kind(stale, runtime="onnx")


@pytest.mark.parametrize(
    ("file", "change"),
    [("preprocessor_config.json", {"do_normalize": False}), ("preprocessor_config.json", {"resample": 3})],
)
def test_other_preprocessing_is_not_taken_for_that_of_the_export(light, tmp_path, file, change):
    folder = Path(shutil.copytree(light, tmp_path / "changed"))
    (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | change))
    with pytest.raises(ValueError, match="must be exported from the checkpoint in its folder, got "):
        load_network(folder, runtime="onnx")


def test_a_repository_on_the_hub_runs_the_file_that_was_published_with_its_weights(light, tmp_path, monkeypatch):
    files = {path.name: path.read_bytes() for path in light.iterdir()}
    with HubStandIn() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)  # as HF_ENDPOINT does, which is read when it is imported
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        where = {"cache_dir": tmp_path, "token": False}
        for name, content in (("user/fer", files), ("user/changed", files | {"model.safetensors": b"other weights"})):
            repository = hub.repositories["models", name] = Repository(private=False)
            repository.add("main", Commit(content, "first", None, {"model.safetensors", MODEL_FILE}))
        with FERPipeline.from_pretrained("user/fer", **where) as pipeline:
            assert type(pipeline.model) is OnnxClassifier and len(pipeline(load_image(PHOTOS[0]))) == 1
        from fer_hub.inference.loading import _fitting

        assert _fitting("user/changed", where) is None
        assert _fitting("user/none", where) is None
