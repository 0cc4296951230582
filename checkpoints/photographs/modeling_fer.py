"""The network as a transformers model: one class for all architectures of the zoo."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndNoAttention, ImageClassifierOutputWithNoAttention

from .configuration_fer import FERConfig
from .zoo_efficientnet_fer import EfficientNetLite0
from .zoo_listed_fer import ListedCNN, MiniXception
from .zoo_plain_fer import BaselineCNN, ScratchCNN, SequentialCNN, WideCNN
from .zoo_residual_fer import ResidualCNN
from .zoo_transfer_fer import VGG16, MobileNetV2, ResNet50, TransferNetwork

NETWORKS: dict[str, type[Any]] = {
    "residual_cnn": ResidualCNN,
    "scratch_cnn": ScratchCNN,
    "sequential_cnn": SequentialCNN,
    "wide_cnn": WideCNN,
    "baseline_cnn": BaselineCNN,
    "resnet50": ResNet50,
    "vgg16": VGG16,
    "mobilenet_v2": MobileNetV2,
    "efficientnet_lite0": EfficientNetLite0,
    "mini_xception": MiniXception,
    "layer_list": ListedCNN,
}
"""`FERConfig.architecture` → class of the network, whose only argument is the config."""

AUTO_MODELS = {"AutoModel": "FERModel", "AutoModelForImageClassification": "FERForImageClassification"}
"""Auto class of transformers → class in this file."""

HUB_OPTIONS = ("revision", "cache_dir", "token", "subfolder", "local_files_only", "force_download", "proxies")
"""Keywords of `from_pretrained` that determine where a config is read from."""


class FERPreTrainedModel(PreTrainedModel):
    """Base class of the models below: loading, saving and weight initialisation."""

    config: FERConfig
    base_model_prefix = "network"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    _no_split_modules = ["ResidualBlock"]

    def __init__(self, config: FERConfig):
        super().__init__(config)
        config.check()
        self.network = NETWORKS[config.architecture](config)

    def save_pretrained(self, save_directory, *args, **kwargs):
        """As in transformers; the config in the folder also names the code of both models."""
        if self._auto_class:
            codes = {name: f"modeling_fer.{model}" for name, model in AUTO_MODELS.items()}
            self.config.auto_map = {**(getattr(self.config, "auto_map", None) or {}), **codes}
        return super().save_pretrained(save_directory, *args, **kwargs)

    @property
    def suits_channels_last(self) -> bool:
        """Whether the network can also be trained in channels-last memory, which compiled networks choose themselves.

        It must not have a strided 1x1 convolution with fewer than 16 input channels: on a CPU in float32 the backward
        pass of such a layer writes out of bounds in torch 2.13 (observed with 3 to 12 channels, not with 16 or more).
        """
        return not any(
            module.kernel_size == (1, 1) and module.stride != (1, 1) and module.in_channels < 16
            for module in self.modules()
            if isinstance(module, nn.Conv2d)
        )

    @property
    def trains_on_windows(self) -> bool:
        """Whether the network accepts images of any size in training mode, as it ends in global average pooling."""
        return getattr(self.network, "trains_on_windows", False)

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, nn.Conv2d):  # He et al. 2015, arXiv:1502.01852
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, TransferNetwork):
            scale, shift = module.conversion()
            init.copy_(module.scale, scale)
            init.copy_(module.shift, shift)

    def _asked(self, output_hidden_states: bool | None, return_dict: bool | None) -> tuple[list | None, bool]:
        """A list for the hidden states if they are requested, otherwise None, and whether the output is a dict."""
        wanted = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        return [] if wanted else None, self.config.return_dict if return_dict is None else return_dict

    def _check_pixel_values(self, pixel_values: torch.Tensor | None) -> None:
        channels, size = self.config.num_channels, self.config.image_size
        if pixel_values is None:
            raise ValueError("pixel_values must be given, got None; call the model on what FERImageProcessor returns.")
        if pixel_values.ndim != 4:
            raise ValueError(
                f"pixel_values must have the shape (images, {channels}, {size}, {size}), got "
                f"{tuple(pixel_values.shape)}; call the model on what FERImageProcessor returns."
            )
        if pixel_values.shape[1] != channels:
            raise ValueError(
                f"pixel_values must have {channels} channel{'s' if channels > 1 else ''}, got "
                f"{pixel_values.shape[1]}; convert the images with FERImageProcessor, or set num_channels in the "
                "config."
            )
        if tuple(pixel_values.shape[2:]) != (size, size) and not (self.training and self.trains_on_windows):
            raise ValueError(
                f"pixel_values must be {size}x{size} pixels, got {pixel_values.shape[2]}x{pixel_values.shape[3]}; "
                "resize the images with FERImageProcessor, or set image_size in the config."
            )


class FERModel(FERPreTrainedModel):
    """The network without its last layer, for `AutoModel`: maps a face to a feature vector.

    Loads the same checkpoints as `FERForImageClassification`, without the last layer.

    Example:
        >>> model = FERModel(FERConfig()).eval()
        >>> model(pixel_values=torch.zeros(2, 1, 48, 48)).pooler_output.shape
        torch.Size([2, 256])
    """

    _keys_to_ignore_on_load_unexpected = [r"^network\.classifier\."]

    def __init__(self, config: FERConfig):
        super().__init__(config)
        self.network.drop_head()
        self.post_init()

    def forward(
        self,
        pixel_values: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **kwargs,
    ) -> BaseModelOutputWithPoolingAndNoAttention | tuple:
        """Compute the features of face crops.

        Args:
            pixel_values, output_hidden_states, return_dict: as for `FERForImageClassification`.

        Returns:
            `last_hidden_state` (images, channels, height, width), `pooler_output` (images, features), the input of
            the classifier's last layer, and `hidden_states` if requested.

        Raises:
            ValueError: `pixel_values` has the wrong shape or type.
        """
        hidden_states, as_dict = self._asked(output_hidden_states, return_dict)
        self._check_pixel_values(pixel_values)
        states: list[torch.Tensor] = []
        pooled = self.network(pixel_values, states)
        shown = None if hidden_states is None else tuple(states)
        if not as_dict:
            return tuple(value for value in (states[-1], pooled, shown) if value is not None)
        return BaseModelOutputWithPoolingAndNoAttention(
            last_hidden_state=states[-1], pooler_output=pooled, hidden_states=shown
        )


class LabelMismatch(ValueError, RuntimeError):
    """The number of given labels differs from the size of the last layer; transformers raises a RuntimeError for it."""


class FERForImageClassification(FERPreTrainedModel):
    """A facial expression classifier.

    Example:
        >>> model = FERForImageClassification(FERConfig(architecture="scratch_cnn")).eval()
        >>> model(pixel_values=torch.zeros(2, 1, 48, 48)).logits.shape
        torch.Size([2, 7])
        >>> model.num_parameters()
        1054719
    """

    # with **kwargs in forward the Trainer would expect the model to divide by the gradient accumulation steps
    accepts_loss_kwargs = False

    def __init__(self, config: FERConfig):
        super().__init__(config)
        self.post_init()

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *args, **kwargs):
        """Load a checkpoint folder or Hub repository like `PreTrainedModel.from_pretrained`.

        Raises:
            ValueError: `id2label`, `num_labels` or `config` was given and does not match the size of the checkpoint's
                last layer; with `ignore_mismatched_sizes=True` a new last layer is created instead.
        """
        config = kwargs.get("config")  # the Auto classes put the labels there
        wanted: Any = kwargs.get("id2label") or range(kwargs.get("num_labels") or getattr(config, "num_labels", 0) or 0)
        on_disk = pretrained_model_name_or_path is not None  # and not in `state_dict`
        if wanted and on_disk and not kwargs.get("ignore_mismatched_sizes"):
            where = {key: kwargs[key] for key in HUB_OPTIONS if key in kwargs}
            if commit := getattr(config, "_commit_hash", None):
                where["revision"] = commit  # which lies in the cache, so that the Hub is not asked again
            known, _ = FERConfig.get_config_dict(pretrained_model_name_or_path, **where)
            trained = FERConfig.from_dict(known).num_labels if known else len(wanted)  # weights alone fit any config
            if len(wanted) != trained:
                raise LabelMismatch(
                    f"the labels must be the {trained} that the checkpoint's last layer was trained for, got "
                    f"{len(wanted)}; leave them out, or pass ignore_mismatched_sizes=True to train a new last layer."
                )
        return super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)

    def forward(
        self,
        pixel_values: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **kwargs,
    ) -> ImageClassifierOutputWithNoAttention | tuple:
        """Classify face crops.

        Args:
            pixel_values: float tensor (images, channels, size, size) from `FERImageProcessor`; in training mode
                networks that end in global average pooling also accept windows of other sizes.
            labels: class indices, integer tensor (images,) or (images, 1), where -100 marks an ignored image; or one
                probability distribution per image, float tensor (images, labels) whose rows sum to 1. With the
                config's `problem_type="multi_label_classification"`, where an image may have several classes or none:
                0 to 1 for each class, tensor (images, labels).
            output_hidden_states: whether to return the features after each stage; by default as in the config.
            return_dict: whether the output is a dict or a tuple; by default as in the config.

        Returns:
            `logits` (images, labels) before softmax (before the sigmoid for multi-label classification), in evaluation
            mode divided by the config's temperature; `loss` if labels are given, the mean cross-entropy over the images
            (binary cross-entropy over images and classes) of the undivided logits, so that training and evaluation
            losses are comparable; `hidden_states` if requested, one (images, channels, height, width) per stage.

        Raises:
            ValueError: an argument has the wrong shape or type, or the config's `problem_type` is not supported.
        """
        hidden_states, as_dict = self._asked(output_hidden_states, return_dict)
        self._check_pixel_values(pixel_values)
        logits = self.network(pixel_values, hidden_states)
        shown = None if hidden_states is None else tuple(hidden_states)
        loss = None if labels is None else self._loss(logits, labels)
        if not self.training and self.config.temperature != 1:
            logits = logits / self.config.temperature
        if not as_dict:
            return tuple(value for value in (loss, logits, shown) if value is not None)
        return ImageClassifierOutputWithNoAttention(loss=loss, logits=logits, hidden_states=shown)

    def _loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        kind = self.config.problem_type
        if kind == "multi_label_classification":
            if labels.shape != logits.shape:
                raise ValueError(
                    f"labels must be 0 or 1 for each class, shape {tuple(logits.shape)}, as the config's problem_type "
                    f"is {kind}, got shape {tuple(labels.shape)}; set problem_type to None for one class an image."
                )
            return F.binary_cross_entropy_with_logits(logits.float(), labels.float())
        if kind not in (None, "single_label_classification"):
            raise ValueError(
                f"the config's problem_type must be single_label_classification or multi_label_classification for a "
                f"loss, got {kind!r}; set one of the two, or compute the loss from the logits."
            )
        if labels.shape == (len(logits), 1) and not labels.is_floating_point():
            labels = labels.flatten()
        wanted = (logits.shape[0],) if labels.ndim < 2 else tuple(logits.shape)
        if tuple(labels.shape) != wanted or labels.is_floating_point() != (labels.ndim == 2):
            raise ValueError(
                f"labels must be class indices, integers of shape ({logits.shape[0]},), or probabilities, floats of "
                f"shape {tuple(logits.shape)}, got {labels.dtype} of shape {tuple(labels.shape)}; convert them to one "
                "of the two."
            )
        if labels.ndim == 2:
            return F.cross_entropy(logits.float(), labels.to(torch.float32))
        if torch.compiler.is_compiling():
            return F.cross_entropy(logits.float(), labels.long())
        try:  # checking the labels first would synchronise with the GPU and fail for tensors without values
            return F.cross_entropy(logits.float(), labels.long())
        except IndexError:
            wrong = labels[(labels != -100) & ((labels < 0) | (labels >= logits.shape[1]))]
            raise ValueError(
                f"labels must be class indices from 0 to {logits.shape[1] - 1}, or -100 for an image that does not "
                f"count, got {wrong[0].item()}; the config's id2label names the classes."
            ) from None
