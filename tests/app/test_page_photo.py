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
from fer_hub.web.texts import longer
from tests.app.driving import (
    EMOTIONS,
    PORTRAIT,
    analyse,
    analysed,
    bars,
    chosen,
    downloads,
    fetched,
    give,
    label,
    note,
    opened,
    picture,
    press,
    result,
    texts,
    turn_to,
    wait,
)

pytestmark = pytest.mark.browser


def test_the_page_opens_with_an_analysed_group(page):
    assert note(page).startswith("6 faces found. Small, tilted or turned ones may be missing; the thorough search")
    assert wait(page, lambda: picture(page)) == [900, 600]
    cards = texts(page, ".fer-words")
    assert len(cards) == 6 and all(
        text.split("\n")[-1].startswith(("most likely ", "hard to tell: ")) for text in cards
    )
    assert texts(page, ".fer-box") == ["1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1366, 768)])
def test_photo_button_and_first_result_are_on_the_first_screen(browser, app_url, width, height):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    opened(browser, app_url)
    wait(browser, lambda: label(browser))
    bottom = "return document.querySelector(arguments[0]).getBoundingClientRect().bottom"
    for part in ("#photo", "#examples", "#photo-note", ".fer-frame", ".fer-choose"):
        assert 0 < browser.execute_script(bottom, part) <= height, part
    hidden = "const input = document.querySelector('#model input'); return !input || !input.offsetParent"
    assert browser.execute_script(hidden)
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_an_uploaded_portrait_is_annotated(page):
    analyse(page, PORTRAIT)
    assert label(page) == "happy"
    assert wait(page, lambda: picture(page)) == [512, 512]
    assert len(bars(page)) == 8
    assert note(page).startswith("1 face found. ")


def test_every_example_is_one_click_away_and_small(page):
    examples = page.find_elements(By.CSS_SELECTOR, ".fer-example")
    assert len(examples) >= 6
    weights = page.execute_script("return [...document.querySelectorAll('.fer-example img')].map(i => i.src.length)")
    assert max(weights) < 12_000  # as base64
    before = result(page)
    examples[1].click()
    analysed(page, before)
    assert label(page) == "happy"


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
    before = result(page)
    page.execute_script(DROP, base64.b64encode(PORTRAIT.read_bytes()).decode())
    analysed(page, before)
    assert label(page) == "happy"
    assert wait(page, lambda: picture(page)) == [512, 512]


def test_a_pasted_photo_is_annotated(page, app_url):
    allowed = {"origin": app_url.rstrip("/"), "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.execute_cdp_cmd("Browser.grantPermissions", allowed)
    stream = io.BytesIO()
    load_image(PORTRAIT).save(stream, "PNG")
    assert page.execute_async_script(COPY, base64.b64encode(stream.getvalue()).decode()) is None
    before = result(page)
    page.find_element(By.CSS_SELECTOR, "#photo [aria-label='Paste from clipboard']").click()
    analysed(page, before)
    assert label(page) == "happy"


def test_a_camera_snapshot_is_annotated(page):
    before = result(page)
    page.find_element(By.CSS_SELECTOR, "#photo [aria-label='Capture from camera']").click()
    press(page, "#photo button", "Webcam")
    wait(page, lambda: page.execute_script("return document.querySelector('#photo video')?.videoWidth"))
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, "#photo .capture-button"))[0].click()
    analysed(page, before)
    assert label(page) in EMOTIONS
    assert note(page).startswith("1 face found. ")


def test_faces_are_chosen_on_cards_and_by_a_click_on_the_picture(page, two_faces):
    analyse(page, two_faces)
    wait(page, lambda: picture(page) == [900, 512])
    assert chosen(page) == [[1], [1], [1]]
    first = bars(page)
    press(page, ".fer-card[data-face='2'] .fer-choose")
    assert chosen(page) == [[2], [2], [2]] and bars(page) != first
    box = page.find_element(By.CSS_SELECTOR, ".fer-box[data-face='1']")
    assert box.get_attribute("aria-label").startswith("Face 1: ")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", box)
    ActionChains(page).move_to_element(box).click().perform()
    assert chosen(page) == [[1], [1], [1]] and bars(page) == first


def test_bars_keep_the_networks_order_and_the_colours_of_the_boxes(page, two_faces):
    analyse(page, two_faces)
    orders = page.execute_script(
        "return [...document.querySelectorAll('.fer-card')].map(card =>"
        "[...card.querySelectorAll('.fer-label')].map(label => label.textContent).join())"
    )
    assert set(orders) == {",".join(EMOTIONS)}
    for face in ("1", "2"):
        colours = [
            page.execute_script("return document.querySelector(arguments[0]).style.getPropertyValue('--c')", each)
            for each in (f".fer-box[data-face='{face}']", f".fer-card[data-face='{face}']",
                         f".fer-card[data-face='{face}'] .fer-best")
        ]  # fmt: skip
        assert len(set(colours)) == 1 and colours[0].startswith("#")


def test_table_and_downloads_hold_every_face(page, two_faces):
    analyse(page, two_faces)
    press(page, "#photo-more button")
    files = wait(page, lambda: downloads(page))
    assert {"annotated.jpg", "faces.json", "faces.csv"} <= set(files)
    text = fetched(page, files["faces.csv"])
    assert len(text.splitlines()) == 3 and text.startswith("face,detection_score,quality,angle,xmin,ymin,xmax,ymax,")
    assert len(json.loads(fetched(page, files["faces.json"]))["faces"]) == 2
    assert wait(page, lambda: texts(page, "#photo-more td .cell-wrap, #photo-more td"))


def test_the_thorough_search_finds_small_heads_that_are_upside_down(page, tmp_path):
    photo, _ = collage(48, 0)
    photo.transpose(Image.Transpose.ROTATE_180).save(tmp_path / "turned.jpg", quality=95)
    analyse(page, tmp_path / "turned.jpg")
    assert note(page).startswith("No face was found.") and ", or search thoroughly. " in note(page)
    assert longer() in note(page)
    before = result(page)
    press(page, "#thorough")
    analysed(page, before)
    assert note(page).split(".")[0].endswith(" faces found")
    assert len(texts(page, ".fer-card")) >= 20
    assert not page.find_elements(By.CSS_SELECTOR, "#thorough")  # it has been done


def test_the_thorough_search_is_offered_beside_every_result(page, two_faces):
    for photo in (PORTRAIT, two_faces):
        analyse(page, photo)
        assert "may be missing" in note(page)
        assert page.find_element(By.CSS_SELECTOR, "#thorough").is_displayed()


def test_a_picture_without_a_face_is_explained(page, tmp_path):
    Image.new("RGB", (320, 240), (200, 180, 160)).save(tmp_path / "wall.png")
    analyse(page, tmp_path / "wall.png")
    assert note(page).startswith("No face was found. Try a photo in which a face is larger")
    assert label(page) is None


def test_an_error_stays_in_the_note_and_clears_the_old_result(page, tmp_path):
    path = tmp_path / "letter.png"
    path.write_bytes(b"dear sir or madam")
    analyse(page, path)
    assert note(page).startswith("The file must be an image of a known format")
    assert label(page) is None and picture(page) is None
    assert texts(page, "[data-testid=toast-body]") == []
    assert "common." not in page.find_element(By.TAG_NAME, "body").text
    assert "Error" not in page.find_element(By.TAG_NAME, "body").text
    analyse(page, PORTRAIT)
    assert note(page).startswith("1 face found. ")


def test_a_photo_that_is_too_large_is_explained(page, tmp_path):
    Image.new("1", (12_000, 12_000)).save(tmp_path / "huge.png")
    analyse(page, tmp_path / "huge.png")
    assert note(page) == "The file must have at most 40,000,000 pixels, got 12000x12000; make it smaller."


def test_a_file_that_is_too_heavy_is_explained(page, tmp_path):
    (tmp_path / "heavy.jpg").write_bytes(bytes(20_000_001))
    analyse(page, tmp_path / "heavy.jpg")
    assert note(page) == "The file must be at most 20 MB; send a smaller one."


def test_several_photos_at_once(page, two_faces, tmp_path):
    Image.new("RGB", (320, 240), (200, 180, 160)).save(tmp_path / "wall.png")
    (tmp_path / "letter.jpg").write_bytes(b"dear sir or madam")
    turn_to(page, "Several photos")
    given = (PORTRAIT, two_faces, tmp_path / "wall.png", tmp_path / "letter.jpg")
    give(page, "#photos", *given)
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#photos .file-preview tr")) == len(given))
    press(page, "#analyse-several")
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#gallery img")) >= 3)
    captions = page.find_element(By.CSS_SELECTOR, "#gallery").text
    assert "astronaut.jpg: 1 face" in captions and "two.jpg: 2 faces" in captions and "wall.png: 0 faces" in captions
    assert any(
        text.startswith("Not read: letter.jpg: the file must be an image") for text in texts(page, "#several-note p")
    )
    files = wait(page, lambda: downloads(page) if "faces.csv" in downloads(page) else None)
    rows = list(csv.DictReader(io.StringIO(fetched(page, files["faces.csv"]))))
    assert [(row["file"], row["face"]) for row in rows] == [
        ("astronaut.jpg", "1"), ("two.jpg", "1"), ("two.jpg", "2"), ("wall.png", "no face"), ("letter.jpg", "not read"),
    ]  # fmt: skip
    assert sum(float(rows[0][name]) for name in EMOTIONS) == pytest.approx(1, abs=1e-4)
    told = json.loads(fetched(page, files["faces.json"]))
    assert [len(each["faces"]) for each in told[:3]] == [1, 2, 0] and "error" in told[3]
