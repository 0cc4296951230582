"""axe-core over every tab and state, light and dark, on a desktop and a phone, beside a bare page of gradio."""

import pytest
from selenium.webdriver.common.by import By

from tests.app.conftest import running
from tests.app.driving import turn_to, wait
from tests.app.states import as_it_was, in_every_look, resize, walk

pytestmark = pytest.mark.browser

BARE = """
import gradio as gr, pandas as pd
from PIL import Image
grey, table = Image.new("RGB", (64, 64), "grey"), pd.DataFrame({"x": [0, 1], "y": [0, 1], "c": ["a", "b"]})
with gr.Blocks(title="bare") as page:
    gr.Markdown("# Title")
    with gr.Tab("One"):
        gr.Image(label="Photo", sources=["upload", "webcam", "clipboard"])
        gr.HTML("<p>text</p>")
        gr.Button("Go")
        with gr.Accordion("More", open=True):
            gr.Dataframe([["a", 1]], headers=["b", "c"])
            gr.File([__file__ if "__file__" in globals() else "LICENSE"], label="files", interactive=False)
            gr.JSON({"a": 1})
            gr.Dropdown(["a", "b"], label="choose")
            gr.Slider(0, 1, 0.5, label="slide")
    with gr.Tab("Two"):
        gr.Video(label="Video")
        gr.Radio(["a", "b"], label="who")
        gr.LinePlot(table, x="x", y="y", color="c", label="plot")
        gr.BarPlot(table, x="x", y="y", color="c", label="bars")
        gr.Gallery([(grey, "caption"), (grey, "other")], label="pictures")
    with gr.Tab("Three"):
        gr.File(["LICENSE"], file_count="multiple", label="photos", interactive=True)
        gr.Checkbox(label="thorough", info="costs")
        gr.Image(sources="webcam", streaming=True)
page.launch(run_history=False)
"""

WIDTHS = (320, 560)
WIDEST = """
const wide = [...document.querySelectorAll('body *')].filter(each => {
    if (!each.offsetParent || each.closest('.fer-hidden')) return false;
    const {right, width} = each.getBoundingClientRect();
    if (width === 0 || right <= innerWidth + 1) return false;
    for (let at = each.parentElement; at && at !== document.body; at = at.parentElement) { // that scroll by themselves
        if (getComputedStyle(at).overflowX !== 'visible') return false;
    }
    return true;
});
const over = document.documentElement.scrollWidth > innerWidth;
return over || wide.length ? wide.slice(0, 4).map(each => each.outerHTML.slice(0, 120)) : null;
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Address of a page of plain gradio with the same components."""
    with running(tmp_path_factory.mktemp("bare") / "uploads", "-c", BARE) as (url, _):
        yield url


@pytest.fixture(scope="module")
def allowed(browser, bare, axe):
    """(theme, size) → rules that a bare page breaks."""
    browser.set_script_timeout(180)
    browser.get(f"{bare}?__theme=light")
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "input[type=file]"))
    rules = {}
    for tab in ("One", "Two", "Three"):
        turn_to(browser, tab)
        for look, told in in_every_look(browser, axe).items():
            rules.setdefault(look, set()).update(told)
    as_it_was(browser)
    return rules


@pytest.fixture(scope="module")
def seen(browser, app_url, axe, two_faces, short_video, tmp_path_factory):
    """State → what was seen in it: violations, and how far the page is wider than a narrow screen."""
    letter = tmp_path_factory.mktemp("letter") / "letter.png"
    letter.write_text("dear sir or madam")
    browser.set_script_timeout(180)
    found = {}
    for state in walk(browser, f"{app_url}?__theme=light", two_faces, short_video, letter):
        broken, wide = in_every_look(browser, axe), {}
        for width in WIDTHS:
            resize(browser, width, 800, width < 500)
            wide[width] = browser.execute_script(WIDEST)
        as_it_was(browser)
        found[state] = broken, wide
    browser.get("about:blank")
    return found


@pytest.mark.slow
def test_no_state_breaks_a_rule_that_a_bare_page_keeps(seen, allowed):
    new = {
        (state, *look, rule): told
        for state, (broken, _) in seen.items()
        for look, rules in broken.items()
        for rule, told in rules.items()
        if rule not in allowed[look]
    }
    assert new == {}


@pytest.mark.slow
def test_no_state_breaks_a_critical_rule(seen):
    critical = {
        (state, *look, rule): nodes
        for state, (broken, _) in seen.items()
        for look, rules in broken.items()
        for rule, (impact, nodes) in rules.items()
        if impact == "critical"
    }
    assert critical == {}


@pytest.mark.slow
def test_no_state_is_wider_than_a_narrow_screen(seen):
    """320 pixels, which is also a desktop at 400 %; and where a phone lies on its side."""
    wide = {state: each for state, (_, each) in seen.items() if any(told is not None for told in each.values())}
    assert wide == {}
