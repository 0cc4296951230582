"""The page in a real browser: an uploaded portrait and a clicked example come back annotated."""

from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture()
def page(browser, app_url):
    browser.get(app_url)
    _wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#photo input[type=file]"))
    return browser


def _wait(browser, condition, seconds=60):
    return WebDriverWait(browser, seconds).until(lambda _: condition())


def _result(browser):
    """Text of the largest face's label and address of the annotated picture, once both are there."""
    labels = browser.find_elements(By.CSS_SELECTOR, "#probabilities [data-testid=label-output-value]")
    pictures = browser.find_elements(By.CSS_SELECTOR, "#annotated img")
    return (labels[0].text, pictures[-1]) if labels and labels[0].text and pictures else None


def test_an_uploaded_portrait_comes_back_annotated(page):
    page.find_element(By.CSS_SELECTOR, "#photo input[type=file]").send_keys(str(ROOT / "examples" / "astronaut.jpg"))
    label, picture = _wait(page, lambda: _result(page))
    assert label == "happy"
    size = page.execute_script("return [arguments[0].naturalWidth, arguments[0].naturalHeight]", picture)
    assert size == [512, 512]
    assert len(page.find_elements(By.CSS_SELECTOR, "#probabilities .confidence-set")) == 7


def test_a_clicked_example_comes_back_annotated(page):
    example = _wait(page, lambda: page.find_elements(By.CSS_SELECTOR, "button.gallery-item, .gallery button"))
    example[0].click()
    label, _ = _wait(page, lambda: _result(page))
    assert label in ("happy", "neutral", "angry", "sad", "surprise", "fear", "disgust")


def test_a_file_that_is_no_image_is_explained(page, tmp_path):
    path = tmp_path / "letter.png"
    path.write_bytes(b"dear sir or madam")
    page.find_element(By.CSS_SELECTOR, "#photo input[type=file]").send_keys(str(path))
    toast = _wait(page, lambda: page.find_elements(By.CSS_SELECTOR, ".toast-body, [data-testid=toast-body]"))
    assert "the file must be an image" in toast[0].text


def test_the_page_reports_no_script_error(page):
    page.find_element(By.CSS_SELECTOR, "#photo input[type=file]").send_keys(str(ROOT / "examples" / "grace_hopper.jpg"))
    _wait(page, lambda: _result(page))
    severe = [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []
