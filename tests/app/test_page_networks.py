"""The page with several networks, one of them from the Hub with eight expressions."""

import pytest
from selenium.webdriver.common.by import By

from tests.app.conftest import EIGHT
from tests.app.driving import (
    PORTRAIT,
    analyse,
    bars,
    choose_network,
    give,
    label,
    note,
    opened,
    press,
    settings,
    texts,
    turn_to,
    wait,
)

pytestmark = pytest.mark.browser


@pytest.fixture()
def page(browser, two_networks):
    yield opened(browser, two_networks)
    browser.get("about:blank")


def names(page):
    """The expressions whose probabilities are shown."""
    return {line.split()[0] for line in bars(page)}


def test_the_list_says_what_each_network_is(page):
    settings(page)
    page.find_element(By.CSS_SELECTOR, "#model input").click()
    titles = wait(page, lambda: page.execute_script(
        "return [...document.querySelectorAll('[role=option]')].map(each => each.ariaLabel)"
    ))  # fmt: skip
    assert titles[0] == "user/eight: 8 expressions, 81 % test accuracy on FER+"
    assert any(title.startswith("fer2013: 7 expressions, ") for title in titles[1:])


def test_another_network_analyses_the_photo_again(page):
    analyse(page, PORTRAIT)
    assert names(page) == set(EIGHT)
    choose_network(page, "fer2013")
    wait(page, lambda: names(page) == set(EIGHT) - {"contempt"})
    assert label(page) == "happy"
    choose_network(page, "user/eight")
    wait(page, lambda: names(page) == set(EIGHT))


def test_the_webcam_changes_its_network_while_it_runs(page):
    turn_to(page, "Webcam")
    press(page, "#camera button", "Webcam")
    press(page, "#camera .capture-button")

    def live():
        return {line.split()[0] for line in texts(page, "#live-probabilities .fer-bar")}

    wait(page, lambda: live() == set(EIGHT))
    choose_network(page, "fer2013")
    wait(page, lambda: live() == set(EIGHT) - {"contempt"})
    assert texts(page, "[data-testid=toast-body]") == []


def test_a_video_is_analysed_by_the_chosen_network(page, short_video):
    turn_to(page, "Video")
    give(page, "#video", short_video)
    wait(page, lambda: page.execute_script("return document.querySelector('#video video')?.src"))
    press(page, "#analyse-video")
    wait(page, lambda: note(page, "#video-note") == "10 frames, 1.0 s, 1 person.")


def test_both_figures_and_cards_are_there(page):
    turn_to(page, "How to read this")
    lines = "\n".join(texts(page, "li"))
    assert f"user/eight ({', '.join(EIGHT)}): accuracy 81.2 % on the 3,573 images of the FER+ test set" in lines
    assert "fer2013 (angry, disgust, fear, happy, sad, surprise, neutral): accuracy " in lines
    assert "Results on different test sets cannot be compared, as their labels differ." in texts(page, "p")
    turn_to(page, "Model card")
    link = "return document.querySelector('#card a')?.href"
    wait(page, lambda: page.execute_script(link) == "https://huggingface.co/user/eight")
    choose_network(page, "fer2013")
    wait(page, lambda: any("FER-2013" in text for text in texts(page, "#card h1")))
    widths = "return [...document.querySelectorAll('#card img')].map(each => each.naturalWidth)"
    wait(page, lambda: page.execute_script(widths) and all(page.execute_script(widths)))
