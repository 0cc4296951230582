"""Near-duplicates: copies are found whatever was done to them, strangers are not; splits are compared and counted."""

import csv
import io
import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fer_hub.commands.line import main
from fer_hub.data.duplicates import count_copies, find_pairs, groups, photographs, rows_with_a_copy, without_duplicates
from fer_hub.data.duplicates_file import find_duplicates, known_copies, load_groups, pairs_sheet

SIDE, MIDDLE = 160, 80.0


def scene(seed: int) -> np.ndarray:
    """A photograph of nothing, uint8 (160, 160): noise of several sizes, coarse the strongest, as in real ones."""
    random = np.random.default_rng(seed)
    layers = [cv2.GaussianBlur(random.normal(size=(SIDE, SIDE)), (0, 0), size) * size**1.5 for size in (2, 5, 12, 25)]
    total = sum(layers)
    return np.clip(128 + 45 * (total - total.mean()) / total.std(), 0, 255).astype(np.uint8)


def crop(image: np.ndarray, size: float = 100, dx: float = 0, dy: float = 0, side: int = 48) -> np.ndarray:
    """A square of `size` pixels around the middle, moved by parts of its size, as an image of `side` pixels."""
    half, x, y = size / 2, MIDDLE + dx * size, MIDDLE + dy * size
    box = (x - half, y - half, x + half, y + half)
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC, box=box, reducing_gap=None))


def compressed(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    with Image.open(file) as opened:
        return np.asarray(opened)


@pytest.fixture(scope="module")
def strangers() -> np.ndarray:
    return np.stack([crop(scene(seed)) for seed in range(40)])


def found(images: np.ndarray) -> set[tuple[int, int]]:
    pairs = find_pairs(images)
    return set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def test_strangers_are_no_pair(strangers):
    assert found(strangers) == set()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(100, 10_000),
    scale=st.floats(0.85, 1.18),
    dx=st.floats(-0.08, 0.08),
    dy=st.floats(-0.08, 0.08),
    mirrored=st.booleans(),
    quality=st.integers(60, 95),
    contrast=st.floats(0.6, 1),
)
def test_a_copy_is_found_whatever_was_done_to_it(strangers, seed, scale, dx, dy, mirrored, quality, contrast):
    photograph = scene(seed)
    copy = crop(photograph, 100 * scale, dx, dy)
    copy = compressed((copy * contrast + 20).clip(0, 255).astype(np.uint8), quality)
    if mirrored:
        copy = copy[:, ::-1]
    pairs = find_pairs(np.stack([crop(photograph), *strangers[:5], copy]))
    assert (pairs.first.tolist(), pairs.second.tolist(), pairs.mirrored.tolist()) == ([0], [6], [mirrored])


@settings(max_examples=20, deadline=None)
@given(st.integers(100, 10_000))
def test_two_photographs_are_never_one(strangers, seed):
    assert not found(np.stack([*strangers[:10], crop(scene(seed))]))


@pytest.mark.parametrize("side", [32, 48, 75, 128])
def test_images_of_any_size_in_colour_or_grey(strangers, side):
    images = [crop(scene(1), side=side), crop(scene(2), side=side), crop(scene(1), 110, 0.04, side=side)]
    grey = np.stack(images)
    assert found(grey) == {(0, 2)}
    assert found(np.repeat(grey[..., None], 3, axis=3)) == {(0, 2)}
    assert found(np.stack([image[: side * 3 // 4] for image in images])) == {(0, 2)}


def test_the_same_images_give_the_same_pairs(strangers):
    images = np.concatenate([strangers, strangers[:9, :, ::-1], np.stack([crop(scene(s), 112) for s in range(9)])])
    once, again = find_pairs(images), find_pairs(images.copy())
    assert len(once.first) == 27
    for name in ("first", "second", "mirrored", "grey", "detail"):
        assert np.array_equal(getattr(once, name), getattr(again, name)), name


def test_the_order_of_the_images_does_not_matter(strangers):
    images = np.concatenate([strangers[:12], np.stack([crop(scene(seed), 112, 0.05) for seed in range(12)])])
    order = np.random.default_rng(0).permutation(len(images))
    moved = {tuple(sorted((order[a], order[b]))) for a, b in found(images[order])}
    assert moved == found(images) == {(seed, seed + 12) for seed in range(12)}


def test_one_photograph_through_a_chain_of_copies():
    far = [crop(scene(3), 100, dx) for dx in (-0.15, -0.05, 0.05, 0.15)]
    images = np.stack([far[0], crop(scene(4)), far[3], far[1], far[2]])
    assert (0, 2) not in found(images)
    assert photographs(images).tolist() == [0, 1, 0, 0, 0]


def test_equal_images_are_one_even_where_they_show_nothing(strangers):
    flat = np.zeros((1, 48, 48), np.uint8)
    images = np.concatenate([flat, strangers[:2], flat, flat + 9])
    assert found(images) == set()
    assert photographs(images).tolist() == [0, 1, 2, 0, 4]


def test_many_copies_of_one_photograph_stay_together():
    images = np.stack([crop(scene(5), 95 + index / 4, 0.001 * index) for index in range(45)])
    assert set(photographs(images)) == {0}


def test_what_remains_of_train(strangers):
    test = np.stack([crop(scene(4), 110), crop(scene(11), 100, 0.05)[:, ::-1]])
    kept = without_duplicates(strangers, strangers[[2]], test)
    assert kept.tolist() == [row for row in range(40) if row not in (2, 4, 11)]


def test_groups_and_rows_by_split():
    numbers = {"train": np.array([0, 1, 0, 3]), "validation": np.array([1, 5]), "test": np.array([6, 3, 1, 6])}
    known = groups(numbers)
    assert known == [
        {"train": [0, 2]},
        {"train": [1], "validation": [0], "test": [2]},
        {"train": [3], "test": [1]},
        {"test": [0, 3]},
    ]
    assert rows_with_a_copy(known, "test", ["train", "validation"]).tolist() == [1, 2]
    assert rows_with_a_copy(known, "validation", ["test"]).tolist() == [0]
    assert rows_with_a_copy(known, "train", ["validation", "test"]).tolist() == [1, 3]


def test_counts_tell_equal_copies_and_other_labels(strangers):
    images = {"train": strangers[:4], "test": np.stack([strangers[0], strangers[1], crop(scene(2), 110), strangers[9]])}
    labels = {"train": np.array([0, 0, 0, 0]), "test": np.array([0, 5, 0, 0])}
    numbers = np.split(photographs(np.concatenate(list(images.values()))), [4])
    counts = count_copies(dict(zip(images, numbers, strict=True)), labels, images)
    assert counts["test"] == {
        "images": 4,
        "copies": {"train": 3, "test": 0},
        "exact": {"train": 2, "test": 0},
        "other_label": {"train": 1, "test": 0},
    }
    assert counts["train"]["copies"] == {"train": 0, "test": 3}


@pytest.mark.parametrize(
    "images", [np.zeros((0, 48, 48), np.uint8), np.zeros((3, 48, 48)), np.zeros((2, 48, 48, 4), np.uint8)]
)
def test_what_is_no_array_of_images_is_refused(images):
    with pytest.raises(ValueError, match="images must be a uint8 array") as caught:
        find_pairs(images)
    assert str(images.shape) in str(caught.value) and str(images.dtype) in str(caught.value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, strangers):
    """An image folder whose test split holds a photograph of train, cropped anew and of another class."""
    root = tmp_path_factory.mktemp("faces")
    shown = {("train", "calm"): strangers[:6], ("train", "glad"): strangers[6:12], ("test", "calm"): strangers[12:15]}
    shown["test", "glad"] = np.stack([crop(scene(3), 112, 0.05)[:, ::-1], strangers[16]])
    for (split, name), images in shown.items():
        (root / split / name).mkdir(parents=True)
        for number, image in enumerate(images):
            Image.fromarray(np.ascontiguousarray(image)).save(root / split / name / f"{number}.png")
    return root


def test_the_command_writes_groups_and_draws_pairs(folder, tmp_path, capsys):
    output, sheet = tmp_path / "out" / "copies.json", tmp_path / "pairs.png"
    assert main(["duplicates", "--data", str(folder), "--output", str(output), "--sheet", str(sheet)]) == 0
    said = capsys.readouterr().out
    assert "test: 1 of 5 images have a copy in train (0 of them are equal in every pixel, 1 have only" in said
    written = json.loads(output.read_text())
    assert written["groups"] == [{"train": [3], "test": [3]}] == load_groups(output)
    assert written["pairs"] == 1 and written["parameters"]["least_detail_correlation"] == 0.93
    with Image.open(sheet) as picture:
        assert picture.size == (10 * 206, 112)


def test_what_was_looked_at_stays_while_the_groups_do(folder, tmp_path):
    output = tmp_path / "copies.json"
    find_duplicates(str(folder), output=output, looked_at={"pairs": 1, "one_photograph": 1}, progress=False)
    assert find_duplicates(str(folder), output=output, progress=False)["looked_at"] == {"pairs": 1, "one_photograph": 1}
    output.write_text(output.read_text().replace('"train": [3]', '"train": [4]'))
    assert find_duplicates(str(folder), output=output, progress=False)["looked_at"] == {}


def test_a_known_file_gives_what_a_search_finds_for_training(folder, tmp_path):
    output = tmp_path / "copies.json"
    find_duplicates(str(folder), output=output, progress=False)
    assert known_copies(output, {"test": 5, "train": 12}).tolist() == [3]
    with pytest.raises(ValueError, match="with train 13, test 5, got train 12, test 5; write it with") as caught:
        known_copies(output, {"train": 13, "test": 5})
    assert str(caught.value).startswith(f"{output} must be about the data that is trained on")


def test_splits_are_listed_in_one_order_whatever_the_data_s(folder, tmp_path):
    """Parquet files are read by name: test before train."""
    result = find_duplicates(str(folder), progress=False)
    assert list(result["splits"]) == ["train", "test"] and list(result["groups"][0]) == ["train", "test"]


def test_data_that_is_not_there_is_one_sentence(tmp_path, capsys):
    assert main(["duplicates", "--data", str(tmp_path / "nowhere.csv")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1


def test_a_file_without_groups_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must be a file that `fer-hub duplicates --output` wrote"):
        load_groups(tmp_path / "absent.json")


@pytest.mark.parametrize("content", ["no JSON", "[]", '{"groups": 1}', '{"groups": [], "splits": []}'])
def test_another_file_is_refused_in_a_sentence(tmp_path, content):
    file = tmp_path / "other.json"
    file.write_text(content)
    with pytest.raises(ValueError) as caught:
        known_copies(file, {"train": 1})
    assert str(caught.value) == f"{file} must be a file that `fer-hub duplicates --output` wrote; run that first."


def test_a_file_without_sizes_is_of_other_data(tmp_path):
    (tmp_path / "copies.json").write_text('{"groups": [], "splits": {"train": {}}}')
    with pytest.raises(ValueError, match="with train 1, got no splits; write it with"):
        known_copies(tmp_path / "copies.json", {"train": 1})


def test_a_sheet_without_pairs_can_be_drawn(strangers):
    assert pairs_sheet(strangers[:3], find_pairs(strangers[:3])).size == (10 * 206, 112)


@pytest.fixture(scope="module")
def recropped(fer2013_folder):
    file = fer2013_folder / "recropped_pairs.csv"
    if not file.is_file():
        pytest.skip(f"needs the list of recropped pairs of FER-2013, which is no part of it: no file {file}")
    with file.open(newline="") as lines:
        return [(int(row["test_row"]), int(row["train_row"])) for row in csv.DictReader(lines)]


def test_recropped_copies_in_fer2013_are_found(fer2013_folder, recropped):
    """95 % of a list that others made, among as many images that are not on it; few of those are a pair."""
    from fer_hub.data import decode_images, load_fer2013

    splits = load_fer2013(fer2013_folder)
    test, train = (sorted({pair[side] for pair in recropped}) for side in (0, 1))
    images = np.concatenate([decode_images(splits["test"].select(test)), decode_images(splits["train"].select(train))])
    numbers = photographs(images)
    same = [numbers[test.index(a)] == numbers[len(test) + train.index(b)] for a, b in recropped]
    assert np.mean(same) >= 0.95
