"""Small data sets in the layouts that people bring, and what must come out: counts, a log line or a sentence."""

import csv
import gzip
import io
import json
import logging
import shutil
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value
from PIL import Image as PILImage

from fer_hub.data import archives, decode_images
from fer_hub.data.expressions import read_expressions
from fer_hub.data.prepared import public_name
from fer_hub.model import EMOTIONS

TWO = {"train": {"calm": 2, "odd": 1}}
HAPPY = {"train": {"happy": 2, "sad": 1}}
NAMED = {"label_names": ["calm", "odd"]}
SEVEN = [f"{number}/0.png" for number in range(7)]
PIXELS = " ".join(["7"] * 48 * 48)


def png(grey: int = 100) -> bytes:
    file = io.BytesIO()
    PILImage.new("L", (48, 48), grey).save(file, "PNG")
    return file.getvalue()


def files(*names, **texts):
    """A folder with images under these names, and with texts."""

    def make(root: Path) -> Path:
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(png())
        for name, text in texts.items():
            name = name.replace("__", "/").replace("_dot_", ".")
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return root

    return make


TREE = files("calm/0.png", "calm/1.png", "odd/0.png")
LISTED = ("images/0.png", "images/1.png", "images/2.png")
"""Images of a file that lists them: calm, calm and odd."""


def table(name, header, rows, delimiter=",", images=True):
    """A CSV, beside images if it lists them."""

    def make(root: Path) -> Path:
        files(*(LISTED if images else ()))(root)
        root.mkdir(exist_ok=True, parents=True)
        with (root / name).open("w", newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows([*([header] if header else []), *rows])
        return root / name

    return make


def paths(*labels) -> list:
    return [[path, label] for path, label in zip(LISTED, labels, strict=True)]


def within(make):
    """The folder of what `make` returns."""
    return lambda root: make(root).parent


def zipped(make, prefix=""):
    def pack(root: Path) -> Path:
        folder, path = make(root / "inside"), root / "archive.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(folder.rglob("*")):
                archive.write(file, prefix + str(file.relative_to(folder)))
        return path

    return pack


def tarred(make, ending="tar.gz", mode="w:gz"):
    def pack(root: Path) -> Path:
        folder, path = make(root / "inside"), root / f"archive.{ending}"
        with tarfile.open(path, mode) as archive:
            archive.add(folder, "faces")
        return path

    return pack


def gzipped(make):
    def pack(root: Path) -> Path:
        path = make(root)
        with gzip.open(f"{path}.gz", "wb") as file:
            file.write(path.read_bytes())
        path.unlink()
        return Path(f"{path}.gz")

    return pack


def shard(*labels, label="cls"):
    """A webdataset shard train-0000.tar."""

    def make(root: Path) -> Path:
        root.mkdir()
        with tarfile.open(root / "train-0000.tar", "w") as archive:
            for number, each in enumerate(labels):
                for name, data in ((f"{number:04}.png", png()), (f"{number:04}.{label}", each.encode())):
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
        return root / "train-0000.tar"

    return make


def dataset(labels, feature) -> Dataset:
    images = [{"bytes": png(), "path": None} for _ in labels]
    return Dataset.from_dict({"image": images, "label": labels}, features=Features(image=Image(), label=feature))


def parquet(labels, feature):
    def make(root: Path) -> Path:
        root.mkdir()
        dataset(labels, feature).to_parquet(str(root / "faces.parquet"))
        return root

    return make


def saved(*splits):
    def make(root: Path) -> Path:
        made = dataset([0, 0, 1], ClassLabel(names=["calm", "odd"]))
        (DatasetDict(dict.fromkeys(splits, made)) if splits else made).save_to_disk(str(root))
        return root

    return make


def one_member(name, data=b"x", link=None):
    """A tar file with one member of this path."""

    def make(root: Path) -> Path:
        root.mkdir()
        with tarfile.open(root / "bad.tar", "w") as archive:
            info = tarfile.TarInfo(name)
            info.size = 0 if link else len(data)
            if link:
                info.type, info.linkname = tarfile.SYMTYPE, link
            archive.addfile(info, io.BytesIO(data))
        return root / "bad.tar"

    return make


def bad_zip(root: Path) -> Path:
    root.mkdir()
    with zipfile.ZipFile(root / "bad.zip", "w") as archive:
        archive.writestr("calm/../../../escaped.png", png())
    return root / "bad.zip"


def damaged(root: Path) -> Path:
    path = zipped(TREE)(root)
    path.write_bytes(path.read_bytes()[:-60])
    return path


def jsonl(*labels, name="train.jsonl", key="file_name"):
    text = "\n".join(json.dumps({key: path, "label": label}) for path, label in zip(LISTED, labels, strict=True))
    return files(*LISTED, **{name.replace(".", "_dot_"): text + "\n"})


def file_of(name, make):
    return lambda root: make(root) / name


METADATA = "file_name,label\n0.png,calm\n1.png,calm\n2.png,odd\n"
NUMBERS = (
    "the labels are whole numbers, 0, 1, which do not name classes; name them in their order, as with --label-names "
)

LAYOUTS = {
    "case differs between splits": (
        files("train/happy/0.png", "train/sad/0.png", "test/Happy/0.png", "test/SAD/0.png"), {},
        {"train": {"happy": 1, "sad": 1}, "test": {"happy": 1, "sad": 1}}, "one class, happy: 'Happy', 'happy'"),
    "case differs within a split": (files("happy/0.png", "Happy/1.png", "sad/0.png"), {}, HAPPY, "'Happy', 'happy'"),
    "aliases": (files("happiness/0.png", "joy/1.png", "sad/0.png"), {}, HAPPY, "one class, happy: 'happiness', 'joy'"),
    "own classes differ in case": (files("calm/0.png", "Calm/1.png", "odd/0.png"), {},
        {"train": {"Calm": 2, "odd": 1}}, "one class, Calm: 'Calm', 'calm'"),
    "own classes differ in hyphens": (files("very calm/0.png", "very_calm/1.png"), {},
        "the classes 'very calm' and 'very_calm' differ only in spaces, hyphens or underscores; give them one name"),
    "seven with one twice": (files(*[f"{name}/0.png" for name in EMOTIONS], "Anger/1.png"), {},
        {"train": {**dict.fromkeys(EMOTIONS, 1), "angry": 2}}, "one class, angry"),
    "one folder too deep": (lambda root: TREE(root / "archive") and root, {}, TWO, "found in archive: image folders"),
    "too deep with splits": (files("a/b/train/calm/0.png", "a/b/train/calm/1.png", "a/b/train/odd/0.png"), {}, TWO,
        "found in a/b: image folders"),
    "two candidates": (lambda root: TREE(root / "one") and TREE(root / "two") and root, {},
        "must be one data set, got {root}/one and {root}/two; pass the one to load."),
    "nothing": (files(readme_dot_txt="-"), {}, "got a folder with none of these"),
    "zip": (zipped(TREE), {}, TWO, None),
    "zip, one folder too deep": (zipped(TREE, "fer/"), {}, TWO, "found in fer"),
    "tar.gz": (tarred(TREE), {}, TWO, "found in faces"),
    "tar": (tarred(TREE, "tar", "w"), {}, TWO, "found in faces"),
    "csv.gz": (gzipped(table("fer2013.csv", ["emotion", "pixels"], [[3, PIXELS], [3, PIXELS], [4, PIXELS]],
        images=False)), {}, HAPPY, None),
    "zip of a CSV": (zipped(within(table("fer2013.csv", ["emotion", "pixels"], [[3, PIXELS], [3, PIXELS], [4, PIXELS]],
        images=False))), {}, HAPPY, None),
    "zip with a damaged image": (zipped(files("calm/0.png", calm__1_dot_png="-", odd__0_dot_png="-")), {},
        "archive.zip/calm/1.png: cannot be read ("),
    "zip that escapes": (bad_zip, {}, "paths in an archive must stay inside it, got 'calm/../../../escaped.png'"),
    "tar that escapes": (one_member("../escaped.png"), {}, "must stay inside it, got '../escaped.png'"),
    "tar with an absolute path": (one_member("/tmp/escaped.png"), {}, "must stay inside it, got '/tmp/escaped.png'"),
    "tar with a link": (one_member("calm", link="/etc"), {}, "must hold files and folders, got the link 'calm'"),
    "damaged zip": (damaged, {}, "the archive cannot be unpacked (File is not a zip file); download it again"),
    "metadata.csv": (files("0.png", "1.png", "2.png", metadata_dot_csv=METADATA), {}, TWO, None),
    "metadata.csv in splits": (files("train/0.png", "train/1.png", "train/2.png", "test/0.png", "test/1.png",
        "test/2.png", train__metadata_dot_csv=METADATA, test__metadata_dot_csv=METADATA), {},
        {split: TWO["train"] for split in ("train", "test")}, None),
    "metadata.jsonl": (jsonl("calm", "calm", "odd", name="metadata.jsonl"), {}, TWO, None),
    "metadata of an absent image": (files("0.png", metadata_dot_csv=METADATA), {},
        "2 bad rows (row 1: no file {root}/1.png; row 2: no file {root}/2.png); file_name must be the paths of images"),
    "save_to_disk": (saved(), {}, TWO, None),
    "save_to_disk with splits": (saved("train", "test"), {}, {s: TWO["train"] for s in ("train", "test")}, None),
    "JSON lines": (file_of("train.jsonl", jsonl("calm", "calm", "odd")), {}, TWO, None),
    "folder of JSON lines": (jsonl("calm", "calm", "odd", key="image"), {}, TWO, None),
    "JSON lines of absent images": (file_of("a.jsonl", files(a_dot_jsonl='{"path": "no.png", "label": "calm"}\n')), {},
        "1 bad row (row 0: no file {root}/no.png); path must be the paths of images"),
    "damaged JSON lines": (file_of("a.jsonl", files(a_dot_jsonl='{"path": "x')), {}, "a.jsonl: cannot be read ("),
    "webdataset": (shard("0", "0", "1"), NAMED, TWO, "0 is calm, 1 is odd"),
    "webdataset without names": (shard("0", "0", "1"), {}, NUMBERS),
    "folder of webdataset with names": (within(shard("calm", "calm", "odd", label="txt")), {}, TWO, None),
    "webdataset with JSON": (shard('{"label": "calm"}', '{"label": "calm"}', '{"label": "odd"}', label="json"), {}, TWO,
        None),
    "numbers in parquet": (parquet([0, 0, 1], Value("int64")), NAMED, TWO, "0 is calm, 1 is odd"),
    "numbers in parquet without names": (parquet([0, 0, 1], Value("int32")), {}, NUMBERS),
    "folders 0 to 6": (files(*SEVEN), {"label_names": list(EMOTIONS)}, {"train": dict.fromkeys(EMOTIONS, 1)}, None),
    "folders 1 and 2": (files("1/0.png", "1/1.png", "2/0.png"), NAMED, TWO, "1 is calm, 2 is odd"),
    "folders 0 to 6 without names": (files(*SEVEN), {}, "the labels are whole numbers, 0, 1, 2, 3, 4, 5, 6, which"),
    "too few names": (files(*SEVEN), NAMED, "one name for each of the 7 labels 0, 1, 2, 3, 4, 5, 6, got 2: calm, odd"),
    "names for names": (files("x/0.png", "y/0.png"), NAMED, "are for classes that are whole numbers, got classes with"),
    "names in emotion": (table("a.csv", ["emotion", "pixels"], [["Happiness", PIXELS], ["happy", PIXELS],
        ["sad", PIXELS]], images=False), {}, HAPPY, None),
    "semicolons": (table("a.csv", ["emotion", "pixels"], [[3, PIXELS], [3, PIXELS], [4, PIXELS]], ";", False), {},
        HAPPY, None),
    "no header": (table("a.csv", None, [[3, PIXELS, "Training"], [3, PIXELS, "Training"], [4, PIXELS, "Training"]],
        images=False), {}, HAPPY, None),
    "eight numbers of one's own": (table("a.csv", ["emotion", "pixels"], [[0, PIXELS], [0, PIXELS], [1, PIXELS]],
        images=False), NAMED, TWO, None),
    "path,label": (table("a.csv", ["path", "label"], paths("calm", "calm", "odd")), {}, TWO, None),
    "path,label without header": (table("a.csv", None, paths("calm", "calm", "odd")), {}, TWO, None),
    "path;label in its folder": (within(table("a.csv", ["Image", "Label"], paths("calm", "calm", "odd"), ";")), {}, TWO,
        None),
    "path,label with numbers": (table("a.csv", ["path", "label"], paths(0, 0, 1)), NAMED, TWO, "0 is calm"),
    "a CSV of something else": (table("a.csv", ["x" * 3000, "y"], [["1", "2"]], images=False), {}, "missing column"),
    "readme.txt": (files("calm/0.png", "calm/1.png", "odd/0.png", calm__readme_dot_txt="-"), {}, TWO,
        "left out, as they are not images: 1, calm/readme.txt"),
    "a damaged image": (files("calm/0.png", "odd/0.png", calm__1_dot_png="-"), {}, "calm/1.png: cannot be read ("),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout(tmp_path, caplog, layout):
    make, options, expected, *line = LAYOUTS[layout]
    root = tmp_path / "data"
    source = make(root)
    if isinstance(expected, str):
        with pytest.raises(ValueError) as caught:
            read_expressions(source, **options)
        assert expected.format(root=root) in str(caught.value)
        assert len(str(caught.value)) < 1000 and "\n" not in str(caught.value)
        assert not (tmp_path / "escaped.png").exists()
        return
    with caplog.at_level(logging.INFO, logger="fer_hub"):
        splits = read_expressions(source, **options)
    found = {
        split: dict(Counter(map(each.features["label"].int2str, each["label"][:]))) for split, each in splits.items()
    }
    assert found == expected
    for split in splits.values():
        assert decode_images(split).shape == (len(split), 48, 48)
    if line and line[0]:
        assert line[0] in caplog.text


def test_an_archive_is_unpacked_once_and_again_when_it_has_changed(tmp_path):
    path = zipped(TREE)(tmp_path / "data")
    folder = archives.unpack(path)
    assert archives.unpack(path) == folder
    shutil.rmtree(path.parent)
    assert archives.unpack(zipped(files("calm/0.png", "odd/longer.png"))(tmp_path / "data")) != folder
    assert [each.name for each in folder.parent.iterdir() if each.name.startswith("tmp")] == []


@pytest.mark.parametrize(("name", "most"), [("MOST_FILES", 2), ("MOST_BYTES", 150)])
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_is_read_within_bounds_and_leaves_nothing_behind(tmp_path, monkeypatch, pack, name, most):
    path = pack(TREE)(tmp_path / "data")
    monkeypatch.setattr(archives, name, most)
    with pytest.raises(ValueError, match="got more; unpack it and pass the folder"):
        archives.unpack(path)
    assert list((Path(archives.config.HF_DATASETS_CACHE) / "fer_hub_archives").iterdir()) == []


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_empty_files_of_an_archive_count_too(tmp_path, monkeypatch, pack):
    path = pack(files(calm__0_dot_txt="", calm__1_dot_txt="", calm__2_dot_txt=""))(tmp_path / "data")
    monkeypatch.setattr(archives, "MOST_FILES", 2)
    with pytest.raises(ValueError, match="an archive may hold 2 files of 32 GiB together, got more"):
        archives.unpack(path)


def test_public_names_of_archives_have_no_ending():
    given = ["a/faces.zip", "faces.tar.gz", "faces.csv.gz", "faces.jsonl", "faces.v2"]
    assert [public_name(Path(each)) for each in given] == ["faces"] * 4 + ["faces.v2"]


def test_a_long_text_of_a_bad_row_is_cut(tmp_path):
    path = table("a.csv", ["emotion", "pixels"], [["x" * 5000, PIXELS]], images=False)(tmp_path / "data")
    with pytest.raises(ValueError) as caught:
        read_expressions(path)
    assert "line 2: emotion 'xxxx" in str(caught.value) and len(str(caught.value)) < 500
    assert np.char.count(str(caught.value), "x") < 60
