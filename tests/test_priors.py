"""Custom class priors: Bayes' rule, refusals, and their use in the pipeline."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fer_hub import FERConfig, FERForImageClassification, FERImageProcessor, FERPipeline
from fer_hub.inference.priors import logit_shift

CONFIG = SimpleNamespace(id2label={0: "a", 1: "b", 2: "c"}, class_shares=[0.6, 0.3, 0.1])


def test_it_is_bayes_rule():
    """Two normal distributions of one number: the corrected posterior is the true one under the new base rates."""
    x, old, new = 0.3, np.array([0.9, 0.1]), np.array([0.4, 0.6])
    density = np.exp(-0.5 * (x - np.array([0.0, 1.0])) ** 2)
    config = SimpleNamespace(id2label={0: "a", 1: "b"}, class_shares=old.tolist())
    logits = np.log(density * old / (density * old).sum()) + 7.0  # logits are known but for a constant
    shifted = np.exp(logits + logit_shift(config, {"a": 4, "b": 6}))
    assert shifted / shifted.sum() == pytest.approx(density * new / (density * new).sum())


def test_training_changes_nothing_and_uniform_favours_the_rare():
    assert logit_shift(CONFIG) is None and logit_shift(SimpleNamespace(), "training") is None
    assert logit_shift(CONFIG, {"c": 1, "b": 3, "a": 6}) == pytest.approx([0, 0, 0])
    assert logit_shift(CONFIG, "uniform") == pytest.approx(np.log(1 / 3 / np.array(CONFIG.class_shares)))
    assert logit_shift(CONFIG, {"a": 1, "b": 1, "c": 0})[2] == -math.inf
    assert logit_shift(CONFIG, dict.fromkeys("abc", 1e308)) == logit_shift(CONFIG, "uniform")


@pytest.mark.parametrize(
    ("config", "prior", "sentence"),
    [
        (CONFIG, "flat", "prior must be training, uniform or a number per label, got 'flat'; choose one of these."),
        (CONFIG, {"a": 1, "b": 1}, "prior must have a number for each of a, b, c, got a, b; correct it."),
        (CONFIG, {1: 1, "b": 1, "c": 1}, "prior must have a number for each of a, b, c, got 1, b, c; correct it."),
        (CONFIG, {"a": 1, "b": 1, "c": 10**400},
            f"prior must have numbers of at least 0, one of them above 0, got {{'a': 1, 'b': 1, 'c': {10**400}}}; give "
            "each label its relative frequency."),
        (CONFIG, {"a": 1, "b": -1, "c": 1},
            "prior must have numbers of at least 0, one of them above 0, got {'a': 1, 'b': -1, 'c': 1}; give each "
            "label its relative frequency."),
        (CONFIG, {"a": 0, "b": 0, "c": 0},
            "prior must have numbers of at least 0, one of them above 0, got {'a': 0, 'b': 0, 'c': 0}; give each "
            "label its relative frequency."),
        (SimpleNamespace(id2label=CONFIG.id2label, class_shares=None), "uniform",
         "a prior needs a checkpoint whose config.json has the class frequencies of its training in class_shares, "
         "but it does not; leave prior out, or train with this version of fer_hub."),
    ],
)  # fmt: skip
def test_invalid_arguments_are_refused(config, prior, sentence):
    with pytest.raises(ValueError) as caught:
        logit_shift(config, prior)
    assert str(caught.value) == sentence


def test_the_pipeline_corrects_its_probabilities(tmp_path):
    shares = [0.3, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1]
    model = FERForImageClassification(FERConfig(embedding_size=4, hidden_sizes=(8,), depths=(1,), class_shares=shares))
    model.save_pretrained(tmp_path)
    FERImageProcessor().save_pretrained(tmp_path)
    crops = [Image.fromarray(np.random.default_rng(n).integers(0, 256, (48, 48), dtype=np.uint8)) for n in range(3)]
    answers = {}
    for prior in ("training", "uniform"):
        with FERPipeline.from_pretrained(tmp_path, prior=prior) as pipeline:
            answers[prior] = np.array([list(row.values()) for row in pipeline.classify_crops(crops)])
    expected = answers["training"] / shares
    assert answers["uniform"] == pytest.approx(expected / expected.sum(1, keepdims=True), rel=1e-5)


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.2] * 7, [0, 0.4, 0.1, 0.1, 0.1, 0.1, 0.2]])
def test_shares_in_a_config_fit_its_classes(shares):
    with pytest.raises(ValueError, match="class_shares must be one number above 0 for each of the 7 classes"):
        FERConfig(class_shares=shares)
