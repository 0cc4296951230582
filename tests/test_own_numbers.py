"""Numbers of numpy are taken wherever Python's are, and come out as Python's."""

import json

import numpy as np
import pytest
from PIL import Image

from fer_hub import FaceDetector, FERConfig, FERImageProcessor, FERPipeline
from fer_hub.detection.watching import Watcher
from fer_hub.inference.priors import logit_shift
from fer_hub.results import Face
from fer_hub.video.analysis import analyse_video

NOBODY = Image.new("RGB", (32, 32))


def test_arguments_of_the_pipeline():
    with FERPipeline.from_pretrained(batch_size=np.int64(4), min_score=np.float32(0.5)) as pipeline:
        assert (type(pipeline.batch_size), type(pipeline.detector.min_score)) == (int, float)
        assert pipeline(NOBODY, min_score=np.float16(0.5)) == []
        assert [*pipeline.stream([NOBODY], threads=np.int32(1), batch_size=np.uint8(1))] == [[]]
        with pytest.raises(FileNotFoundError):
            analyse_video(pipeline, "nowhere.mp4", every=np.int64(2))
        for other in (True, np.True_, np.float64(2), "2"):
            with pytest.raises(ValueError, match=r"^batch_size must be a whole number above 0, got "):
                FERPipeline(pipeline.model, pipeline.image_processor, pipeline.detector, batch_size=other)


def test_arguments_of_what_it_is_made_of():
    with FaceDetector() as detector:
        Watcher(detector, every=np.int64(3))
    assert json.dumps(Face((0, 0, 9, 9), 0.9, angle=np.float32(3)).angle) == "3.0"
    config = FERConfig(class_shares=np.full(7, 1 / 7))
    assert logit_shift(config, {name: np.float32(1) for name in config.id2label.values()}) is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"id2label": {np.int64(index): name for index, name in enumerate(np.unique(["sad", "happy"]))}},
        {"label2id": {"a": np.int64(0), "b": np.int64(1)}}, {"num_labels": np.int64(3)}, {"image_size": np.int32(48)},
        {"hidden_sizes": np.array([8, 16]), "depths": [np.int64(1), 1]}, {"dropout": np.float32(0.5)},
        {"temperature": np.float32(1.5)}, {"class_shares": np.full(7, 1 / 7)},
    ],
)  # fmt: skip
def test_fields_of_a_config(fields, tmp_path):
    config = FERConfig(**fields)
    config.save_pretrained(tmp_path)
    assert FERConfig.from_pretrained(tmp_path).to_dict() == config.to_dict()


def test_fields_of_an_image_processor(tmp_path):
    processor = FERImageProcessor(
        size={"height": np.int64(40), "width": np.int64(40)}, resample=np.int64(2), rescale_factor=np.float32(1 / 255),
        image_mean=np.array([0.5]), image_std=[np.float32(0.25)], do_resize=np.True_,
    )  # fmt: skip
    processor.save_pretrained(tmp_path)
    assert FERImageProcessor.from_pretrained(tmp_path).to_dict() == processor.to_dict()
