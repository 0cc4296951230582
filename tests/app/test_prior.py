"""Base rates of a client's own, at every endpoint for photographs and on the page."""

import json

import pytest

from fer_hub.hub.shipped import default_checkpoint
from tests.app.driving import PORTRAIT
from tests.wording import says


@pytest.fixture(scope="module")
def probabilities(http):
    """What /predict says of the portrait, with base rates as they are sent."""
    file = http.upload(PORTRAIT.read_bytes(), "a.jpg")

    def ask(*prior):
        event, told = http.call("predict", file, default_checkpoint().name, 0.5, False, *prior)
        assert event == "complete", told
        return told[0]["faces"][0]["probabilities"]

    return ask


def test_base_rates_change_the_probabilities_by_bayes_rule(probabilities):
    plain = probabilities()
    assert probabilities("training") == plain
    config = json.loads((default_checkpoint() / "config.json").read_text())
    shares = dict(zip(config["id2label"].values(), config["class_shares"], strict=True))
    wanted = {name: plain[name] / shares[name] for name in plain}
    total = sum(wanted.values())
    assert probabilities("uniform") == pytest.approx({name: value / total for name, value in wanted.items()}, abs=1e-4)
    seven = probabilities(json.dumps(shares | {"contempt": 0}))
    assert probabilities(shares | {"contempt": 0}) == seven  # an object itself, too
    kept = 1 - plain["contempt"]
    assert seven == pytest.approx({n: 0 if n == "contempt" else p / kept for n, p in plain.items()}, abs=1e-4)


@pytest.mark.parametrize(
    ("prior", "sentence"),
    [
        ("flat", "prior must ... got 'flat'; ..."),
        ("{happy", "prior must be training, uniform or a JSON object with a number for each label, got text that is no "
         "JSON; ..."),
        (3, "prior must be text of at most 1000 characters, got 3; default training."),
        ("x" * 2000, "prior must be text of at most 1000 characters, got ..."),
    ],
)  # fmt: skip
def test_what_is_no_prior_is_refused(http, prior, sentence):
    file = http.upload(PORTRAIT.read_bytes(), "a.jpg")
    said = http.refusal("predict", file, default_checkpoint().name, 0.5, False, prior)
    assert says(said, sentence)


def test_the_other_endpoints_take_it_too(http):
    file, name = http.upload(PORTRAIT.read_bytes(), "a.jpg"), default_checkpoint().name
    asked = {endpoint: http.call(endpoint, given, name, 0.5, False, "uniform")[1]
             for endpoint, given in (("predict", file), ("classify", file), ("predict_batch", [file]))}  # fmt: skip
    expected = asked["predict"][0]["faces"][0]["probabilities"]
    assert asked["predict_batch"][0][0]["faces"][0]["probabilities"] == expected
    told = {entry["label"]: entry["confidence"] for entry in asked["classify"][0]["confidences"]}
    assert told == pytest.approx(expected, abs=1e-3)
