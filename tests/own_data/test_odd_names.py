"""What other systems bring: letters in two parts, spaces, thumbnails, endings, encodings, true and false."""

import numpy as np
import pandas
import pytest
from PIL import Image

from fer_hub.data.expressions import read_expressions


@pytest.fixture
def folder(tmp_path):
    """Makes a folder of small images under these names."""

    def make(*names):
        for number, name in enumerate(names):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((24, 24), number, np.uint8)).save(tmp_path / name, "PNG")
        return tmp_path

    return make


def classes(splits):
    label = splits["train"].features["label"]
    return {name: sum(v == index for v in splits["train"]["label"]) for index, name in enumerate(label.names)}


def test_letters_composed_or_not_are_one_class_and_spaces_are_none(folder):
    """macOS writes names with the accent as a letter of its own."""
    root = folder("ge\u0301ne\u0301/0.png", "g\u00e9n\u00e9/1.png", "calme /2.png", "calme /3.png")
    assert classes(read_expressions(root)) == {"calme": 2, "g\u00e9n\u00e9": 2}


def test_endings_of_browsers_and_folders_of_a_nas(folder):
    root = folder("calm/0.jfif", "calm/1.jpe", "odd/2.png", "odd/@eaDir/2.png/SYNO_THUMB.png")
    Image.new("L", (24, 24)).save(root / "odd" / "3.avif")
    assert classes(read_expressions(root)) == {"calm": 2, "odd": 2}


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_table_in_another_encoding_is_called_so(folder, encoding):
    root = folder("images/0.png", "images/1.png")
    (root / "faces.csv").write_bytes("path,label\nimages/0.png,g\u00e9n\u00e9\nimages/1.png,calme\n".encode(encoding))
    with pytest.raises(ValueError) as caught:
        read_expressions(root / "faces.csv")
    assert str(caught.value) == (
        f"{root / 'faces.csv'}: the file must be text in UTF-8, got another encoding; save it anew as CSV in UTF-8."
    )


def test_true_and_false_are_two_classes(folder):
    root = folder("images/0.png", "images/1.png", "images/2.png")
    (root / "smiles.csv").write_text("path,label\nimages/0.png,true\nimages/1.png,false\nimages/2.png,true\n")
    assert classes(read_expressions(root / "smiles.csv")) == {"False": 1, "True": 2}


@pytest.mark.parametrize("form", ["bytes", "struct"])
def test_images_in_a_parquet_file_of_pandas(folder, form):
    """It says of no column that it holds images."""
    root = folder("0.png", "1.png", "2.png")
    files = [(root / f"{number}.png").read_bytes() for number in range(3)]
    column = files if form == "bytes" else [{"bytes": file, "path": None} for file in files]
    pandas.DataFrame({"image": column, "label": ["calm", "odd", "calm"]}).to_parquet(root / "faces.parquet")
    assert classes(read_expressions(root / "faces.parquet")) == {"calm": 2, "odd": 1}
