"""FERImageProcessor: every form of an image gives the same pixel_values, and the arithmetic is what it says."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from fer_hub import FERImageProcessor
from fer_hub.model.image_processing_fer import LARGEST
from tests.conftest import ROOT

GREY = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)


@pytest.fixture(scope="module")
def processor():
    return FERImageProcessor()


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(GREY),
        Image.fromarray(GREY).convert("RGB"),
        Image.fromarray(GREY).convert("RGBA"),
        Image.fromarray(GREY.astype(np.uint16) * 257),
        Image.fromarray(GREY.astype(np.int32) * 257),
        GREY,
        GREY[..., None],
        GREY[None],
        np.repeat(GREY[..., None], 3, axis=2),
        np.repeat(GREY[None], 3, axis=0),
        torch.from_numpy(GREY),
        torch.from_numpy(GREY[None]),
    ],
    ids=["L", "RGB", "RGBA", "I;16", "I", "HW", "HW1", "1HW", "HW3", "3HW", "tensor HW", "tensor 1HW"],
)
def test_every_form_gives_the_same_pixel_values(processor, image):
    expected = (torch.from_numpy(GREY).double() / 255 - 0.5077) / 0.2550
    for pixel_values in (
        processor(image, return_tensors="pt").pixel_values,
        processor([image], return_tensors="pt").pixel_values,
    ):
        assert pixel_values.shape == (1, 1, 48, 48)
        assert pixel_values.dtype == torch.float32
        assert torch.allclose(pixel_values[0, 0].double(), expected, atol=1e-5)


def test_colour_becomes_luma_in_rgb_order(processor):
    red = Image.new("RGB", (48, 48), (255, 0, 0))
    for image in (red, np.asarray(red), np.moveaxis(np.asarray(red), -1, 0)):
        value = processor(image, return_tensors="pt").pixel_values[0, 0, 0, 0].item()
        assert value == pytest.approx((76 / 255 - 0.5077) / 0.2550, abs=1e-5)  # 0.299 * 255 = 76


def test_exif_orientation_is_applied(processor, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 270 degrees to see it upright
    Image.fromarray(GREY).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as turned:
        got = processor(turned, return_tensors="pt").pixel_values
    want = processor(Image.fromarray(np.rot90(GREY, 3).copy()), return_tensors="pt").pixel_values
    assert torch.equal(got, want)


@given(arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(1), st.just(48), st.just(48))))
@settings(max_examples=25, deadline=None)
def test_normalize_batch_is_the_processor_without_decoding(images):
    processor = FERImageProcessor()
    one_by_one = processor(list(images), return_tensors="pt").pixel_values
    assert torch.allclose(processor.normalize_batch(torch.from_numpy(images)), one_by_one, atol=1e-6)


@given(arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(1), st.just(48), st.just(48))))
@settings(max_examples=25, deadline=None)
def test_both_ways_stretch_alike(images):
    processor = FERImageProcessor(stretch="percentiles")
    one_by_one = processor(list(images), return_tensors="pt").pixel_values
    assert torch.allclose(processor.normalize_batch(torch.from_numpy(images)), one_by_one, atol=1e-5)


def test_a_stretch_takes_light_and_contrast_away(tmp_path):
    """The darkest and the lightest hundredth become black and white, what lies between keeps its distances."""
    processor = FERImageProcessor(stretch="percentiles")
    ramp = np.arange(48 * 48).reshape(48, 48) * 80 / (48 * 48 - 1)
    seen = processor(ramp.round().astype(np.uint8), return_tensors="pt").pixel_values * 0.2550 + 0.5077
    assert seen.min() == pytest.approx(0, abs=1e-6) and seen.max() == pytest.approx(1, abs=1e-6)
    assert (seen < 1e-6).float().mean() == pytest.approx(0.015, abs=0.008)
    assert seen.median().item() == pytest.approx(0.5, abs=0.01)
    for factor, offset in ((0.5, 20), (2, 60), (3, 0)):
        again = processor((ramp.round() * factor + offset).astype(np.uint8), return_tensors="pt").pixel_values
        assert torch.allclose(again * 0.2550 + 0.5077, seen, atol=0.02)
    flat = processor(np.full((48, 48), 90, np.uint8), return_tensors="pt").pixel_values
    assert torch.equal(flat, torch.full_like(flat, flat[0, 0, 0, 0])) and torch.isfinite(flat).all()
    processor.save_pretrained(tmp_path)
    assert FERImageProcessor.from_pretrained(tmp_path).stretch == "percentiles"


def test_checkpoints_that_do_not_say_are_not_stretched(processor, tmp_path):
    processor.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "preprocessor_config.json").read_text())
    saved.pop("stretch", None)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(saved))
    assert FERImageProcessor.from_pretrained(tmp_path).stretch == "none"
    with pytest.raises(ValueError) as caught:
        FERImageProcessor(stretch="more")
    assert str(caught.value) == (
        "stretch must be one of none, percentiles, got 'more'; choose one of these, or upgrade fer_hub if the "
        "checkpoint is newer."
    )


@pytest.mark.parametrize("size", [(20, 31), (48, 47), (300, 200)])
def test_every_size_is_resized(processor, size):
    assert processor(Image.new("L", size, 128), return_tensors="pt").pixel_values.shape == (1, 1, 48, 48)


def test_settings_survive_saving(processor, tmp_path):
    FERImageProcessor(image_mean=[0.4], image_std=[0.3], size={"height": 64, "width": 64}).save_pretrained(tmp_path)
    again = FERImageProcessor.from_pretrained(tmp_path)
    assert again(GREY, return_tensors="pt").pixel_values.shape == (1, 1, 64, 64)
    assert (*again.image_mean, *again.image_std) == (0.4, 0.3)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (
            np.zeros((48, 48), np.float32),
            "an image array must be uint8 with values 0 to 255, got float32; convert it, or pass "
            "do_rescale=False for values from 0 to 1.",
        ),
        (
            np.zeros((5, 48, 48), np.uint8),
            "an image array must have 1 or 3 channels, got shape (5, 48, 48); give (height, width), "
            "(height, width, channels) or (channels, height, width).",
        ),
    ],
)
def test_unreadable_arrays_are_refused(processor, image, message):
    with pytest.raises(ValueError) as caught:
        processor(image)
    assert str(caught.value) == message


@pytest.mark.parametrize("stretch", ["none", "percentiles"])
@pytest.mark.parametrize("kind", [np.float32, np.float64, torch.float32, torch.float16])
def test_floats_from_0_to_1_give_what_their_255ths_give(kind, stretch):
    processor = FERImageProcessor(stretch=stretch)
    image = np.random.default_rng(0).integers(0, 256, (60, 50, 3), dtype=np.uint8)
    floats = torch.from_numpy(image / 255).to(kind) if isinstance(kind, torch.dtype) else (image / 255).astype(kind)
    expected = processor(image, return_tensors="pt").pixel_values
    assert torch.equal(processor([floats], do_rescale=False, return_tensors="pt").pixel_values, expected)
    assert torch.equal(
        FERImageProcessor(do_rescale=False, stretch=stretch)(floats, return_tensors="pt").pixel_values, expected
    )


def test_whole_numbers_stay_as_they_are_where_nothing_is_to_be_rescaled():
    image = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    [mean], [std] = FERImageProcessor.image_mean, FERImageProcessor.image_std
    found = FERImageProcessor()(image, do_rescale=False, return_tensors="pt").pixel_values[0, 0]
    assert torch.allclose(found, (torch.from_numpy(image).float() - mean) / std, rtol=1e-5)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            np.full((48, 48), 2.5),
            "with do_rescale=False a float array must have values from 0 to 1, got 2.5 to 2.5; divide it by 255.",
        ),
        (
            [np.zeros((48, 48)), np.zeros((48, 48), np.uint8)],
            "with do_rescale=False either all images must be float arrays with values from 0 to 1 or none, got both; "
            "give them in two calls.",
        ),
    ],
)
def test_other_floats_are_refused(images, message):
    with pytest.raises(ValueError) as caught:
        FERImageProcessor()(images, do_rescale=False)
    assert str(caught.value) == message


@pytest.mark.parametrize("shape", [(3, 48, 3), (1, 48, 3), (48, 3)])
def test_where_the_channels_are_can_be_said(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    processor = FERImageProcessor()
    upright = np.asarray(Image.fromarray(image).convert("L"))
    expected = processor(upright, return_tensors="pt").pixel_values
    said = processor(image, input_data_format="channels_last", return_tensors="pt").pixel_values
    assert torch.equal(said, expected)
    if image.ndim == 3:
        first = np.ascontiguousarray(np.moveaxis(image, -1, 0))
        said = processor(first, input_data_format="channels_first", return_tensors="pt").pixel_values
        assert torch.equal(said, expected)


def test_normalize_batch_takes_each_channels_own_constants():
    processor = FERImageProcessor(image_mean=[0.1, 0.2, 0.3], image_std=[0.5, 0.25, 0.125])
    pixels = torch.full((2, 3, 4, 4), 255, dtype=torch.uint8)
    expected = torch.tensor([(1 - 0.1) / 0.5, (1 - 0.2) / 0.25, (1 - 0.3) / 0.125])
    assert torch.allclose(processor.normalize_batch(pixels), expected[None, :, None, None].expand(2, 3, 4, 4))
    with pytest.raises(ValueError, match=r"^images must have as many channels as image_mean has values, 3, got 1;"):
        processor.normalize_batch(pixels[:, :1])


@pytest.mark.parametrize("size", [(512, 606), (512, 512), (300, 200)])
def test_a_whole_photograph_is_warned_about_once(size, python):
    """In a process of its own, as the warning comes once in each; for no crop that came before it."""
    code = (
        "import numpy as np, sys; from PIL import Image; from fer_hub import FERImageProcessor\n"
        "processor = FERImageProcessor()\n"
        "for size in ((384, 384), (200, 190), (60, 48)):\n"
        "    crop = Image.new('L', size); processor([crop, crop]), processor(np.asarray(crop))\n"
        f"photo = Image.new('L', {size})\n"
        "processor([photo, photo]), processor(np.asarray(photo))"
    )
    done = python(["-c", code], ROOT)
    assert done.returncode == 0, done.stderr
    said = (
        f"An image of {size[0]}x{size[1]} pixels looks like a whole photograph, but this network classifies face crops"
    )
    assert done.stderr.count("whole photograph") == 1 and said in done.stderr


def grey_of(image):
    """The grey values that a network would see of a picture of its size."""
    values = FERImageProcessor()(image, return_tensors="pt").pixel_values[0, 0] * 0.2550 + 0.5077
    return (values * 255).round().int().numpy()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "La", "RGBa", "P"])
def test_a_hidden_colour_is_not_seen(mode):
    """Black where nothing is to be seen is white, half visible black is half white."""
    alpha = np.repeat(np.array([0, 128, 255], np.uint8), 16 * 48).reshape(48, 48)
    black = Image.fromarray(np.zeros((48, 48), np.uint8))
    black.putalpha(Image.fromarray(alpha))
    if mode == "P":  # one colour of a palette is see-through, or none
        image = Image.fromarray((alpha > 0).astype(np.uint8))
        image.putpalette([9, 9, 9, 0, 0, 0])
        image = image.convert("P")
        image.info["transparency"] = 0
        assert [grey_of(image)[row, 0] for row in (0, 24, 47)] == [255, 0, 0]
        return
    if mode == "PA":  # Pillow's own conversion would lose what is see-through
        image = black.copy()
        image.putpalette([value for value in range(256) for _ in range(3)])
    else:
        image = black.convert("RGBA" if mode == "RGBa" else mode).convert(mode)
    assert image.mode == mode
    assert [grey_of(image)[row, 0] for row in (0, 24, 47)] == pytest.approx([255, 127, 0], abs=1)


@pytest.mark.parametrize(
    ("kind", "values", "greys"),
    [
        (np.uint16, [0, 257, 65535], [0, 1, 255]),
        (np.int32, [0, 100, 255], [0, 100, 255]),
        (np.int32, [0, 257, 256], [0, 1, 1]),
        (np.int32, [0, 1, 256], [0, 0, 1]),
        (np.float32, [0, 0.5, 1], [0, 128, 255]),
        (np.float32, [0, 1, 1.5], [0, 1, 2]),
        (np.float32, [0, 514, 65535], [0, 2, 255]),
    ],
)
def test_the_range_of_grey_values_is_known_or_taken_from_them(kind, values, greys):
    image = Image.fromarray(np.repeat(np.array(values, kind), 16 * 48).reshape(48, 48))
    assert [grey_of(image)[row, 0] for row in (0, 24, 47)] == greys


@pytest.mark.parametrize("values", [[-1, 5], [0, 65536], [0, np.nan]])
def test_grey_values_beyond_16_bits_are_refused(values):
    image = Image.fromarray(np.repeat(np.array(values, np.float32), 24 * 48).reshape(48, 48))
    with pytest.raises(ValueError, match=r"^an image must have grey values from 0 to 65535, got "):
        grey_of(image)


def test_the_percentiles_are_the_documented_pixels():
    """Of 201 pixels the numbers 2 and 198, counted from 0; of 200 the numbers 1 and 198."""
    processor = FERImageProcessor(stretch="percentiles", image_mean=[0.0], image_std=[1.0])
    for count, black, white in ((201, 2, 198), (200, 1, 198)):
        values = torch.arange(count).view(1, 1, 1, count)
        expected = ((torch.arange(count) - black) / (white - black)).clamp(0, 1)
        assert torch.allclose(processor.normalize_batch(values).flatten(), expected, atol=1e-6)
        rescaled = processor.rescale(np.arange(count, dtype=np.uint8)[None, None], 1 / 255)
        assert np.allclose(np.asarray(rescaled).ravel(), expected, atol=1e-6)


def test_two_neighbouring_greys_are_stretched_to_black_and_white():
    processor = FERImageProcessor(stretch="percentiles", image_mean=[0.0], image_std=[1.0])
    image = np.repeat(np.array([90, 91], np.uint8), 24 * 48).reshape(48, 48)
    for seen in (
        processor(image, return_tensors="pt").pixel_values,
        processor.normalize_batch(torch.from_numpy(image)[None, None]),
    ):
        assert sorted(seen.unique().tolist()) == pytest.approx([0, 1], abs=1e-6)
    assert processor.normalize_batch(torch.zeros(0, 1, 48, 48)).shape == (0, 1, 48, 48)


def test_defaults_are_those_of_fer2013(processor):
    assert (dict(processor.size), processor.rescale_factor) == ({"height": 48, "width": 48}, 1 / 255)
    assert (*processor.image_mean, *processor.image_std, processor.stretch) == (0.5077, 0.2550, "none")
    assert processor.do_resize and processor.do_rescale and processor.do_normalize


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("image_mean", [[0.5], [0.0], (0.1, 0.2, 0.3), 0.5, [-1e29]], [[], [0.1] * 4, "x", [True], ["x"], [1e30], {}]),
        ("image_std", [[0.5], (0.1, 0.2, 0.3), 1e-9], [[], [0.1] * 4, 0, [0.0], [0.1, -0.1], [True], [float("inf")]]),
        ("rescale_factor", [1 / 255, 1, 2.0], [0, -1, True, "1", float("nan"), 1e30, [1]]),
        ("do_resize", [True, False], [0, 1, "yes", []]),
        ("do_rescale", [True, False], [0, 1, "yes", []]),
        ("do_normalize", [True, False], [0, 1, "yes", []]),
        ("resample", [0, 2, 5], [True, False, -1, 6, "2", [2]]),
        ("size", [{"height": 1, "width": LARGEST}, {"height": 48, "width": 48}],
         [{"height": 0, "width": 48}, {"height": 48, "width": LARGEST + 1}, {"height": True, "width": 48}, [], "48"]),
    ],
)  # fmt: skip
def test_the_bounds_of_what_a_checkpoint_says(name, taken, refused):
    for value in taken:
        FERImageProcessor(**{name: value})
    for value in refused:
        with pytest.raises(ValueError, match=f"^{name} must be "):
            FERImageProcessor(**{name: value})


@pytest.mark.parametrize(("name", "value"), [("image_mean", ["x"]), ("rescale_factor", "x"), ("do_resize", "x"),
                                             ("resample", "x"), ("size", "x")])  # fmt: skip
def test_of_a_long_value_the_beginning_is_told(name, value):
    long = "x" * 500 if value == "x" else ["x" * 500]
    with pytest.raises(ValueError) as caught:
        FERImageProcessor(**{name: long})
    assert str(caught.value).partition("got ")[2].startswith(repr(long)[:100])
    assert str(caught.value).count("x") < 110
    assert repr(long)[:101] not in str(caught.value)
