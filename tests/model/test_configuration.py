"""FERConfig: defaults, derived label maps, and one exact sentence for every field that does not fit."""

import json

import pytest

from fer_hub.model import ARCHITECTURES, EMOTIONS, FORMAT_VERSION, LISTED, NETWORKS, FERConfig


def test_default_labels_are_fer2013_in_csv_order():
    config = FERConfig()
    assert tuple(config.id2label.values()) == EMOTIONS
    assert config.label2id["neutral"] == 6


def test_every_architecture_has_a_network():
    assert set(NETWORKS) == {*ARCHITECTURES, LISTED}


def test_label_maps_are_derived_from_each_other():
    assert FERConfig(id2label={0: "no", 1: "yes"}).label2id == {"no": 0, "yes": 1}
    assert FERConfig(label2id={"no": 0, "yes": 1}).id2label == {0: "no", 1: "yes"}
    assert FERConfig(id2label={"0": "no", "1": "yes"}).id2label == {0: "no", 1: "yes"}
    assert FERConfig(num_labels=8).num_labels == 8


def test_config_survives_json(tmp_path):
    config = FERConfig(architecture="scratch_cnn", dropout=0, temperature=1.5, id2label={0: "no", 1: "yes"})
    config.save_pretrained(tmp_path)
    again = FERConfig.from_pretrained(tmp_path)
    assert (again.architecture, again.dropout, again.temperature) == ("scratch_cnn", 0, 1.5)
    assert again.id2label == {0: "no", 1: "yes"}
    assert json.loads((tmp_path / "config.json").read_text())["format_version"] == FORMAT_VERSION


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"architecture": "resnet9000"},
            f"architecture must be one of {', '.join(ARCHITECTURES)}, got 'resnet9000'; choose one of these, or "
            "upgrade fer_hub if the checkpoint is newer.",
        ),
        (
            {"image_size": "48"},
            "image_size must be a whole number of at least 16 pixels, got '48'; FER-2013 has 48.",
        ),
        ({"image_size": 15}, "image_size must be a whole number of at least 16 pixels, got 15; FER-2013 has 48."),
        ({"num_channels": 4}, "num_channels must be 1 (grey) or 3 (colour), got 4; FER-2013 has 1."),
        ({"num_channels": True}, "num_channels must be 1 (grey) or 3 (colour), got True; FER-2013 has 1."),
        (
            {"dropout": 1.0},
            "dropout must be a number from 0 to below 1, got 1.0; None uses the architecture's default.",
        ),
        ({"temperature": 0}, "temperature must be a number above 0, got 0; 1 has no effect."),
        (
            {"format_version": 99},
            "format_version must be at most 1, got 99: the checkpoint was written by a newer fer_hub; upgrade fer_hub "
            "to read it.",
        ),
        (
            {"hidden_sizes": (64, 0)},
            "hidden_sizes must be whole numbers above 0, one for each stage, got (64, 0); the default is "
            "(64, 128, 256).",
        ),
        (
            {"depths": (1, 1)},
            "depths must have one number for each of the 3 hidden_sizes, got 2; give both the same length.",
        ),
        ({"embedding_size": 0}, "embedding_size must be a whole number above 0, got 0; the default is 32."),
        (
            {"id2label": {0: "no", 1: "yes"}, "num_labels": 7},
            "num_labels must be the number of names in id2label (2), got 7; give one of the two.",
        ),
        (
            {"id2label": {1: "no", 2: "yes"}},
            "id2label must map 0, 1, 2, ... to at least two names without a gap, got the indices [1, 2]; number the "
            "classes from 0.",
        ),
        (
            {"id2label": {0: "no", 1: "no"}},
            "id2label must give every class a name of its own, got ['no', 'no']; rename the repeated ones.",
        ),
        (
            {"id2label": {0: "no", 1: "yes"}, "label2id": {"no": 1, "yes": 0}},
            "label2id must be the inverse of id2label, got label2id {'no': 1, 'yes': 0} for id2label "
            "{0: 'no', 1: 'yes'}; leave label2id out to have it derived.",
        ),
    ],
)
def test_a_field_that_does_not_fit_is_named(fields, message):
    with pytest.raises(ValueError) as caught:
        FERConfig(**fields)
    assert str(caught.value) == message


@pytest.mark.parametrize(("length", "shown"), [(98, "'{}'"), (99, "'{}...")])
def test_a_long_value_is_cut_after_a_hundred_characters(length, shown):
    with pytest.raises(ValueError, match="architecture must be one of") as caught:
        FERConfig(architecture="a" * length)
    assert f"got {shown.format('a' * length)}; choose" in str(caught.value)


def test_defaults_are_the_documented_ones():
    config = FERConfig()
    assert (config.architecture, config.image_size, config.num_channels, config.dropout) == (
        "residual_cnn",
        48,
        1,
        None,
    )
    assert (config.embedding_size, tuple(config.hidden_sizes), tuple(config.depths)) == (32, (64, 128, 256), (1, 1, 1))
    assert (config.temperature, config.class_shares, config.format_version) == (1, None, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"image_size": 16}, {"dropout": 0}, {"dropout": 0.999}, {"temperature": 0.01}, {"temperature": 100},
        {"embedding_size": 1}, {"hidden_sizes": [1], "depths": [1]}, {"num_channels": 3}, {"format_version": 1},
        {"class_shares": [0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]}, {"class_shares": (0.4008, *[0.1] * 6)},
        {"num_labels": 2},
    ],
    ids=str,
)  # fmt: skip
def test_the_bounds_of_the_fields_are_taken(fields):
    config = FERConfig(**fields)
    for name, value in fields.items():
        assert getattr(config, name) == value


@pytest.mark.parametrize(
    ("fields", "culprit"),
    [
        ({"dropout": -0.01}, "dropout must be"), ({"dropout": True}, "dropout must be"),
        ({"temperature": -1}, "temperature must be"), ({"temperature": True}, "temperature must be"),
        ({"embedding_size": True}, "embedding_size must be"), ({"embedding_size": 2.0}, "embedding_size must be"),
        ({"hidden_sizes": ()}, "hidden_sizes must be"), ({"hidden_sizes": 64}, "hidden_sizes must be"),
        ({"hidden_sizes": (64, 128, 256.0)}, "hidden_sizes must be"), ({"depths": (1, 1, True)}, "depths must be"),
        ({"class_shares": [0.5, 0.5]}, "class_shares must be"),
        ({"class_shares": [0.0, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1]}, "class_shares must be"),
        ({"class_shares": [0.402, *[0.1] * 6]}, "class_shares must be"),
        ({"class_shares": [0.398, *[0.1] * 6]}, "class_shares must be"),
        ({"id2label": {0: "one"}}, "id2label must map"), ({"id2label": {0: "a", 2: "b"}}, "id2label must map"),
        ({"id2label": {0: "a", 1: ""}}, "id2label must give every class a name"),
        ({"id2label": {0: "a", 1: 2}}, "id2label must give every class a name"),
        ({"format_version": 2}, "format_version must be"),
    ],
    ids=str,
)  # fmt: skip
def test_what_lies_just_beyond_the_bounds_is_refused(fields, culprit):
    with pytest.raises(ValueError, match=f"^{culprit}"):
        FERConfig(**fields)


@pytest.mark.parametrize("labels", [{"id2label": {0: "no", 1: "yes"}}, {"label2id": {"no": 0, "yes": 1}}])
def test_labels_given_with_a_saved_config_replace_both_maps(labels, tmp_path):
    FERConfig().save_pretrained(tmp_path)
    config = FERConfig.from_pretrained(tmp_path, **labels)
    assert (config.id2label, config.label2id) == ({0: "no", 1: "yes"}, {"no": 0, "yes": 1})
    assert FERConfig.from_pretrained(tmp_path, num_labels=3).num_labels == 3


@pytest.mark.parametrize(
    ("largest", "beyond"),
    [
        ({"image_size": 512}, {"image_size": 513}),
        ({"embedding_size": 4096}, {"embedding_size": 4097}),
        ({"hidden_sizes": [4096], "depths": [3]}, {"hidden_sizes": [4097], "depths": [1]}),
        ({"hidden_sizes": [8], "depths": [100]}, {"hidden_sizes": [8], "depths": [101]}),
        ({"hidden_sizes": [8] * 10, "depths": [1] * 10}, {"hidden_sizes": [8] * 11, "depths": [1] * 11}),
        ({"hidden_sizes": [1000], "depths": [55]}, {"hidden_sizes": [1000], "depths": [56]}),  # 18 size² a block
        ({"num_labels": 1000}, {"num_labels": 1001}),
        ({"id2label": dict(enumerate(map(str, range(1000))))}, {"id2label": dict(enumerate(map(str, range(1001))))}),
        ({"temperature": 1e6}, {"temperature": 1.1e6}),
        ({"temperature": 1e-6}, {"temperature": 0.9e-6}),
        ({"dtype": "float16"}, {"dtype": "int8"}),
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_the_largest_network_is_taken_and_the_next_is_not(largest, beyond):
    config = FERConfig(**largest)
    for name in largest:
        assert getattr(config, name) is not None
    with pytest.raises(ValueError, match=" must "):
        FERConfig(**beyond)


def test_the_two_ways_to_give_a_type_are_checked_alike():
    for fields in ({"dtype": "float8"}, {"torch_dtype": "float8"}):
        with pytest.raises(
            ValueError, match=r"^dtype must be one of float32, float16, bfloat16, float64, got 'float8';"
        ):
            FERConfig(**fields)
    assert str(FERConfig(torch_dtype="bfloat16").dtype).removeprefix("torch.") == "bfloat16"


@pytest.mark.parametrize(
    ("architecture", "smallest"),
    [("residual_cnn", 16), ("scratch_cnn", 16), ("sequential_cnn", 24), ("wide_cnn", 46), ("baseline_cnn", 22),
     ("vgg16", 32)],
)  # fmt: skip
def test_every_architecture_has_its_smallest_image(architecture, smallest):
    assert FERConfig(architecture=architecture, image_size=smallest).image_size == smallest
    with pytest.raises(ValueError, match=f"^image_size must be .* at least {smallest} pixels, got {smallest - 1};"):
        FERConfig(architecture=architecture, image_size=smallest - 1)


def test_as_many_stages_as_the_docs_say():
    assert len(FERConfig(hidden_sizes=[8] * 10, depths=[1] * 10, image_size=512).depths) == 10
    with pytest.raises(ValueError, match=r"hidden_sizes.*10"):
        FERConfig(hidden_sizes=[8] * 11, depths=[1] * 11, image_size=512)


@pytest.mark.parametrize("name", ["dtype", "torch_dtype"])
def test_a_type_of_weights_that_there_is_not(name):
    with pytest.raises(ValueError, match=r"dtype must be one of .*, got 'float3'; float32 is usual\.$"):
        FERConfig(**{name: "float3"})
    assert str(FERConfig(**{name: "float16"}).dtype).endswith("float16")
