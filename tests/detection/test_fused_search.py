"""Which copies of a photo are looked at, and that everything is found on them."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.collage import background, collage, person
from fer_hub.boxes import iou, shift
from fer_hub.detection.detector import FaceDetector


class Noting:
    """YuNet that notes the sizes of what it is shown, but for close looks."""

    def __init__(self, yunet) -> None:
        self.yunet, self.sizes = yunet, []
        self.find_all, self.close = yunet.find_all, yunet.close

    def find(self, image):
        self.sizes.append(max(image.size))
        return self.yunet.find(image)


def searched(photo: Image.Image, search: str = "normal") -> tuple[list, list[int]]:
    """The faces, and the longer sides of the copies that YuNet has seen."""
    with FaceDetector(search=search) as detector:
        noting = detector._search.upright.yunet = Noting(detector._search.upright.yunet)
        return detector.detect(photo), noting.sizes


def faces_of(width: int) -> tuple[Image.Image, list]:
    return collage(width, 1, people=12, size=(1280, 960), kind="gradient")


@pytest.mark.parametrize(("width", "copies"), [(140, [320]), (100, [320, 512]), (40, [320, 512, 1088])])
def test_larger_copies_are_only_made_where_small_faces_may_be(width, copies):
    photo, truth = faces_of(width)
    faces, sizes = searched(photo)
    assert sizes == copies
    assert len(faces) == len(truth) and all(max(iou(face.box, box) for face in faces) > 0.4 for box in truth)


def test_a_small_face_beside_a_large_one_is_found():
    photo, truth = background("gradient", (1280, 960), np.random.default_rng(1)), []
    for name, width, place in (("astronaut", 160, (100, 300)), ("grace_hopper", 56, (900, 200))):
        head, mask, box = person(name, width)
        photo.paste(head, place, mask)
        truth.append(shift(box, *place))
    faces, sizes = searched(photo)
    assert sizes == [320, 512, 1088]
    assert len(faces) == 2 and all(max(iou(face.box, box) for face in faces) > 0.4 for box in truth)


def test_the_thorough_search_looks_at_every_copy():
    _, sizes = searched(faces_of(140)[0], "thorough")
    assert sizes[:4] == [320, 512, 1088, 1920]


def test_a_photo_of_twelve_megapixels_and_more_is_searched_at_twelve():
    photo = Image.new("RGB", (8000, 3000), "gray")
    _, sizes = searched(photo)
    assert max(sizes) == round(0.85 * 8000 * (12e6 / 24e6) ** 0.5)
