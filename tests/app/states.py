"""Every tab and state of the page, one after the other in one browser, for tests that look at all of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver.common.by import By

from tests.app.driving import (
    PORTRAIT,
    analyse,
    analysed,
    give,
    note,
    opened,
    press,
    result,
    settings,
    texts,
    turn_to,
    wait,
)  # fmt: skip

SIZES = {"desktop": (1366, 768), "phone": (390, 844)}
STILL = """
const style = document.createElement('style');
style.textContent = '*, *::before, *::after { transition: none !important; animation: none !important; }';
document.head.append(style);
"""
AXE = """
const [rules, done] = arguments;
const options = {resultTypes: ['violations']};
if (rules.length) options.runOnly = {type: 'rule', values: rules};
axe.run(document, options).then(told => done(told.violations.map(
    each => [each.id, each.impact, each.nodes.map(node => node.html.slice(0, 200))])));
"""

COLOURS = ("color-contrast", "link-in-text-block")
LIVE = "return document.body.classList.contains('fer-live')"


def resize(browser, width: int, height: int, mobile: bool = False) -> None:
    """The browser with a screen of that size, until `as_it_was`."""
    told = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", told)
    browser.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))"
    )


def as_it_was(browser) -> None:
    """The browser with its own screen and colours."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def theme(browser, dark: bool) -> None:
    """Switch the page to its light or dark colours."""
    browser.execute_script("document.body.classList.toggle('dark', arguments[0])", dark)


def violations(browser, axe, rules=()):
    """Rule → (impact, elements that break it) on the page as it is."""
    if not browser.execute_script("return Boolean(window.axe)"):
        browser.execute_script(axe)
    return {rule: (impact, nodes) for rule, impact, nodes in browser.execute_async_script(AXE, list(rules))}


def in_every_look(browser, axe):
    """(theme, size) → violations; in the dark only the rules about colours, as the others do not see them."""
    found = {}
    for size, (width, height) in SIZES.items():
        resize(browser, width, height, size == "phone")
        for dark in (False, True):
            theme(browser, dark)
            found["dark" if dark else "light", size] = violations(browser, axe, COLOURS if dark else ())
    theme(browser, False)
    return found


@contextmanager
def forced_colours(browser) -> Iterator[None]:
    """Within the block the system's colours take the place of the page's."""
    forced = {"features": [{"name": "forced-colors", "value": "active"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", forced)
    yield
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def walk(browser, url: str, photo: Path, video: Path, letter: Path) -> Iterator[str]:
    """Lead the page into each state; yields what it is called.

    Args:
        photo: a photo of two faces.
        video: a short one.
        letter: a file that is no image.
    """
    opened(browser, url)
    browser.execute_script(STILL)
    yield "first result"
    settings(browser)
    yield "settings"
    press(browser, "#settings button")
    analyse(browser, photo)
    press(browser, "#photo-more button")
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#photo-files a[download]"))
    yield "result with table"
    press(browser, "#photo-more button")
    press(browser, ".fer-why")
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, ".fer-heat img"))
    yield "heat map"
    before = result(browser)
    press(browser, "#thorough")
    analysed(browser, before)
    yield "thorough"
    analyse(browser, letter)
    yield "error"
    turn_to(browser, "Webcam")
    yield "webcam"
    press(browser, "#camera button", "Webcam")
    press(browser, "#camera .capture-button")
    wait(browser, lambda: browser.execute_script(LIVE))
    press(browser, "#keep-recording:enabled")
    press(browser, "#keep-picture:enabled")
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#kept-picture a"))
    yield "webcam runs"
    press(browser, "#keep-recording")
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#kept-recording video"))
    press(browser, "#camera .capture-button")
    wait(browser, lambda: not browser.execute_script(LIVE))
    yield "webcam stopped"
    turn_to(browser, "Video")
    yield "video"
    give(browser, "#video", video)
    wait(browser, lambda: browser.execute_script("return document.querySelector('#video video')?.src"))
    press(browser, "#analyse-video")
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#timeline svg, #timeline canvas"))
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#moments img"))
    yield "video result"
    turn_to(browser, "Several photos")
    yield "several photos"
    give(browser, "#photos", PORTRAIT)
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#photos .file-preview tr"))
    press(browser, "#analyse-several")
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#gallery img"))
    wait(browser, lambda: (note(browser, "#several-note") or "").endswith("photos analysed."))
    yield "several results"
    turn_to(browser, "How to read this")
    yield "how to read"
    turn_to(browser, "Model card")
    wait(browser, lambda: texts(browser, "#card h1"))
    yield "model card"
