"""The photo tabs in a real browser."""

import base64
import csv
import io
import json

import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from benchmarks.collage import collage
from fer_hub.images import load_image
from fer_hub.web.texts import thorough_costs
from tests.app.driving import (
    EMOTIONS,
    PORTRAIT,
    bars,
    downloads,
    fetched,
    give,
    label,
    note,
    picture,
    press,
    texts,
    toast,
    turn_to,
    wait,
)

pytestmark = pytest.mark.browser


def test_an_uploaded_portrait_is_annotated(page):
    assert note(page).startswith("Upload, drop, paste or take a photo, or choose an example. At most 20 MB")
    give(page, "#photo", PORTRAIT)
    assert wait(page, lambda: label(page)) == "happy"
    assert wait(page, lambda: picture(page)) == [512, 512]
    assert len(bars(page)) == 8
    assert note(page) == "1 face found."


def test_a_clicked_example_is_annotated(page):
    press(page, "button.gallery-item, .gallery button, .gallery-item")
    assert wait(page, lambda: label(page)) in EMOTIONS


DROP = """
const data = new DataTransfer();
const bytes = Uint8Array.from(atob(arguments[0]), letter => letter.charCodeAt(0));
data.items.add(new File([bytes], 'dropped.jpg', {type: 'image/jpeg'}));
const place = document.querySelector('#photo button[aria-dropeffect]');
for (const kind of ['dragenter', 'dragover', 'drop']) {
    place.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: data}));
}
"""

COPY = """
const done = arguments[1];
const bytes = Uint8Array.from(atob(arguments[0]), letter => letter.charCodeAt(0));
const item = new ClipboardItem({'image/png': new Blob([bytes], {type: 'image/png'})});
navigator.clipboard.write([item]).then(() => done(null), error => done(String(error)));
"""


def test_a_dropped_photo_is_annotated(page):
    page.execute_script(DROP, base64.b64encode(PORTRAIT.read_bytes()).decode())
    assert wait(page, lambda: label(page)) == "happy"
    assert wait(page, lambda: picture(page)) == [512, 512]


def test_a_pasted_photo_is_annotated(page, app_url):
    allowed = {"origin": app_url.rstrip("/"), "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.execute_cdp_cmd("Browser.grantPermissions", allowed)
    stream = io.BytesIO()
    load_image(PORTRAIT).save(stream, "PNG")
    assert page.execute_async_script(COPY, base64.b64encode(stream.getvalue()).decode()) is None
    page.find_element(By.CSS_SELECTOR, "#photo [aria-label='Paste from clipboard']").click()
    assert wait(page, lambda: label(page)) == "happy"


def test_a_camera_snapshot_is_annotated(page):
    page.find_element(By.CSS_SELECTOR, "#photo [aria-label='Capture from camera']").click()
    press(page, "#photo button", "Webcam")
    wait(page, lambda: page.execute_script("return document.querySelector('#photo video')?.videoWidth"))
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, "#photo .capture-button"))[0].click()
    assert wait(page, lambda: label(page)) in EMOTIONS
    assert note(page) == "1 face found."


def test_faces_are_chosen_in_the_list_and_by_a_click_on_the_picture(page, two_faces):
    give(page, "#photo", two_faces)
    names = wait(page, lambda: texts(page, "#faces label"))
    assert len(names) == 2 and names[0].startswith("1 ") and names[1].startswith("2 ")

    def chosen():
        return page.execute_script("return document.querySelector('#faces input:checked')?.value")

    first = wait(page, lambda: bars(page))
    assert chosen() == names[0]
    press(page, "#faces label", names[1])
    second = wait(page, lambda: bars(page) if bars(page) and bars(page) != first else None)
    assert second[0].split()[0] == names[1].split()[1]

    wait(page, lambda: picture(page))
    image = page.find_element(By.CSS_SELECTOR, "#annotated img")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", image)
    # the larger face is on the right, at (717, 175); clicks are measured from the middle of the picture
    shown = image.rect
    factor = min(shown["width"] / 900, shown["height"] / 512)
    ActionChains(page).move_to_element_with_offset(image, (717 - 450) * factor, (175 - 256) * factor).click().perform()
    wait(page, lambda: chosen() == names[0])
    wait(page, lambda: bars(page) == first)


def test_table_and_downloads_hold_every_face(page, two_faces):
    give(page, "#photo", two_faces)
    wait(page, lambda: label(page))
    press(page, "button", "All faces")
    files = wait(page, lambda: downloads(page))
    assert {"annotated.jpg", "faces.json", "faces.csv"} <= set(files)
    text = fetched(page, files["faces.csv"])
    assert len(text.splitlines()) == 3 and text.startswith("face,detection_score,quality,angle,xmin,ymin,")
    assert len(json.loads(fetched(page, files["faces.json"]))["faces"]) == 2


def test_the_thorough_search_finds_small_heads_that_are_upside_down(page, tmp_path):
    photo, _ = collage(48, 0)
    photo.transpose(Image.Transpose.ROTATE_180).save(tmp_path / "turned.jpg", quality=95)
    give(page, "#photo", tmp_path / "turned.jpg")
    wait(page, lambda: (note(page) or "").startswith("No face was found."))
    assert note(page).endswith(", or search thoroughly.")
    costs = texts(page, "#thorough")[0]
    assert thorough_costs() in costs and " ms " in costs
    page.find_element(By.CSS_SELECTOR, "#thorough input").click()
    wait(page, lambda: (note(page) or "").endswith(" faces found."))
    press(page, "button", "All faces")
    files = wait(page, lambda: downloads(page))
    assert len(json.loads(fetched(page, files["faces.json"]))["faces"]) >= 20


def test_a_picture_without_a_face_is_explained(page, tmp_path):
    Image.new("RGB", (320, 240), (200, 180, 160)).save(tmp_path / "wall.png")
    give(page, "#photo", tmp_path / "wall.png")
    wait(page, lambda: (note(page) or "").startswith("No face was found. Try a photo in which a face is larger"))
    assert label(page) is None


def test_an_error_clears_the_old_result(page, tmp_path):
    give(page, "#photo", PORTRAIT)
    wait(page, lambda: label(page) and picture(page))
    press(page, "#photo :is([aria-label='Clear'], [title='Clear'], [aria-label='Remove Image'])")
    wait(page, lambda: label(page) is None and picture(page) is None)
    wait(page, lambda: (note(page) or "").startswith("Upload, drop, paste"))
    path = tmp_path / "letter.png"
    path.write_bytes(b"dear sir or madam")
    give(page, "#photo", path)
    assert "the file must be an image of a known format" in toast(page)
    assert label(page) is None and picture(page) is None
    wait(page, lambda: note(page) == "This could not be analysed. Please choose another photo.")


def test_a_photo_that_is_too_large_is_explained(page, tmp_path):
    Image.new("1", (12_000, 12_000)).save(tmp_path / "huge.png")
    give(page, "#photo", tmp_path / "huge.png")
    assert "the file must have at most 40,000,000 pixels, got 12000x12000; make it smaller." in toast(page)


def test_several_photos_at_once(page, two_faces, tmp_path):
    Image.new("RGB", (320, 240), (200, 180, 160)).save(tmp_path / "wall.png")
    (tmp_path / "letter.jpg").write_bytes(b"dear sir or madam")
    turn_to(page, "Several photos")
    given = (PORTRAIT, two_faces, tmp_path / "wall.png", tmp_path / "letter.jpg")
    give(page, "#photos", *given)
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#photos .file-preview tr")) == len(given))
    press(page, "button", "Analyse")
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#gallery img")) >= 3)
    captions = page.find_element(By.CSS_SELECTOR, "#gallery").text
    assert "astronaut.jpg: 1 face" in captions and "two.jpg: 2 faces" in captions and "wall.png: 0 faces" in captions
    assert "letter.jpg: the file must be an image of a known format" in toast(page)
    files = wait(page, lambda: downloads(page) if "faces.csv" in downloads(page) else None)
    rows = list(csv.DictReader(io.StringIO(fetched(page, files["faces.csv"]))))
    assert [(row["file"], row["face"]) for row in rows] == [
        ("astronaut.jpg", "1"), ("two.jpg", "1"), ("two.jpg", "2"), ("wall.png", "no face"), ("letter.jpg", "not read"),
    ]  # fmt: skip
    assert sum(float(rows[0][name]) for name in EMOTIONS) == pytest.approx(1, abs=1e-4)
    told = json.loads(fetched(page, files["faces.json"]))
    assert [len(each["faces"]) for each in told[:3]] == [1, 2, 0] and "error" in told[3]
