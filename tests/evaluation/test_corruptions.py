"""Corruptions: deterministic, of increasing strength, and as their names say."""

import numpy as np
import pytest

from fer_hub.evaluation.corruptions import CORRUPTIONS, STRENGTHS, corrupt, mixed_corruptions


@pytest.fixture(scope="module")
def faces():
    """Smooth images with noise, not faces; the effect of a corruption does not depend on the content."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:48, :48]
    values = [120 + 70 * np.sin(x / 4 + n) * np.cos(y / 6) + random.normal(0, 8, (48, 48)) for n in range(13)]
    return np.clip(values, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_each_kind_is_repeatable_and_grows(faces, kind):
    changes = []
    for strength in STRENGTHS:
        bad = corrupt(faces, kind, strength)
        assert bad.shape == faces.shape and bad.dtype == np.uint8
        assert np.array_equal(bad, corrupt(faces, kind, strength))
        changes.append(np.abs(bad.astype(float) - faces).mean())
    assert changes[0] > 0 and changes == sorted(changes)


def test_there_are_thirteen_kinds_and_each_takes_its_turn(faces):
    assert len(CORRUPTIONS) == 13
    mixed = mixed_corruptions(faces)
    for number, kind in enumerate(CORRUPTIONS):
        assert np.array_equal(mixed[number], corrupt(faces[number : number + 1], kind, 3)[0])
    assert mixed_corruptions(faces[:2]).shape == (2, 48, 48)


def test_some_are_known_exactly(faces):
    assert np.array_equal(corrupt(faces, "dark", 4), np.rint(faces * 0.1).astype(np.uint8))
    mask = corrupt(faces, "mask", 3)[:, 29:, 4:44]
    assert (mask == 200).all() and (corrupt(faces, "mask", 3)[:, :29] == faces[:, :29]).all()
    assert (corrupt(faces, "sunglasses", 3)[:, 13:25, 4:44] == 20).all()
    noise = corrupt(np.full((50, 48, 48), 128, np.uint8), "noise", 4).astype(float) - 128
    assert noise.std() == pytest.approx(25, rel=0.02)


@pytest.mark.parametrize(
    ("kind", "strength", "sentence"),
    [
        ("fog", 3, "kind must be one of dark, bright, "),
        ("dark", 6, "strength must be 1 to 5, got 6; 3 is the medium one."),
    ],
)
def test_unknown_kinds_and_strengths_are_refused(faces, kind, strength, sentence):
    with pytest.raises(ValueError) as caught:
        corrupt(faces, kind, strength)
    assert str(caught.value).startswith(sentence)
