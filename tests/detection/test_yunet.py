"""YuNet through ONNX Runtime: the same faces as through OpenCV, alone and in a batch."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.collage import collage
from fer_hub.detection.onnx_network import FOLDER
from fer_hub.detection.yunet import DROP, FILE, MAX_IOU, SIDE, YuNet

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("size", [(640, 480), (333, 257)])
def test_opencv_finds_the_same_faces(size):
    cv2 = pytest.importorskip("cv2")
    photo, _ = collage(40, 3, people=8, size=size)
    network = cv2.FaceDetectorYN_create(str(FOLDER / FILE), "", size, 0.6, MAX_IOU, 5000)
    theirs = network.detect(np.ascontiguousarray(np.asarray(photo)[:, :, ::-1]))[1]
    ours = YuNet(0.6).find(photo)
    assert len(ours) == len(theirs) > 1
    for face, row in zip(ours, sorted(theirs, key=lambda row: -row[14]), strict=True):
        x, y, width, height = row[:4]
        middle = ((face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2)
        assert face.detection_score == pytest.approx(row[14], abs=1e-4)
        assert face.box[2] - face.box[0] == pytest.approx(SIDE * width, abs=0.05)
        assert middle == pytest.approx((x + width / 2, y + height / 2 + DROP * width), abs=0.05)
        assert face.keypoints["nose_tip"] == pytest.approx(tuple(row[8:10]), abs=0.05)
        mouth = ((row[10] + row[12]) / 2, (row[11] + row[13]) / 2)
        assert face.keypoints["mouth_center"] == pytest.approx(mouth, abs=0.05)


def test_a_batch_is_what_its_images_are():
    network = YuNet(0.5)
    images = [collage(50, seed, people=3, size=(320, 240))[0] for seed in range(2)]
    for alone, together in zip(map(network.find, images), network.find_all(images), strict=True):
        assert [face.detection_score for face in together] == pytest.approx(
            [face.detection_score for face in alone], abs=1e-5
        )
    assert network.find_all([]) == []


@pytest.mark.parametrize("size", [(1, 1), (33, 7)])
def test_tiny_images_show_nobody(size):
    assert YuNet(0.5).find(Image.new("RGB", size)) == []


def test_telemetry_is_off_unless_the_user_set_it():
    script = (
        "import os; from PIL import Image; from fer_hub.detection.yunet import YuNet; "
        "YuNet(0.5).find(Image.new('RGB', (32, 32))); print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    for given, expected in ({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0"):
        environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"} | given
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert (done.stdout, done.returncode) == (f"{expected}\n", 0), done.stderr
