"""What can be seen of the page, by its pixels: where the focus is, and what remains when the system forces colours."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.app.driving import analyse, opened, settings, turn_to
from tests.app.states import STILL, as_it_was, forced_colours, resize, theme

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MARGIN = 10

WHERE = """
const at = document.activeElement;
if (at === document.body) return null;
const hidden = at.matches("input[type=file], input[type=radio], input[type=checkbox]");
const shown = hidden && at.closest("label, button") || at;
const {x, y, width, height} = shown.getBoundingClientRect();
const name = (at.getAttribute('aria-label') || at.innerText || at.type || '').slice(0, 60);
return [`${at.tagName} ${at.id} ${name}`, x + scrollX, y + scrollY, width, height];
"""


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Relative luminance of WCAG 2, of (height, width, 3) uint8."""
    part = pixels.astype(np.float64) / 255
    linear = np.where(part <= 0.03928, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def contrast(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Contrast of WCAG 2 of luminances."""
    return (np.maximum(one, other) + 0.05) / (np.minimum(one, other) + 0.05)


def pixels(browser, x: float, y: float, width: float, height: float) -> np.ndarray:
    """Luminances of a part of the page, given in its coordinates."""
    clip = {"x": max(0, x), "y": max(0, y), "width": width, "height": height, "scale": 1}
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip})["data"]
    return luminance(np.asarray(Image.open(io.BytesIO(base64.b64decode(shot))).convert("RGB")))


def tab(browser) -> None:
    for kind in ("rawKeyDown", "keyUp"):
        key = {"type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
        browser.execute_cdp_cmd("Input.dispatchKeyEvent", key)


def unseen(browser) -> dict[str, int]:
    """Press the tabulator until the focus leaves the page: what has it without showing it, and the pixels that change.

    A ring of 2 pixels with a contrast of 3 around what has the focus, or as much elsewhere near it.
    """
    browser.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
    missing, seen = {}, set()
    while True:
        tab(browser)
        found = browser.execute_script(WHERE)
        if found is None or (found[0], found[1], found[2]) in seen:
            assert len(seen) > 5
            return missing
        name, x, y, width, height = found
        seen.add((name, x, y))
        area = (x - MARGIN, y - MARGIN, width + 2 * MARGIN, height + 2 * MARGIN)
        focused = pixels(browser, *area)
        browser.execute_script("window.at = document.activeElement; at.blur()")
        bare = pixels(browser, *area)
        browser.execute_script("at.focus({preventScroll: true})")
        changed = int((contrast(focused, bare) >= 3).sum())
        if changed < 2 * 2 * (width + height) * 0.85:
            missing[name] = changed


@pytest.fixture(scope="module")
def prepared(browser, app_url):
    """The page in a window that shows all of a tab."""
    opened(browser, f"{app_url}?__theme=light")
    resize(browser, 1366, 2400)
    browser.execute_script(STILL)
    settings(browser)
    yield browser
    as_it_was(browser)
    browser.get("about:blank")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("place", ["Photo", "Webcam", "Video", "Several photos"])
def test_the_focus_is_seen_everywhere(prepared, dark, place):
    theme(prepared, dark)
    turn_to(prepared, place)
    assert unseen(prepared) == {}


BOX = "const {x, y, width, height} = AT.getBoundingClientRect(); return [x + scrollX, y + scrollY, width, height]"


def box(browser, selector: str, index: int = 0) -> list[float]:
    script = BOX.replace("AT", "[...document.querySelectorAll(arguments[0])][arguments[1]]")
    return browser.execute_script(script, selector, index)


def test_bars_tabs_and_sliders_remain_with_forced_colours(prepared, two_faces):
    turn_to(prepared, "Photo")
    theme(prepared, False)
    analyse(prepared, two_faces)
    with forced_colours(prepared):
        x, y, width, height = box(prepared, ".fer-best .fer-fill")
        track = box(prepared, ".fer-best .fer-track")
        assert width > 20
        inside = pixels(prepared, x + 2, y + 3, width - 6, 2).mean()
        rest = track[0] + track[2] - (x + width)
        beside = pixels(prepared, x + width + 2, y + 3, rest - 4, 2).mean() if rest > 8 else None
        below = pixels(prepared, x, y + height + 4, width, 1).mean()
        assert contrast(inside, below) >= 3 and (beside is None or contrast(inside, beside) >= 3)
        tabs = [pixels(prepared, *box(prepared, "button[role=tab]", index)) for index in (0, 1)]
        lines = [each[-4:].min() for each in tabs], [each[-4:].max() for each in tabs]
        assert max(contrast(*lines[0]), contrast(*lines[1])) >= 3  # a line under the one that is open
        slider = pixels(prepared, *box(prepared, "#settings input[type=range]"))
        assert contrast(slider.min(), slider.max()) >= 3
