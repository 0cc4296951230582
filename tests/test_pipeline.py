"""From photos to predictions: shapes of the results, batching, loading, and what is refused."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import ImageClassificationPipeline

from fer_hub import EMOTIONS, FERConfig, FERForImageClassification, FERImageProcessor, FERPipeline
from fer_hub.detection.detector import FaceDetector
from fer_hub.detection.framing import frame_box
from fer_hub.images import crop, load_image
from fer_hub.inference.logits import predict_probabilities
from fer_hub.results import Face, FacePrediction
from tests.wording import says

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
ASTRONAUT, HOPPER = EXAMPLES / "astronaut.jpg", EXAMPLES / "grace_hopper.jpg"


@pytest.fixture(scope="module")
def pipeline(tiny_checkpoint):
    with FERPipeline.from_pretrained(tiny_checkpoint) as pipeline:
        yield pipeline


class Grid:
    """A detector that knows where the faces are: in every full 40x40 cell of a photo."""

    def detect(self, image: Image.Image) -> list[Face]:
        cells = [(x, y) for y in range(0, image.height - 39, 40) for x in range(0, image.width - 39, 40)]
        return [Face((x + 4.4, y + 4.4, x + 34.4, y + 34.4), 0.8) for x, y in cells]


def coloured_photo(columns: int, rows: int, seed: int = 0) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (rows * 4, columns * 4, 3), np.uint8)
    return Image.fromarray(noise).resize((columns * 40, rows * 40), Image.Resampling.BICUBIC)


def counting(model: torch.nn.Module) -> list[int]:
    """Records the batch sizes of all following forward passes."""
    batches: list[int] = []
    model.register_forward_pre_hook(
        lambda module, args, kwargs: batches.append(len(kwargs["pixel_values"])), with_kwargs=True
    )
    return batches


def grid_pipeline(**options) -> FERPipeline:
    torch.manual_seed(0)
    config = FERConfig(embedding_size=4, hidden_sizes=(8,), depths=(1,))
    return FERPipeline(FERForImageClassification(config), FERImageProcessor(), Grid(), **options)


def test_one_photo_gives_its_faces(pipeline):
    [face] = pipeline(ASTRONAUT)
    assert isinstance(face, FacePrediction)
    assert list(face.probabilities) == list(EMOTIONS)
    assert math.isclose(sum(face.probabilities.values()), 1, abs_tol=1e-6)
    assert face.emotion == max(face.probabilities, key=face.probabilities.get)
    assert {type(edge) for edge in face.box} == {int}
    assert np.abs(np.array(face.box) - (174, 71, 276, 174)).max() <= 6
    assert 0.5 <= face.detection_score <= 1
    assert "left_eye" in face.keypoints
    json.dumps(face.to_dict())


def test_every_kind_of_source_gives_the_same(pipeline):
    image = load_image(HOPPER)
    expected = pipeline(image)
    for source in (str(HOPPER), HOPPER, HOPPER.read_bytes(), np.asarray(image)):
        assert pipeline(source) == expected


def test_a_list_gives_a_list_of_lists(pipeline):
    nobody = Image.new("RGB", (64, 64))
    [one], [other] = pipeline(ASTRONAUT), pipeline(HOPPER)
    for kind in (list, tuple):
        assert pipeline(kind([nobody])) == [[]]
        first, second, third = pipeline(kind([ASTRONAUT, nobody, HOPPER]))
        assert [len(first), len(second), len(third)] == [1, 0, 1]
        for together, alone in ((first[0], one), (third[0], other)):
            assert together.box == alone.box
            assert together.probabilities == pytest.approx(alone.probabilities, abs=1e-6)
    assert pipeline([]) == []


def test_no_face_gives_an_empty_list(pipeline):
    assert pipeline(Image.new("L", (300, 200), 90)) == []


@pytest.mark.parametrize(("batch_size", "batches"), [(64, [11]), (11, [11]), (4, [4, 4, 3]), (1, [1] * 11)])
def test_all_faces_of_all_photos_share_the_batches(batch_size, batches):
    pipeline = grid_pipeline(batch_size=batch_size)
    seen = counting(pipeline.model)
    photos = [coloured_photo(3, 2, 0), coloured_photo(1, 1, 1), Image.new("RGB", (30, 30)), coloured_photo(2, 2, 2)]
    answers = pipeline(photos)
    assert seen == batches
    assert [len(faces) for faces in answers] == [6, 1, 0, 4]
    for photo, faces in zip(photos, answers, strict=True):
        for face, alone in zip(faces, pipeline(photo), strict=True):
            assert face.box == alone.box
            assert face.probabilities == pytest.approx(alone.probabilities, abs=1e-5)


def test_each_face_gets_the_probabilities_of_its_own_crop():
    pipeline = grid_pipeline()
    photo = coloured_photo(3, 2)
    crops = [crop(photo, frame_box(face.box), 48) for face in Grid().detect(photo)]
    for face, row in zip(pipeline(photo), pipeline.classify_crops(crops), strict=True):
        assert face.probabilities == pytest.approx(row, abs=1e-6)


def test_crops_are_softmax_of_the_logits():
    pipeline = grid_pipeline()
    crops = [coloured_photo(1, 1, seed) for seed in range(3)]
    pixel_values = FERImageProcessor()(crops, return_tensors="pt").pixel_values
    with torch.no_grad():
        expected = pipeline.model(pixel_values=pixel_values).logits.softmax(-1).tolist()
    for row, values in zip(pipeline.classify_crops(crops), expected, strict=True):
        assert list(row) == list(EMOTIONS)
        assert list(row.values()) == pytest.approx(values, abs=1e-6)
    assert pipeline.classify_crops([]) == []


def test_with_flip_average_a_face_and_its_mirror_image_get_the_same_probabilities():
    photo = coloured_photo(2, 1)
    mirrored = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    plain, averaged = grid_pipeline(), grid_pipeline(flip_average=True)
    batches = counting(averaged.model)
    one, other = averaged.classify_crops([photo, mirrored])
    assert batches == [4] and one == pytest.approx(other, abs=1e-6)
    views = [[math.log(p) for p in row.values()] for row in plain.classify_crops([photo, mirrored])]
    assert views[0] != pytest.approx(views[1], abs=1e-4)
    powers = [math.exp((a + b) / 2) for a, b in zip(*views, strict=True)]  # the mean of logits, up to a constant
    assert list(one.values()) == pytest.approx([power / sum(powers) for power in powers], abs=1e-6)


def test_the_model_is_in_evaluation_mode_without_gradients():
    pipeline = grid_pipeline()
    pipeline.model.train()
    photo = coloured_photo(2, 2)
    assert pipeline(photo) == pipeline(photo)  # dropout and batch statistics would differ
    assert not pipeline.model.training
    assert all(parameter.grad is None for parameter in pipeline.model.parameters())


def test_boxes_are_whole_pixels_inside_the_photo():
    class Beyond:
        def detect(self, image):
            return [Face((-20.5, -3.2, 40.4, 61.9), 0.9), Face((49.8, 49.7, 90, 90), 0.9)]

    pipeline = grid_pipeline()
    pipeline.detector = Beyond()
    assert [face.box for face in pipeline(Image.new("RGB", (50, 50)))] == [(0, 0, 40, 50), (49, 49, 50, 50)]


def test_a_prediction_has_all_that_the_detector_says(pipeline):
    class Turned:
        def detect(self, image):
            return [Face((5, 5, 45, 45), 0.9, {"nose_tip": (25, 30)}, angle=90, quality=0.7)]

    turned = grid_pipeline()
    turned.detector = Turned()
    [face] = turned(Image.new("RGB", (50, 50)))
    assert (face.detection_score, face.quality, face.angle) == (0.9, 0.7, 90)
    assert face.keypoints == {"nose_tip": (25, 30)}


def test_a_multi_label_classifier_is_refused_and_pipelines_of_transformers_take_it(tmp_path):
    """Its probabilities do not sum to 1: a softmax of its logits would be wrong in silence."""
    config = FERConfig(embedding_size=16, hidden_sizes=(16, 16), depths=(1, 1))
    config.problem_type = "multi_label_classification"
    model, processor = FERForImageClassification(config).eval(), FERImageProcessor()
    with pytest.raises(ValueError, match=r"^the model must choose one expression of a face, but its problem_type is "):
        FERPipeline(model, processor)
    with pytest.raises(ValueError, match=r"^the model must choose one expression of a face, but its problem_type is "):
        predict_probabilities(model, processor, np.zeros((1, 48, 48), np.uint8))
    crop = Image.new("L", (48, 48), 90)
    rows = ImageClassificationPipeline(model=model, image_processor=processor)(crop, top_k=7)
    with torch.inference_mode():
        logits = model(**processor(images=crop, return_tensors="pt")).logits[0]
    expected = {config.id2label[index]: value for index, value in enumerate(logits.sigmoid().tolist())}
    assert {row["label"]: row["score"] for row in rows} == pytest.approx(expected, abs=1e-5)


def test_exif_orientation_is_applied(pipeline):
    turned = Image.open(ASTRONAUT).transpose(Image.Transpose.ROTATE_90)
    turned.getexif()[0x0112] = 6
    assert np.abs(np.array(pipeline(turned)[0].box) - pipeline(ASTRONAUT)[0].box).max() <= 1


def test_a_sideways_photo_is_classified_like_the_upright_one(tiny_checkpoint):
    with FERPipeline.from_pretrained(tiny_checkpoint, search="thorough") as pipeline:
        photo = load_image(HOPPER)
        [upright], [turned] = pipeline(photo), pipeline(photo.transpose(Image.Transpose.ROTATE_90))
        crops = [pipeline._cut_out(image, pipeline.detector.detect(image)[0]) for image in
                 (photo, photo.transpose(Image.Transpose.ROTATE_90))]  # fmt: skip
    x0, y0, x1, y1 = turned.box
    assert np.abs(np.array((photo.width - y1, x0, photo.width - y0, x1)) - upright.box).max() < 30
    one, other = (np.asarray(image.convert("L"), float).ravel() for image in crops)
    assert np.corrcoef(one, other)[0, 1] > 0.8


def test_a_bad_photo_of_a_list_is_named(pipeline):
    with pytest.raises(TypeError, match=r"^an image must be .*, got float; convert"):
        pipeline(0.5)
    with pytest.raises(TypeError, match=r"^image 1 of the list: an image must be .*, got float; convert"):
        pipeline([ASTRONAUT, 0.5])
    with pytest.raises(
        FileNotFoundError, match=r"^image 0 of the list: an image must be .*, got 'no.jpg'; there is no such file"
    ):
        pipeline(["no.jpg"])


@pytest.mark.parametrize("batch_size", [0, 2.5, True, "8"])
def test_batch_size_is_checked(batch_size):
    with pytest.raises(ValueError) as error:
        grid_pipeline(batch_size=batch_size)
    assert str(error.value) == f"batch_size must be a whole number above 0, got {batch_size!r}; 64 is the default."


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "mps:7", 3.5])
def test_a_device_that_is_not_there_is_refused_in_a_sentence(device):
    with pytest.raises(ValueError) as error:
        grid_pipeline(device=device)
    said = str(error.value)
    assert said.startswith("device must be one that this computer has (cpu") and repr(str(device)) in said
    assert "\n" not in said and said.endswith("leave it out for the CPU.")


def test_closing_closes_only_its_own_detector(tiny_checkpoint):
    with FERPipeline.from_pretrained(tiny_checkpoint) as own:
        own(ASTRONAUT)
    with pytest.raises(RuntimeError, match="is closed"):
        own(ASTRONAUT)
    with FaceDetector() as detector:
        with FERPipeline(own.model, own.image_processor, detector) as borrowed:
            borrowed(ASTRONAUT)
        assert len(detector.detect(load_image(ASTRONAUT))) == 1


def test_crops_need_no_detector(tiny_checkpoint):
    pipeline = FERPipeline.from_pretrained(tiny_checkpoint)
    pipeline.close()
    assert len(pipeline.classify_crops([ASTRONAUT])) == 1


def test_options_reach_the_detector(tiny_checkpoint):
    options = {"min_score": 1.0, "detection_model": "short_range", "search": "fast"}
    with FERPipeline.from_pretrained(str(tiny_checkpoint), **options) as pipeline:
        detector = pipeline.detector
        assert (detector.model, detector.min_score, detector.search) == ("short_range", 1.0, "fast")
        assert pipeline(ASTRONAUT) == []
    with pytest.raises(
        ValueError, match=r"^model must be one of fused, yunet, mediapipe, short_range, full_range, got 'none';"
    ):
        FERPipeline.from_pretrained(tiny_checkpoint, detection_model="none")


def test_detector_is_the_object_everywhere(tiny_checkpoint):
    with FaceDetector("short_range") as detector:
        with FERPipeline.from_pretrained(tiny_checkpoint, detector=detector) as pipeline:
            assert pipeline.detector is detector
        assert detector.detect(load_image(ASTRONAUT))  # not closed with the pipeline
        with pytest.raises(
            ValueError, match=r"^min_score, detection_model and search must be left out with a detector"
        ):
            FERPipeline.from_pretrained(tiny_checkpoint, detector=detector, search="fast")
    with pytest.warns(DeprecationWarning, match="now detection_model") as warned:
        FERPipeline.from_pretrained(tiny_checkpoint, detector="short_range").close()
    assert warned[0].filename == __file__


def test_another_checkpoint_of_transformers_works(tmp_path):
    """Colour, another size and other labels, none of it written by fer_hub."""
    from transformers import ResNetConfig, ResNetForImageClassification, ViTImageProcessorPil

    torch.manual_seed(0)
    labels = {0: "calm", 1: "contempt", 2: "joy"}
    config = ResNetConfig(
        embedding_size=4, hidden_sizes=[8, 8], depths=[1, 1], layer_type="basic", id2label=labels,
        label2id={name: index for index, name in labels.items()},
    )  # fmt: skip
    ResNetForImageClassification(config).save_pretrained(tmp_path)
    ViTImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(tmp_path)
    with FERPipeline.from_pretrained(tmp_path) as pipeline:
        [face] = pipeline(ASTRONAUT)
    assert list(face.probabilities) == ["calm", "contempt", "joy"]


@pytest.fixture
def checkpoint(tiny_checkpoint, tmp_path) -> Path:
    """A copy of the tiny checkpoint to damage."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))


def edit_config(checkpoint: Path, **changes) -> None:
    path = checkpoint / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refusal(checkpoint, **options) -> Exception:
    with pytest.raises((OSError, ValueError, TypeError)) as error:
        FERPipeline.from_pretrained(checkpoint, **options)
    return error.value


@pytest.mark.parametrize("missing", [Path("no/such"), "./no/such", "/no/such/folder", "a/b/c", "no\\such"])
def test_a_folder_that_is_not_there(missing):
    error = refusal(missing)
    assert type(error) is FileNotFoundError
    assert str(error) == (
        f"checkpoint must be a checkpoint folder or a Hub id, got {str(missing)!r}; there is no such folder."
    )


@pytest.mark.parametrize("nothing", ["", 5])
def test_a_checkpoint_must_be_named(nothing):
    error = refusal(nothing)
    assert str(error) == f"checkpoint must be a checkpoint folder or a Hub id, got {nothing!r}."


def test_the_default_is_the_checkpoint_for_photographs_that_comes_with_fer_hub():
    photographs = EXAMPLES.parent / "checkpoints" / "photographs"
    options = {"runtime": "torch"}
    with (
        FERPipeline.from_pretrained(**options) as pipeline,
        FERPipeline.from_pretrained(photographs, **options) as named,
    ):
        weights, same = pipeline.model.state_dict(), named.model.state_dict()
        assert weights.keys() == same.keys() and all(torch.equal(weights[key], same[key]) for key in same)


def test_a_hub_id_that_cannot_be_loaded():
    error = refusal("nobody/nothing-of-that-name", local_files_only=True)
    assert type(error) is ConnectionError
    assert str(error) == (
        "the checkpoint must be in the cache while local_files_only is set, but 'nobody/nothing-of-that-name' is "
        "not; load it once while online, or pass a folder."
    )


def test_a_folder_without_a_config(tmp_path):
    error = refusal(tmp_path)
    assert type(error) is FileNotFoundError
    assert str(error) == (
        f"checkpoint must be a folder with config.json, got {str(tmp_path)!r}, which lacks it; pass a folder written "
        "by save_pretrained."
    )


def test_an_unknown_architecture(checkpoint):
    edit_config(checkpoint, architecture="hydra")
    assert str(refusal(checkpoint)).startswith("architecture must be one of ")
    edit_config(checkpoint, architecture="residual_cnn", model_type="hydra", auto_map={})
    assert str(refusal(checkpoint)) == (
        "the checkpoint's model_type must be supported by transformers or fer_hub, got 'hydra' in "
        f"{str(checkpoint)!r}; pass trust_remote_code=True to run its own Python files if you trust them."
    )
    path = checkpoint / "config.json"
    path.write_text(json.dumps({"model_type": "hydra"}))
    assert str(refusal(checkpoint)).endswith("; upgrade transformers if it is newer.")


def test_a_model_that_classifies_no_images(checkpoint):
    (checkpoint / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    assert str(refusal(checkpoint)) == (
        f"the checkpoint must be an image classification model, got model_type 'gpt2' in {str(checkpoint)!r}, which "
        "is not one; choose another checkpoint."
    )


def test_a_folder_without_an_image_processor(checkpoint):
    (checkpoint / "preprocessor_config.json").unlink()
    error = refusal(checkpoint)
    assert type(error) is FileNotFoundError
    assert str(error) == (
        f"the checkpoint must have an image processor, but {str(checkpoint)!r} has no preprocessor_config.json; save "
        "one next to the weights with image_processor.save_pretrained(folder)."
    )


def test_a_folder_without_weights(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    error = refusal(checkpoint)
    assert type(error) is FileNotFoundError
    assert str(error).startswith(
        f"the checkpoint must have its weights in model.safetensors, but {str(checkpoint)!r} has not ("
    )


def test_pickled_weights_are_not_opened(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    torch.save({}, checkpoint / "pytorch_model.bin")
    assert type(refusal(checkpoint)) is FileNotFoundError


def test_damaged_weights(checkpoint):
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    error = refusal(checkpoint)
    assert type(error) is ValueError
    assert str(error).startswith(
        f"model.safetensors must be complete and fit config.json, but in {str(checkpoint)!r} does not ("
    )


def test_weights_of_another_size(checkpoint):
    edit_config(checkpoint, hidden_sizes=[8, 12])
    assert str(refusal(checkpoint)).startswith("model.safetensors must be complete and fit config.json, but in ")


def test_weights_that_lack_a_layer(checkpoint):
    from safetensors.torch import load_file, save_file

    weights = load_file(checkpoint / "model.safetensors")
    first = min(weights)
    del weights[first]
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    assert str(refusal(checkpoint)) == (
        f"the checkpoint must contain all weights of the model, but {str(checkpoint)!r} lacks 1, the first is "
        f"{first!r}; save it again from a trained image classification model."
    )


def test_system_errors_of_a_list_name_the_position_too(pipeline, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^image 1 of the list: an image must be "):
        pipeline([Image.new("RGB", (9, 9)), tmp_path / "none.jpg"])
    if Path("/proc/self/mem").exists():  # a file that the system cannot read from its beginning, of Linux
        with pytest.raises(OSError, match=r"^image 0 of the list: .*Input/output error"):
            pipeline(["/proc/self/mem"])
    with pytest.raises(ValueError, match=r"^image 1 of the list: "):
        pipeline.classify_crops([Image.new("RGB", (9, 9)), b"x"])


@pytest.mark.parametrize("crops", [np.zeros((48, 48), np.uint8), "face.png", Image.new("L", (48, 48))])
def test_crops_are_a_list(pipeline, crops):
    with pytest.raises(TypeError, match=r"^crops must be a list of images, got \w+; put a single one in a list\.$"):
        pipeline.classify_crops(crops)


@pytest.mark.parametrize("shipped", [True, False])  # on ONNX Runtime, which would not look at them, and on PyTorch
def test_options_that_nobody_reads_are_refused(shipped, checkpoint):
    for name in ("dtype", "torch_dtype", "device_map", "local_file_only", "use_auth_token", "num_labels"):
        with pytest.raises(TypeError) as caught:
            FERPipeline.from_pretrained(None if shipped else checkpoint, **{name: "x"})
        assert says(
            str(caught.value),
            f"a checkpoint is loaded with revision, trust_remote_code, token, ..., got {name}; ...",
        )
    with FERPipeline.from_pretrained(checkpoint, token=False, local_files_only=True, force_download=False) as pipeline:
        assert pipeline(Image.new("RGB", (9, 9))) == []


def test_a_variant_of_the_weights_is_loaded(pipeline, tmp_path):
    pipeline.model.save_pretrained(tmp_path, variant="fp16")
    pipeline.image_processor.save_pretrained(tmp_path)
    with FERPipeline.from_pretrained(tmp_path, variant="fp16") as other:
        assert other(Image.new("RGB", (9, 9))) == []
