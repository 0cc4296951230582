"""Checkpoints made to hurt: absurd values, flipped bits and hostile files are refused in one sentence."""

import json
import random
import shutil
from pathlib import Path

import pytest

from fer_hub.inference.loading import load_network
from fer_hub.model import FERConfig, FERImageProcessor

ABSURD = (
    None, True, -1, 0, 1.5, 10**9, 10**400, 1e308, float("nan"), float("inf"), "x", "", [], [[]], {}, {"a": 1}, [None],
    [10**9], [-1], ["x"], {"0": None}, {"-1": "x"}, {"x": 0},
)  # fmt: skip
FIELDS = (
    "architecture", "image_size", "num_channels", "dropout", "embedding_size", "hidden_sizes", "depths", "temperature",
    "layers", "class_shares", "format_version", "id2label", "label2id", "num_labels", "dtype",
)  # fmt: skip
PREPROCESSING = (
    "image_mean", "image_std", "rescale_factor", "resample", "size", "stretch", "do_resize", "do_rescale",
    "do_normalize",
)  # fmt: skip


def one_sentence(error: Exception) -> bool:
    return "\n" not in str(error) and "must" in str(error) and len(str(error)) < 1500


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_of_a_config_is_checked_where_it_enters(field):
    for value in ABSURD:
        try:
            FERConfig(**{field: value})
        except ValueError as error:
            assert one_sentence(error), (value, str(error))
        except Exception as error:
            raise AssertionError(f"{field}={str(value)[:40]}: {error!r}") from error


@pytest.mark.parametrize("field", PREPROCESSING)
def test_every_field_of_an_image_processor_is_checked_where_it_enters(field):
    for value in ABSURD:
        try:
            FERImageProcessor(**{field: value})
        except ValueError as error:
            assert one_sentence(error), (value, str(error))
        except Exception as error:
            raise AssertionError(f"{field}={str(value)[:40]}: {error!r}") from error


@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ({"image_size": 10**6}, "image_size must be at most 512 pixels"),
        ({"hidden_sizes": [10**6], "depths": [1]}, "hidden_sizes must be at most 4096"),
        ({"hidden_sizes": [8], "depths": [10**6]}, "depths must be at most 100"),
        ({"hidden_sizes": [4096] * 9, "depths": [100] * 9}, "hidden_sizes and depths must make at most 1,000,000,000"),
        ({"num_labels": 10**9}, "num_labels must be a whole number of at most 1000"),
        ({"dtype": "__class__"}, "dtype must be one of float32"),
    ],
)
def test_no_network_is_described_that_would_fill_the_memory(fields, start):
    with pytest.raises(ValueError) as caught:
        FERConfig(**fields)
    assert str(caught.value).startswith(start)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe{}", "cannot be read"), (b"[" * 100_000, "cannot be read"), (b"[]", "is JSON of another kind"),
        (b"{", "cannot be read"), (b" " * 10_000_001, "has more than 10,000,000 bytes"), (b"", "cannot be read"),
    ],
    ids=["encoding", "depth", "list", "cut", "size", "empty"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_hostile_json_is_refused_before_a_library_reads_it(tiny_checkpoint, tmp_path, name, content, reason):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "hostile")
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"^{name} must be a JSON object, but that of .* {reason}") as caught:
        load_network(folder)
    assert one_sentence(caught.value)


def mutated(folder: Path, chance: random.Random) -> None:
    """Another value in one of the JSON files, or flipped bits in any file."""
    name = chance.choice(("config.json", "preprocessor_config.json", "model.safetensors"))
    path = folder / name
    if path.suffix == ".json" and chance.random() < 0.7:
        content = json.loads(path.read_text())
        for _ in range(chance.randint(1, 2)):
            content[chance.choice(list(content))] = chance.choice(ABSURD)
        path.write_text(json.dumps(content))
        return
    data = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 10)):
        data[chance.randrange(min(len(data), 2000))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def test_mutated_checkpoints_load_or_are_refused_in_one_sentence(tiny_checkpoint, tmp_path):
    """A fixed number of cases; the seed of a failing one is in its message."""
    for seed in range(100):
        folder = shutil.copytree(tiny_checkpoint, tmp_path / str(seed))
        mutated(folder, random.Random(seed))
        try:
            load_network(folder)
        except (ValueError, OSError) as error:
            assert one_sentence(error), f"seed {seed}: {error!r}"
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
        shutil.rmtree(folder)
