"""Streams of photographs: in order, ahead of the caller, with bounded memory, errors in their place."""

import threading

import numpy as np
import pytest
from PIL import Image

from fer_hub import FERPipeline
from fer_hub.ahead import ahead
from tests.test_pipeline import Grid, coloured_photo, grid_pipeline

PHOTOS = [coloured_photo(1 + number % 3, 1, number) for number in range(23)]


@pytest.mark.parametrize(("batch_size", "threads"), [(1, 1), (4, 2), (16, 3), (100, None)])
def test_results_are_those_of_a_call_in_order(batch_size, threads):
    pipeline = grid_pipeline()
    expected = pipeline(PHOTOS)
    streamed = list(pipeline.stream((photo for photo in PHOTOS), batch_size=batch_size, threads=threads))
    assert [[face.box for face in faces] for faces in streamed] == [[face.box for face in faces] for faces in expected]
    for faces, others in zip(streamed, expected, strict=True):
        for face, other in zip(faces, others, strict=True):
            assert face.probabilities == pytest.approx(dict(other.probabilities), abs=1e-5)
    sized = pipeline.stream_sized(PHOTOS, batch_size=batch_size, threads=threads)
    assert [size for size, _ in sized] == [photo.size for photo in PHOTOS]
    assert list(pipeline.stream([])) == []


def test_iterators_and_batches_are_several_photos():
    pipeline = grid_pipeline()
    batch = np.stack([np.asarray(coloured_photo(1, 1, seed)) for seed in range(3)])
    for several in (batch, iter(batch), [{"image": photo} for photo in batch], tuple(batch)):
        assert [len(faces) for faces in pipeline(several)] == [1, 1, 1]
    assert [len(faces) for faces in pipeline.stream(batch)] == [1, 1, 1]


def test_the_stream_reads_no_further_than_its_bound():
    pipeline, read = grid_pipeline(), []

    def photos():
        for number in range(400):
            read.append(number)
            yield PHOTOS[number % len(PHOTOS)]

    ahead_by = []
    for received, _ in enumerate(pipeline.stream(photos(), batch_size=5, threads=2)):
        ahead_by.append(len(read) - received)
    assert len(read) == 400 and max(ahead_by) <= 5 + (5 + 2 * 2) + 1


def test_threads_search_while_the_network_classifies():
    """The network waits for the search of a photo of a later batch, which would never end one after the other."""
    later = threading.Event()

    class Slow(Grid):
        def detect(self, image):
            if image.size == (80, 40):
                later.set()
            return super().detect(image)

    pipeline = grid_pipeline()
    pipeline.detector = Slow()
    classify, waited = pipeline.classify_crops, []

    def waiting(crops):
        waited.append(later.wait(60))
        return classify(crops)

    pipeline.classify_crops = waiting
    photos = [coloured_photo(1, 1)] * 2 + [coloured_photo(2, 1)]
    assert [len(faces) for faces in pipeline.stream(photos, batch_size=2, threads=1)] == [1, 1, 2]
    assert waited == [True, True]


def test_errors_stand_in_their_place_or_end_the_stream():
    pipeline = grid_pipeline()
    photos = [PHOTOS[0], "no.jpg", PHOTOS[1], 0.5]
    kinds = [type(result).__name__ for result in pipeline.stream(photos, on_error="yield")]
    assert kinds == ["list", "FileNotFoundError", "list", "TypeError"]
    stream = pipeline.stream(iter(photos))
    assert len(next(stream)) == 1
    with pytest.raises(FileNotFoundError, match=r"^image 1 of the stream: an image must be .* no such file\.$"):
        next(stream)
    for broken in (RuntimeError("closed"), KeyError("other")):  # not the fault of a photo
        pipeline.detector = type(
            "Broken", (), {"detect": lambda self, image, error=broken: (_ for _ in ()).throw(error)}
        )()
        with pytest.raises(type(broken)):
            list(pipeline.stream(PHOTOS, on_error="yield"))


def test_an_error_of_the_iterator_comes_after_the_results_before_it():
    def items():
        yield from range(5)
        raise ConnectionError("gone")

    seen = []
    with pytest.raises(ConnectionError, match="gone"):
        for future in ahead(lambda number: number, items(), threads=2, depth=10):
            seen.append(future.result())
    assert seen == list(range(5))


def test_leaving_a_stream_ends_its_threads():
    stream = grid_pipeline().stream(PHOTOS * 10, batch_size=1)
    before = set(threading.enumerate())
    next(stream)
    assert [thread for thread in threading.enumerate() if thread.name.startswith("fer_hub") and thread not in before]
    stream.close()
    assert not set(threading.enumerate()) - before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number above 0, got 0; leave it out for the default."),
        ({"threads": 1.5}, "threads must be a whole number above 0, got 1.5; leave it out for the default."),
        ({"on_error": "skip"}, "on_error must be raise or yield, got 'skip'; choose one of these."),
    ],
)
def test_bad_options_are_refused_at_once(options, sentence):
    with pytest.raises(ValueError) as caught:
        grid_pipeline().stream(PHOTOS, **options)
    assert str(caught.value) == sentence
    with pytest.raises(TypeError, match=r"^images must be several"):
        FERPipeline.stream(grid_pipeline(), Image.new("RGB", (9, 9)))
