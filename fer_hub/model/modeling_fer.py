"""The network as a transformers model: any architecture of the zoo behind one surface."""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import ImageClassifierOutputWithNoAttention

from .configuration_fer import FERConfig
from .zoo_plain_fer import BaselineCNN, ScratchCNN, SequentialCNN, WideCNN
from .zoo_residual_fer import ResidualCNN
from .zoo_transfer_fer import VGG16, MobileNetV2, ResNet50

NETWORKS = {
    "residual_cnn": ResidualCNN,
    "scratch_cnn": ScratchCNN,
    "sequential_cnn": SequentialCNN,
    "wide_cnn": WideCNN,
    "baseline_cnn": BaselineCNN,
    "resnet50": ResNet50,
    "vgg16": VGG16,
    "mobilenet_v2": MobileNetV2,
}
"""`FERConfig.architecture` → the network's class, built with the config as its only argument."""


class FERForImageClassification(PreTrainedModel):
    """A facial expression classifier.

    Example:
        >>> model = FERForImageClassification(FERConfig(architecture="scratch_cnn")).eval()
        >>> model(pixel_values=torch.zeros(2, 1, 48, 48)).logits.shape
        torch.Size([2, 7])
        >>> model.num_parameters()
        1054719
    """

    config: FERConfig
    base_model_prefix = "network"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    # **kwargs in forward would make the Trainer leave the division by gradient accumulation steps to us
    accepts_loss_kwargs = False

    def __init__(self, config: FERConfig):
        super().__init__(config)
        config.check()
        self.network = NETWORKS[config.architecture](config)
        self.post_init()

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *args, **kwargs):
        """Load a checkpoint folder or Hub repository as `PreTrainedModel.from_pretrained` does.

        The weights lie in channels-last memory where that suits the network: a face takes a fifth less time on a CPU.

        Raises:
            ValueError: `id2label` or `num_labels` was given and is not as long as the checkpoint's last layer; with
                `ignore_mismatched_sizes=True` a new last layer is made instead.
        """
        wanted = kwargs.get("id2label") or range(kwargs.get("num_labels") or 0)
        if wanted and not kwargs.get("ignore_mismatched_sizes"):
            where = {key: kwargs[key] for key in ("revision", "cache_dir", "token", "subfolder") if key in kwargs}
            trained = FERConfig.from_pretrained(pretrained_model_name_or_path, **where).num_labels
            if len(wanted) != trained:
                raise ValueError(
                    f"the labels must be the {trained} that the checkpoint's last layer was trained for, got "
                    f"{len(wanted)}; leave them out, or pass ignore_mismatched_sizes=True to train a new last layer."
                )
        loaded = super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)
        model = loaded[0] if kwargs.get("output_loading_info") else loaded
        if model.suits_channels_last:
            model.to(memory_format=torch.channels_last)
        return loaded

    @property
    def suits_channels_last(self) -> bool:
        """Whether the network can be trained in channels-last memory too, which a compiled one takes by itself.

        It must not have a 1x1 convolution with a stride and fewer than 16 input channels: on a CPU in float32 the
        backward pass of such a one writes outside its memory in torch 2.13 (seen with 3 to 12 channels, not with 16
        and more).
        """
        return not any(
            module.kernel_size == (1, 1) and module.stride != (1, 1) and module.in_channels < 16
            for module in self.modules()
            if isinstance(module, nn.Conv2d)
        )

    @property
    def trains_on_windows(self) -> bool:
        """Whether the network takes images of any size in training mode, as it ends in a mean over all positions."""
        return getattr(self.network, "trains_on_windows", False)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, nn.Conv2d):  # He et al. 2015, arXiv:1502.01852
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(
        self, pixel_values: torch.Tensor | None = None, labels: torch.Tensor | None = None, **kwargs
    ) -> ImageClassifierOutputWithNoAttention | tuple[torch.Tensor, ...]:
        """Classify face crops.

        Args:
            pixel_values: float tensor (images, channels, size, size) from `FERImageProcessor`; in training mode
                networks that end in a mean over all positions take windows of other sizes too.
            labels: class indices, integer tensor (images,), or one probability distribution per image, float tensor
                (images, labels) whose rows sum to 1.

        Returns:
            `logits` (images, labels) before softmax, in evaluation mode divided by the config's temperature;
            `loss`, the mean cross-entropy over the images, where labels are given (of the undivided logits, so that
            training and evaluation losses compare). With `return_dict=False` a tuple of the same.

        Raises:
            ValueError: shape or type of an argument is not the above.
        """
        self._check_pixel_values(pixel_values)
        logits = self.network(pixel_values)
        loss = None if labels is None else self._loss(logits, labels)
        if not self.training and self.config.temperature != 1:
            logits = logits / self.config.temperature
        if not kwargs.get("return_dict", True):
            return (logits,) if loss is None else (loss, logits)
        return ImageClassifierOutputWithNoAttention(loss=loss, logits=logits)

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

    def _loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        wanted = (logits.shape[0],) if labels.ndim < 2 else tuple(logits.shape)
        if tuple(labels.shape) != wanted or labels.is_floating_point() != (labels.ndim == 2):
            raise ValueError(
                f"labels must be class indices, integers of shape ({logits.shape[0]},), or probabilities, floats of "
                f"shape {tuple(logits.shape)}, got {labels.dtype} of shape {tuple(labels.shape)}; convert them to one "
                "of the two."
            )
        classes = logits.shape[1]
        if labels.ndim < 2 and len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
            wrong = int(labels.min()) if labels.min() < 0 else int(labels.max())
            raise ValueError(
                f"labels must be class indices from 0 to {classes - 1}, got {wrong}; the config's id2label names the "
                "classes."
            )
        return F.cross_entropy(logits.float(), labels)
