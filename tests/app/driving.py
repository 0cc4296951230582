"""Using the page as a person would, in a browser that Selenium drives."""

from pathlib import Path

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "astronaut.jpg"
EMOTIONS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")

PRESS = """
const all = [...document.querySelectorAll(arguments[0])];
const found = all.find(each => each.offsetParent && each.innerText.includes(arguments[1]));
if (found) found.click();
return Boolean(found);
"""

TAB = """
const tabs = [...document.querySelectorAll('button[role=tab], .overflow-dropdown button')]; // the second on phones
const found = tabs.find(each => each.textContent.trim() === arguments[0]);
if (found) found.click();
return [...document.querySelectorAll('button[role=tab][aria-selected=true]')]
    .some(each => each.textContent.trim() === arguments[0]);
"""

RESULT = "return document.querySelector('#result [data-result]')?.dataset.result || null"

CHOOSE = """
const option = [...document.querySelectorAll('[role=option]')].find(each => each.ariaLabel.startsWith(arguments[0]));
if (option) option.dispatchEvent(new MouseEvent('mousedown', {bubbles: true}));
return Boolean(option);
"""

SECONDS = 180
"""An upper bound, for machines that do other work as well; whoever waits goes on as soon as it is true."""


def opened(browser, url):
    """The page, loaded, with the result that it begins with."""
    browser.get(url)
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#photo input[type=file]") and result(browser))
    return browser


def wait(browser, condition):
    """What a condition gives once that is true."""
    return WebDriverWait(browser, SECONDS, 0.1, [StaleElementReferenceException]).until(lambda _: condition())


def press(page, selector, text=""):
    """Click the first visible element with that text."""
    wait(page, lambda: page.execute_script(PRESS, selector, text))


def turn_to(page, tab):
    """Choose a tab, also where a phone hides it in a menu."""
    wait(page, lambda: page.execute_script(TAB, tab))


def choose_network(page, name):
    """Choose a network in the list."""
    settings(page)
    page.find_element(By.CSS_SELECTOR, "#model input").click()
    wait(page, lambda: page.execute_script(CHOOSE, name))


def texts(page, selector):
    """The texts of all elements that fit."""
    script = "return [...document.querySelectorAll(arguments[0])].map(each => each.innerText.trim())"
    return page.execute_script(script, selector)


def give(page, place, *paths):
    """Upload files."""
    field = wait(page, lambda: page.find_elements(By.CSS_SELECTOR, f"{place} input[type=file]"))[0]
    field.send_keys("\n".join(map(str, paths)))


def analyse(page, path):
    """Upload a photo and wait for its result, or the sentence why there is none."""
    before = page.execute_script(RESULT)
    give(page, "#photo", path)
    analysed(page, before)


def analysed(page, before):
    """Wait for another result than that one."""
    wait(page, lambda: page.execute_script(RESULT) != before and not texts(page, "#photo-note .fer-busy"))


def result(page):
    """What tells one result of the photo's tab from another."""
    return page.execute_script(RESULT)


def label(page):
    """The name of the chosen face's emotion, `None` before there is one."""
    return next(filter(None, texts(page, ".fer-card[data-selected=true] .fer-best .fer-label")), None)


def bars(page):
    """One line per probability of the chosen face."""
    return [" ".join(line.split()) for line in texts(page, ".fer-card[data-selected=true] .fer-bar")]


def chosen(page):
    """Numbers of the chosen face in the picture and in the cards."""
    return page.execute_script(
        "return ['.fer-box[aria-pressed=true]', '.fer-card[data-selected=true]', '.fer-choose[aria-pressed=true]']"
        ".map(each => [...document.querySelectorAll(each)].map(face => Number(face.dataset.face)))"
    )


def note(page, place="#photo-note"):
    """The sentence above the result."""
    return next(filter(None, texts(page, f"{place} p")), None)


def picture(page):
    """Size of the picture with the boxes once it is shown."""
    return page.execute_script(
        "const image = document.querySelector('.fer-frame img');"
        "return image && image.naturalWidth ? [image.naturalWidth, image.naturalHeight] : null"
    )


def settings(page):
    """Open the settings of the network and the detector."""
    if not page.execute_script("return document.querySelector('#model')?.offsetParent"):
        press(page, "#settings button")
    wait(page, lambda: page.execute_script("return document.querySelector('#model')?.offsetParent"))


def toast(page):
    """The sentence of an error or warning, once there is one."""
    return wait(page, lambda: next(filter(None, texts(page, "[data-testid=toast-body]")), None))


def downloads(page):
    """File name → address of what can be downloaded in the open part of the page."""
    links = page.execute_script(
        "return [...document.querySelectorAll('a[download]')].map(link => [link.download, link.href])"
    )
    return dict(links)


def fetched(page, address):
    """The text behind an address, fetched by the browser."""
    return page.execute_async_script(
        "const done = arguments[1]; fetch(arguments[0]).then(a => a.text()).then(done)", address
    )
