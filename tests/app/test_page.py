"""The page in a real browser, driven as a person would."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parent.parent.parent
PORTRAIT = ROOT / "examples" / "astronaut.jpg"
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

PRESS = """
const all = [...document.querySelectorAll(arguments[0])];
const found = all.find(each => each.offsetParent && each.innerText.includes(arguments[1]));
if (found) found.click();
return Boolean(found);
"""


@pytest.fixture()
def page(browser, app_url):
    browser.get_log("browser")  # what the page before it said when it was left
    yield opened(browser, app_url)
    severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    # gradio itself logs each stream that it closes
    severe = [entry for entry in severe if "AbortError: signal is aborted" not in entry["message"]]
    browser.get("about:blank")  # ends the camera, and what still runs
    assert severe == []


def opened(browser, url):
    browser.get(url)
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#photo input[type=file]"))
    return browser


def wait(browser, condition, seconds=40):
    return WebDriverWait(browser, seconds).until(lambda _: condition())


def press(page, selector, text=""):
    wait(page, lambda: page.execute_script(PRESS, selector, text))


def texts(page, selector):
    script = "return [...document.querySelectorAll(arguments[0])].map(each => each.innerText.trim())"
    return page.execute_script(script, selector)


def give(page, place, *paths):
    field = wait(page, lambda: page.find_elements(By.CSS_SELECTOR, f"{place} input[type=file]"))[0]
    field.send_keys("\n".join(map(str, paths)))


def label(page):
    """The name of the chosen face's emotion, `None` before there is one."""
    return next(filter(None, texts(page, "#probabilities [data-testid=label-output-value]")), None)


def picture(page):
    """Size of the annotated picture once it is shown."""
    return page.execute_script(
        "const image = document.querySelector('#annotated img');"
        "return image && image.naturalWidth ? [image.naturalWidth, image.naturalHeight] : null"
    )


def toast(page):
    return wait(page, lambda: next(filter(None, texts(page, "[data-testid=toast-body]")), None))


@pytest.fixture(scope="module")
def two_faces(tmp_path_factory):
    """The example portraits side by side, 900x512 pixels: the smaller face on the left."""
    path = tmp_path_factory.mktemp("faces") / "two.jpg"
    collage = Image.new("RGB", (900, 512), "grey")
    for name, side, x in (("astronaut.jpg", 512, 0), ("grace_hopper.jpg", 380, 520)):
        with Image.open(ROOT / "examples" / name) as image:
            image = image.convert("RGB")
            collage.paste(image.crop((0, 0, min(image.size), min(image.size))).resize((side, side)), (x, 0))
    collage.save(path, quality=95)
    return path


# ---- one photograph


def test_an_uploaded_portrait_comes_back_annotated(page):
    give(page, "#photo", PORTRAIT)
    assert wait(page, lambda: label(page)) == "happy"
    assert wait(page, lambda: picture(page)) == [512, 512]
    assert len(texts(page, "#probabilities .confidence-set")) == 7
    assert texts(page, "#photo-note p") == ["1 face found."]


def test_a_clicked_example_comes_back_annotated(page):
    press(page, "button.gallery-item, .gallery button, .gallery-item")
    assert wait(page, lambda: label(page)) in EMOTIONS


def test_faces_are_chosen_in_the_list_and_by_a_click_on_the_picture(page, two_faces):
    give(page, "#photo", two_faces)
    names = wait(page, lambda: texts(page, "#faces label"))
    assert len(names) == 2 and names[0].startswith("1 ") and names[1].startswith("2 ")

    def bars():
        return texts(page, "#probabilities .confidence-set")

    def chosen():
        return page.execute_script("return document.querySelector('#faces input:checked')?.value")

    first = wait(page, bars)
    assert chosen() == names[0]
    press(page, "#faces label", names[1])
    second = wait(page, lambda: bars() if bars() and bars() != first else None)
    assert second[0].split()[0] == names[1].split()[1]

    image = page.find_element(By.CSS_SELECTOR, "#annotated img")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", image)
    # the larger face is on the right, at (717, 175); clicks are measured from the middle of the picture
    shown = image.rect
    factor = min(shown["width"] / 900, shown["height"] / 512)
    ActionChains(page).move_to_element_with_offset(image, (717 - 450) * factor, (175 - 256) * factor).click().perform()
    wait(page, lambda: chosen() == names[0])
    wait(page, lambda: bars() == first)


def test_table_and_downloads_hold_every_face(page, two_faces):
    give(page, "#photo", two_faces)
    wait(page, lambda: label(page))
    press(page, "button", "All faces")
    links = wait(page, lambda: page.execute_script(
        "return [...document.querySelectorAll('a[download]')].map(link => [link.download, link.href])"
    ))  # fmt: skip
    files = {name: url for name, url in links}
    assert {"annotated.jpg", "faces.json", "faces.csv"} <= set(files)
    text = page.execute_async_script(
        "const done = arguments[1]; fetch(arguments[0]).then(a => a.text()).then(done)", files["faces.csv"]
    )
    assert len(text.splitlines()) == 3 and text.startswith("face,score,xmin,ymin,xmax,ymax,emotion,angry,")


def test_a_picture_without_a_face_is_explained(page, tmp_path):
    Image.new("RGB", (320, 240), (200, 180, 160)).save(tmp_path / "wall.png")
    give(page, "#photo", tmp_path / "wall.png")
    note = wait(page, lambda: next(filter(None, texts(page, "#photo-note p")), None))
    assert note.startswith("No face was found. Try a photograph in which a face is larger")
    assert label(page) is None


def test_an_error_leaves_no_old_result_beside_the_new_photograph(page, tmp_path):
    give(page, "#photo", PORTRAIT)
    wait(page, lambda: label(page) and picture(page))
    press(page, "#photo :is([aria-label='Clear'], [title='Clear'], [aria-label='Remove Image'])")
    wait(page, lambda: label(page) is None and picture(page) is None)
    path = tmp_path / "letter.png"
    path.write_bytes(b"dear sir or madam")
    give(page, "#photo", path)
    assert "the file must be an image of a known format" in toast(page)
    assert label(page) is None and picture(page) is None


# ---- several photographs


def test_several_photographs_at_once(page, two_faces):
    press(page, "button[role=tab]", "Several photos")
    give(page, "#photos", PORTRAIT, two_faces)
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, "#photos .file-preview tr, #photos table tr"))
    press(page, "button", "Analyse")
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#gallery img")) >= 2)
    captions = page.find_element(By.CSS_SELECTOR, "#gallery").text
    assert "astronaut.jpg: 1 face" in captions and "two.jpg: 2 faces" in captions


# ---- webcam


@pytest.fixture()
def camera(page):
    press(page, "button[role=tab]", "Webcam")
    press(page, "#camera button", "Webcam")
    press(page, "#camera button", "Record")
    wait(page, lambda: page.execute_script("return document.querySelector('#camera img')?.src"))
    page.execute_script("""
        window.shown = 0;
        new MutationObserver(changes => {
            window.shown += changes.filter(change => change.target.tagName === 'IMG').length;
        }).observe(document.querySelector('#camera'), {subtree: true, attributes: true, attributeFilter: ['src']});
    """)
    return page


def test_the_webcam_is_answered_frame_by_frame(camera, app_files):
    before = {path for path in app_files.rglob("*") if path.is_file()}
    wait(camera, lambda: camera.execute_script("return window.shown") > 10)
    live = "#live-probabilities [data-testid=label-output-value]"
    seen = {wait(camera, lambda: next(filter(None, texts(camera, live)), None)) for _ in range(20)}
    assert len(seen) == 1 and seen <= set(EMOTIONS)  # one face, one label: it does not flicker
    size, yellowish = camera.execute_script("""
        const image = document.querySelector('#camera img'), canvas = document.createElement('canvas');
        canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
        const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);
        const corner = pen.getImageData(0, 0, 150, 100).data;
        let white = 0;
        for (let i = 0; i < corner.length; i += 4) white += corner[i] > 200 && corner[i+1] > 200 && corner[i+2] > 200;
        return [[canvas.width, canvas.height], white];
    """)
    assert size == [640, 480]
    assert yellowish > 100  # white letters of the bars on their dark panel
    assert {path for path in app_files.rglob("*") if path.is_file()} == before  # no frame is written to disk


def test_smoothing_can_be_set_while_the_webcam_runs(camera):
    number = camera.find_element(By.CSS_SELECTOR, "#smoothing input[type=number]")
    number.send_keys(Keys.CONTROL, "a")
    number.send_keys("3", Keys.TAB)
    count = camera.execute_script("return window.shown")
    wait(camera, lambda: camera.execute_script("return window.shown") > count + 5)
    assert texts(camera, "[data-testid=toast-body]") == []


# ---- video


def test_a_video_is_analysed_and_plays(page, short_video):
    press(page, "button[role=tab]", "Video")
    give(page, "#video", short_video)
    wait(page, lambda: page.execute_script("return document.querySelector('#video video')?.src"))
    press(page, "#analyse-video")
    wait(page, lambda: "10 frames, 1.0 s, 1 person." in texts(page, "#video-note p"))
    ready = "const video = document.querySelector('#annotated-video video'); return video ? video.readyState : 0"
    wait(page, lambda: page.execute_script(ready) >= 2)
    assert page.execute_script("return document.querySelector('#annotated-video video').videoWidth") == 256
    plot = "const image = document.querySelector('#timeline img'); return image ? image.naturalWidth : 0"
    assert wait(page, lambda: page.execute_script(plot)) > 300


def test_a_cancelled_video_leaves_no_files(page, long_video, app_files):
    press(page, "button[role=tab]", "Video")
    give(page, "#video", long_video)
    wait(page, lambda: page.execute_script("return document.querySelector('#video video')?.src"))
    before = {path for path in app_files.rglob("*") if path.is_file()}
    press(page, "#analyse-video")
    wait(page, lambda: " of 1500 frames" in " ".join(texts(page, "#video-note p")).replace(",", ""))
    press(page, "#cancel-video")
    wait(page, lambda: texts(page, "#video-note p") == ["Cancelled; nothing was kept."])
    work = app_files.parent / "work"
    wait(page, lambda: not list(work.glob("fer_hub-video-*")))
    assert {path for path in app_files.rglob("*") if path.is_file()} == before


# ---- everybody can use it, and nobody else is told


def test_the_page_fits_a_phone(browser, app_url):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    )
    try:
        opened(browser, app_url)
        give(browser, "#photo", PORTRAIT)
        wait(browser, lambda: label(browser))
        assert browser.execute_script("return window.innerWidth") == 390
        for tab in ("Photo", "Several photos", "Webcam", "Video", "How to read this"):
            find = "[...document.querySelectorAll('button[role=tab]')].find(t => t.innerText.trim() === arguments[0])"
            browser.execute_script(f"{find}?.click()", tab)
            assert browser.execute_script("return document.documentElement.scrollWidth") <= 390, tab
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def _contrast(browser, selector):
    """WCAG 2 contrast of a text with the background that is really behind it."""
    return browser.execute_script("""
        const light = text => {
            const part = text.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255);
            const [r, g, b] = part.map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        let element = document.querySelector(arguments[0]);
        const ink = light(getComputedStyle(element).color);
        let paper = 'rgb(255, 255, 255)';
        for (; element; element = element.parentElement) {
            const colour = getComputedStyle(element).backgroundColor;
            if (!colour.startsWith('rgba(0, 0, 0, 0')) { paper = colour; break; }
        }
        const [low, high] = [ink, light(paper)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    """, selector)  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_are_readable_in_both_themes(browser, app_url, theme):
    opened(browser, f"{app_url}?__theme={theme}")
    give(browser, "#photo", PORTRAIT)
    wait(browser, lambda: label(browser))
    assert browser.execute_script("return document.body.classList.contains('dark')") == (theme == "dark")
    for selector in ("h1", "#photo-note p", "#probabilities [data-testid=label-output-value]", "button[role=tab]"):
        assert _contrast(browser, selector) >= 4.5, selector


def test_every_visible_control_has_a_name(page):
    give(page, "#photo", PORTRAIT)
    wait(page, lambda: label(page))
    for tab in ("Photo", "Several photos", "Webcam", "Video"):
        press(page, "button[role=tab]", tab)
        nameless = """
            return [...document.querySelectorAll('button, input:not([type=file]), select, textarea, a[href]')]
                .filter(each => each.offsetParent !== null && !each.closest('[aria-hidden=true]'))
                .filter(each => !(each.innerText || '').trim() && !each.getAttribute('aria-label') && !each.title
                    && !each.getAttribute('aria-labelledby') && !(each.labels && each.labels.length)
                    && !each.querySelector('img[alt]:not([alt=""]), svg[aria-label], title'))
                .map(each => each.outerHTML.slice(0, 200));
        """
        wait(page, lambda script=nameless: page.execute_script(script) == [])  # names come a moment after controls


def test_the_main_controls_are_reached_with_the_keyboard(page):
    page.execute_script("document.body.focus()")
    reached = []
    for _ in range(25):
        page.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(page.execute_script("""
            const at = document.activeElement;
            return [at.tagName, at.getAttribute('role'), at.getAttribute('aria-label') || at.innerText || '',
                    at.closest('#model') ? 'model' : at.closest('#photo') ? 'photo' : ''].join(' ');
        """))
    told = "\n".join(reached)
    assert "model" in told and "photo" in told and " tab " in told, told
    photo = next(row for row in reached if "photo" in row)
    assert reached.index(photo) > 0


def test_the_browser_asks_nobody_else(browser, app_url):
    browser.get_log("performance")
    opened(browser, app_url)
    give(browser, "#photo", PORTRAIT)
    wait(browser, lambda: label(browser))
    origins = set()
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            parts = urlsplit(message["params"]["request"]["url"])
            if parts.scheme not in ("data", "blob", "about", "chrome"):
                origins.add(f"{parts.scheme}://{parts.netloc}/")
    assert origins == {app_url}
