"""Everybody can use the page, on a phone, in the dark and without a mouse; and nobody else is told."""

import json
import re
from urllib.parse import urlsplit

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.app.driving import (
    EMOTIONS,
    PORTRAIT,
    analyse,
    analysed,
    chosen,
    label,
    opened,
    press,
    result,
    texts,
    turn_to,
    wait,
)

pytestmark = pytest.mark.browser
TABS = ("Photo", "Webcam", "Video", "Several photos", "How to read this", "Model card")


def test_the_page_fits_a_phone(phone, app_url):
    opened(phone, app_url)
    analyse(phone, PORTRAIT)
    assert phone.execute_script("return window.innerWidth") == 390
    for tab in TABS:
        turn_to(phone, tab)
        assert phone.execute_script("return document.documentElement.scrollWidth") <= 390, tab


CONTRAST = """
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
"""
"""WCAG 2 contrast of a text with the background that is really behind it."""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_are_readable_in_both_themes(browser, app_url, theme):
    opened(browser, f"{app_url}?__theme={theme}")
    analyse(browser, PORTRAIT)
    assert browser.execute_script("return document.body.classList.contains('dark')") == (theme == "dark")
    for selector in (
        "h1", "#photo-note p", "#photo-note .fer-aside", ".fer-words", ".fer-next", ".fer-share", ".fer-quality",
        "button[role=tab]", "footer button", "p a[href='?view=api']", "#thorough", "#settings button",
    ):  # fmt: skip
        assert browser.execute_script(CONTRAST, selector) >= 4.5, selector


NAMELESS = """
return [...document.querySelectorAll('button, input:not([type=file]), select, textarea, a[href]')]
    .filter(each => each.offsetParent !== null && !each.closest('[aria-hidden=true]'))
    .filter(each => !(each.innerText || '').trim() && !each.getAttribute('aria-label') && !each.title
        && !each.getAttribute('aria-labelledby') && !(each.labels && each.labels.length)
        && !each.querySelector('img[alt]:not([alt=""]), svg[aria-label], title'))
    .map(each => each.outerHTML.slice(0, 200));
"""


def test_every_visible_control_has_a_name(page):
    analyse(page, PORTRAIT)
    for tab in TABS:
        turn_to(page, tab)
        wait(page, lambda: page.execute_script(NAMELESS) == [])  # names come a moment after controls


SAID = """
window.said = [];
const voices = [...document.querySelectorAll('[aria-live], [role=status], [role=alert]')];
for (const voice of voices) {
    new MutationObserver(() => window.said.push(voice.innerText.trim())).observe(
        voice, {childList: true, subtree: true, characterData: true});
}
return voices.map(each => each.id);
"""


def test_a_result_is_announced_once_and_so_is_another_face(page, two_faces):
    wait(page, lambda: page.find_elements(By.ID, "announcer"))
    page.execute_script(SAID)
    analyse(page, two_faces)
    said = wait(page, lambda: page.execute_script("return window.said"))
    assert len(said) == 1 and re.fullmatch(r"2 faces: \w+ \d+ %, \w+ \d+ %", said[0]), said
    press(page, ".fer-card[data-face='2'] .fer-choose")
    said = wait(page, lambda: page.execute_script("return window.said.slice(1)"))
    assert len(said) == 1 and said[0].startswith("Face 2: most likely ")


def test_the_focus_stays_after_an_upload(page):
    page.execute_script("document.querySelector('#photo button').focus()")
    analyse(page, PORTRAIT)
    wait(page, lambda: page.execute_script("return Boolean(document.activeElement.closest('#photo'))"))


def test_the_focus_stays_after_an_example(page):
    page.find_element(By.CSS_SELECTOR, ".fer-example").send_keys(Keys.ENTER)
    before = result(page)
    page.switch_to.active_element.send_keys(Keys.ENTER)
    analysed(page, before)
    assert page.execute_script("return document.activeElement.className") == "fer-example"


FOCUS = """
const at = document.activeElement;
const places = ['#model', '#thorough', '#photo', '#settings', '#result'].filter(place => at.closest(place));
return [at.getAttribute('role'), at.getAttribute('aria-label') || at.innerText, ...places].join(' ');
"""


def tab_to(page, part, steps=40):
    """Press the tabulator until the focus is on what names that part."""
    reached = []
    for _ in range(steps):
        page.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(page.execute_script(FOCUS))
        if part in reached[-1]:
            return page.switch_to.active_element
    raise AssertionError(f"the keyboard does not reach {part!r}, only\n" + "\n".join(reached))


def test_a_photo_is_analysed_with_the_keyboard_alone(page):
    page.execute_script("document.body.focus()")
    for part in ("tab Photo", "#photo"):
        tab_to(page, part)
    before = result(page)
    tab_to(page, "Example: ").send_keys(Keys.ENTER)
    analysed(page, before)
    assert label(page) in EMOTIONS
    before = result(page)
    tab_to(page, "#thorough").send_keys(Keys.SPACE)
    analysed(page, before)
    tab_to(page, "#settings")


def test_a_face_is_chosen_with_the_keyboard_alone(page, two_faces):
    analyse(page, two_faces)
    tab_to(page, "#result")  # the first face
    why = tab_to(page, "#result", steps=1)
    assert why.text.startswith("Why ")
    tab_to(page, "#result", steps=1).send_keys(Keys.SPACE)
    assert chosen(page) == [[2], [2], [2]]


def test_the_link_leads_to_the_api_page(browser, app_url):
    page = opened(browser, app_url)
    links = page.execute_script("return [...document.querySelectorAll('p a')].map(each => [each.innerText, each.href])")
    [address] = [href for text, href in links if text == "API page"]
    opened(page, address)
    names = wait(page, lambda: texts(page, ".api-docs .api-name"))
    for endpoint in ("/predict", "/annotate", "/classify", "/explain", "/predict_batch", "/predict_video"):
        assert any(endpoint in name for name in names)


def test_the_browser_contacts_no_other_host(browser, app_url):
    browser.get_log("performance")
    opened(browser, app_url)
    analyse(browser, PORTRAIT)
    origins = set()
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            parts = urlsplit(message["params"]["request"]["url"])
            if parts.scheme not in ("data", "blob", "about", "chrome"):
                origins.add(f"{parts.scheme}://{parts.netloc}/")
    assert origins == {app_url}
