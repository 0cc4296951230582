"""Configuration of a facial expression network: architecture, input and labels. This file does not import torch."""

from typing import Any

from transformers import PreTrainedConfig

from .layers_fer import check_layers

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The seven classes of FER-2013 in the order of its CSV file (Goodfellow et al. 2013, arXiv:1307.0414)."""

ARCHITECTURES = (
    "residual_cnn",
    "scratch_cnn",
    "sequential_cnn",
    "wide_cnn",
    "baseline_cnn",
    "resnet50",
    "vgg16",
    "mobilenet_v2",
    "efficientnet_lite0",
    "mini_xception",
)
"""Values of `FERConfig.architecture`; `modeling_fer.NETWORKS` maps each to its network."""

LISTED = "layer_list"
"""The `architecture` of a network whose layers the config lists, as `fer-hub import-weights` writes them."""

FORMAT_VERSION = 1
"""Version of the files in a checkpoint folder; incremented when older versions of fer_hub cannot read them."""

MINIMUM_IMAGE_SIZE = {"sequential_cnn": 24, "wide_cnn": 46, "baseline_cnn": 22, "vgg16": 32}
"""Smallest image size in pixels for which pooling leaves any positions; 16 for the others."""

DTYPES = ("float32", "float16", "bfloat16", "float64")
"""Values of `dtype`, the type of the weights."""

LARGEST = {"image_size": 512, "embedding_size": 4096, "hidden_sizes": 4096, "depths": 100, "id2label": 1000}
"""Field → its largest value, of lists that of an element, of id2label its length: a config.json comes from anywhere,
and the network that it describes is built before its weights are looked at."""

MAX_STAGES, MAX_WEIGHTS = 10, 1_000_000_000
"""Most stages, and most weights of all stages together."""


class FERConfig(PreTrainedConfig):
    """Configuration of `FERForImageClassification`. All arguments are keywords.

    Args:
        architecture: the network, one of `ARCHITECTURES`, or `LISTED`.
        image_size: height and width of `pixel_values` in pixels, at least 16, for some architectures more
            (`MINIMUM_IMAGE_SIZE`).
        num_channels: channels of `pixel_values`, 1 (grey) or 3.
        dropout: probability of zeroing a feature before a linear layer, in [0, 1); `None` uses the
            architecture's default (0.4 for `scratch_cnn`, 0.5 for `sequential_cnn`, `wide_cnn` and `baseline_cnn`,
            none for `mini_xception`, those of the list for `layer_list`, 0.2 for the others).
        embedding_size: channels of the first convolution of `residual_cnn`.
        hidden_sizes: channels of each stage of `residual_cnn`; every stage halves height and width.
        depths: residual blocks of each stage of `residual_cnn`, as long as `hidden_sizes`.
        layers: the layers of `layer_list`, see `layers_fer.FIELDS`; `None` for the others.
        temperature: the logits are divided by it in evaluation mode, so that their softmax is calibrated
            (temperature scaling, Guo et al. 2017, arXiv:1706.04599); above 0, and 1 has no effect.
        class_shares: class prior of the network's probabilities, in the order of `id2label`, numbers above 0 that sum
            to 1: their mean over validation images, or the frequencies of the training labels where there are too few
            of those; replaced when a user passes another class prior. `None` if unknown.
        format_version: version of the checkpoint's files when it was saved.
        id2label: class index → name, indices 0 to n-1, names distinct; the seven `EMOTIONS` if neither this
            nor `num_labels` is given.
        label2id: the inverse of `id2label`; derived if absent.

    Numbers may be numpy's.

    Raises:
        ValueError: a field is invalid; the sentence names the field and the remedy.

    Example:
        >>> config = FERConfig(architecture="scratch_cnn")
        >>> config.num_labels, config.id2label[3]
        (7, 'happy')
    """

    model_type = "fer_cnn"

    architecture: str = "residual_cnn"
    image_size: int = 48
    num_channels: int = 1
    dropout: float | int | None = None
    embedding_size: int = 32
    hidden_sizes: list[int] | tuple[int, ...] = (64, 128, 256)
    depths: list[int] | tuple[int, ...] = (1, 1, 1)
    layers: list[dict] | None = None
    temperature: float | int = 1.0
    class_shares: list[float] | tuple[float, ...] | None = None
    format_version: int = FORMAT_VERSION

    def __post_init__(self, **kwargs):
        for name in (*FERConfig.__annotations__, "id2label", "label2id"):
            setattr(self, name, _plain(getattr(self, name)))
        wanted = _plain(kwargs.get("num_labels"))
        if wanted is None:
            kwargs.pop("num_labels", None)  # a null in config.json, which transformers would count up to
        else:
            kwargs["num_labels"] = wanted
        self._check_form(wanted, kwargs.get("torch_dtype"))
        if self.id2label is None and wanted in (None, len(EMOTIONS)) and self.label2id is None:  # type: ignore[has-type]
            self.id2label = dict(enumerate(EMOTIONS))
        elif self.id2label is None and self.label2id is not None:
            self.id2label = {index: name for name, index in self.label2id.items()}
        if self.id2label is not None and wanted not in (None, len(self.id2label)):
            raise ValueError(
                f"num_labels must be the number of names in id2label ({len(self.id2label)}), got {wanted}; "
                "give one of the two."
            )
        super().__post_init__(**kwargs)
        if self.label2id is None:  # type: ignore[has-type]
            self.label2id = {name: index for index, name in self.id2label.items()}
        self.check()

    @classmethod
    def from_dict(cls, config_dict, **kwargs):
        """As in transformers; labels given as keywords replace both label maps of the dict, not only one."""
        labels = {key: kwargs.pop(key) for key in ("id2label", "label2id", "num_labels") if key in kwargs}
        if labels:
            config_dict = {key: value for key, value in config_dict.items() if key not in ("id2label", "label2id")}
        return super().from_dict({**config_dict, **labels}, **kwargs)

    def _check_form(self, num_labels: Any, dtype: object) -> None:
        """Check what is computed with before `check` can look at it."""
        most = LARGEST["id2label"]
        for name in ("id2label", "label2id"):
            labels = getattr(self, name)
            if labels is not None and not (isinstance(labels, dict) and len(labels) <= most):
                raise ValueError(f"{name} must be a map of at most {most} names and indices, got {_short(labels)}.")
            indices: Any = [] if labels is None else labels if name == "id2label" else labels.values()
            if not all(_is_int(index) or (isinstance(index, str) and index.isdecimal()) for index in indices):
                raise ValueError(f"{name} must have whole numbers from 0 as indices, got {_short(list(indices))}.")
        if num_labels is not None and not (_is_int(num_labels) and 0 <= num_labels <= most):
            raise ValueError(f"num_labels must be a whole number of at most {most}, got {_short(num_labels)}.")
        dtype = dtype if self.dtype is None else self.dtype
        if dtype is not None and str(dtype).removeprefix("torch.") not in DTYPES:
            raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {_short(dtype)}; float32 is usual.")
        if not _is_int(self.format_version) or self.format_version < 1:
            raise ValueError(f"format_version must be a whole number above 0, got {_short(self.format_version)}.")

    def check(self) -> None:
        """Raise a `ValueError` for the first invalid field; called at creation and before a model is built."""
        if self.format_version > FORMAT_VERSION:
            raise ValueError(
                f"format_version must be at most {FORMAT_VERSION}, got {_short(self.format_version)}: the checkpoint "
                "was written by a newer fer_hub; upgrade fer_hub to read it."
            )
        if self.architecture not in (*ARCHITECTURES, LISTED):
            raise ValueError(
                f"architecture must be one of {', '.join(ARCHITECTURES)}, got {_short(self.architecture)}; choose one "
                "of these, or upgrade fer_hub if the checkpoint is newer."
            )
        smallest = MINIMUM_IMAGE_SIZE.get(self.architecture, 16)
        if not _is_int(self.image_size) or self.image_size < smallest:
            raise ValueError(
                f"image_size must be a whole number of at least {smallest} pixels, got "
                f"{_short(self.image_size)}; FER-2013 has 48."
            )
        if self.image_size > LARGEST["image_size"]:
            raise ValueError(
                f"image_size must be at most {LARGEST['image_size']} pixels, got {_short(self.image_size)}; FER-2013 "
                "has 48."
            )
        if self.num_channels not in (1, 3) or not _is_int(self.num_channels):
            raise ValueError(
                f"num_channels must be 1 (grey) or 3 (colour), got {_short(self.num_channels)}; FER-2013 has 1."
            )
        if self.dropout is not None and not (_is_number(self.dropout) and 0 <= self.dropout < 1):
            raise ValueError(
                f"dropout must be a number from 0 to below 1, got {_short(self.dropout)}; None uses the architecture's "
                "default."
            )
        if not (_is_number(self.temperature) and 1e-6 <= self.temperature <= 1e6):
            raise ValueError(f"temperature must be a number above 0, got {_short(self.temperature)}; 1 has no effect.")
        self._check_stages()
        self._check_labels()
        if self.architecture == LISTED:
            check_layers(self.layers, self.num_channels, self.image_size, len(self.id2label))
        elif self.layers is not None:
            raise ValueError(
                f"layers must be None for {self.architecture}, got {_short(self.layers)}; they are for {LISTED}."
            )

    def _check_stages(self) -> None:
        for name in ("hidden_sizes", "depths"):
            values = getattr(self, name)
            if not isinstance(values, (list, tuple)) or not values or not all(_is_int(v) and v > 0 for v in values):
                raise ValueError(
                    f"{name} must be whole numbers above 0, one for each stage, got {_short(values)}; the default is "
                    f"{type(self).__dataclass_fields__[name].default}."
                )
        if not _is_int(self.embedding_size) or self.embedding_size < 1:
            raise ValueError(
                f"embedding_size must be a whole number above 0, got {_short(self.embedding_size)}; the default is 32."
            )
        for name in ("hidden_sizes", "depths", "embedding_size"):
            values = getattr(self, name)
            values = [values] if name == "embedding_size" else values
            if max(values) > LARGEST[name] or len(values) > MAX_STAGES:
                raise ValueError(
                    f"{name} must be at most {LARGEST[name]} in at most {MAX_STAGES} stages, got {_short(values)}; "
                    "build a smaller network."
                )
        if sum(18 * size**2 * depth for size, depth in zip(self.hidden_sizes, self.depths)) > MAX_WEIGHTS:  # noqa: B905
            raise ValueError(
                f"hidden_sizes and depths must make at most {MAX_WEIGHTS:,} weights, got {_short(self.hidden_sizes)} "
                f"and {_short(self.depths)}; build a smaller network."
            )
        if len(self.hidden_sizes) != len(self.depths):
            raise ValueError(
                f"depths must have one number for each of the {len(self.hidden_sizes)} hidden_sizes, got "
                f"{len(self.depths)}; give both the same length."
            )

    def _check_labels(self) -> None:
        shares = self.class_shares
        if shares is not None and not (
            isinstance(shares, (list, tuple))
            and len(shares) == len(self.id2label)
            and all(_is_number(share) and 0 < share <= 1 for share in shares)
            and abs(sum(shares) - 1) < 1e-3
        ):
            raise ValueError(
                f"class_shares must be one number above 0 for each of the {len(self.id2label)} classes, which sum to "
                f"1, got {_short(shares)}; leave it out if unknown."
            )
        names = list(self.id2label.values())
        if len(names) < 2 or sorted(self.id2label) != list(range(len(names))):
            raise ValueError(
                f"id2label must map 0, 1, 2, ... to at least two names without a gap, got the indices "
                f"{sorted(self.id2label)}; number the classes from 0."
            )
        if not all(isinstance(name, str) and name for name in names) or len(set(names)) != len(names):
            raise ValueError(
                f"id2label must give every class a name of its own, got {names}; rename the repeated ones."
            )
        if {name: int(index) for name, index in self.label2id.items()} != {n: i for i, n in self.id2label.items()}:
            raise ValueError(
                f"label2id must be the inverse of id2label, got label2id {self.label2id} for id2label "
                f"{self.id2label}; leave label2id out to have it derived."
            )


def _short(value: object) -> str:
    """A value for a sentence: shortened, and never a number of thousands of digits, which Python refuses to write."""
    try:
        text = ascii(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= 100 else text[:100] + "..."


def _plain(value: Any) -> Any:
    """Numbers of numpy, also in a list, an array or a map, as Python's own, which JSON takes."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, dict):
        return {_plain(key): item.tolist() if hasattr(item, "tolist") else item for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(item.tolist() if hasattr(item, "tolist") else item for item in value)
    return value


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
