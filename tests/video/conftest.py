"""A synthetic clip, two real faces that pass each other, and a pipeline with a small network."""

import pytest
from PIL import Image

from fer_hub import FERPipeline
from tests.video.making import EXAMPLES, GREY, make_video, moving


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """20 frames in 4/3 s with a face that moves to the right, and sound."""
    return make_video(tmp_path_factory.mktemp("videos") / "clip.mp4", moving(), sound="aac")


@pytest.fixture(scope="module")
def pipeline(tiny_checkpoint):
    with FERPipeline.from_pretrained(tiny_checkpoint, detection_model="short_range") as pipeline:
        yield pipeline


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Two real faces that pass each other, without a face for the last three frames."""
    astronaut = Image.open(EXAMPLES / "astronaut.jpg").crop((120, 0, 330, 220)).resize((120, 126))
    hopper = Image.open(EXAMPLES / "grace_hopper.jpg").resize((130, 152)).crop((0, 0, 130, 120))
    frames = []
    for index in range(12):
        frame = Image.new("RGB", (480, 270), GREY)
        if index < 9:
            frame.paste(hopper, (330 - 40 * index, 8))
            frame.paste(astronaut, (10 + 40 * index, 140))
        frames.append(frame)
    return make_video(tmp_path_factory.mktemp("videos") / "people.mp4", frames, rate=10)
