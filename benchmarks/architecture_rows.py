"""The rows of the table of architectures: network and training."""

from dataclasses import dataclass, field

FAMILIES: dict[str, dict[str, str]] = {
    # the defaults of train.py: SGD with Nesterov momentum, 0.1 falling along a cosine, label smoothing 0.1
    "residual": {},
    # that learning rate is too high for them: scratch_cnn stood at 33 % on validation after five epochs
    "plain": {"optim": "adamw_torch_fused", "learning_rate": "1e-3", "weight_decay": "0.01"},
    "transfer": {"optim": "adamw_torch_fused", "learning_rate": "5e-4", "weight_decay": "0.01"},
}
"""Family → options of train.py common to all its networks."""

PRETRAINED = {"freeze_backbone_epochs": "3", "unfreeze_stages": "2"}
"""With ImageNet weights the head is trained first, then the last two stages too."""


@dataclass(frozen=True)
class Row:
    """One training.

    Attributes:
        architecture: the network.
        family: key of `FAMILIES`.
        epochs: number of epochs at full length, and a number that is feasible on a CPU.
        options: options of train.py in addition to those of the family.
    """

    architecture: str
    family: str
    epochs: tuple[int, int]
    options: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Folder of the run, and name of the row on the command line."""
        labels = "ferplus-" if self.labels != "fer2013" else ""
        start = f"{self.weights}-" if self.weights else ""
        return f"{self.architecture}-{start}{labels}{self.augmentation}"

    @property
    def weights(self) -> str:
        """`imagenet` or `random` where the row itself says with which it begins, otherwise empty."""
        return {None: "", "none": "random"}.get(self.options.get("pretrained"), "imagenet")

    @property
    def augmentation(self) -> str:
        return self.options.get("augmentation", "light")

    @property
    def labels(self) -> str:
        return self.options.get("labels", "fer2013")

    def arguments(self, length: str, pretrained: bool) -> list[str]:
        """The options of train.py, without data and output folder.

        Args:
            length: `full` or `cpu`.
            pretrained: whether transfer networks start from their ImageNet weights, where the row does not say.
        """
        options = {"architecture": self.architecture} | FAMILIES[self.family] | self.options
        options["num_train_epochs"] = str(self.epochs[length == "cpu"])
        if self.family == "transfer":
            from_imagenet = self.weights == "imagenet" if self.weights else pretrained
            options |= PRETRAINED if from_imagenet else {"pretrained": "none"}
        return [part for name, value in options.items() for part in (f"--{name}", value)]


IMAGENET = "runs/imagenet"
"""Folder that `python -m benchmarks.imagenet_weights` writes."""

NONE, HEAVY = {"augmentation": "none"}, {"augmentation": "heavy"}
VOTES = {"labels": "ferplus_votes", "label_smoothing_factor": "0"}
# with its own dropout of 0.5 and larger batches it had only begun to learn after eight epochs: 70.7 % on test
WIDE = {"dropout": "0.3", "per_device_train_batch_size": "64", "learning_rate": "7e-4"}

ROWS = (
    Row("residual_cnn", "residual", (100, 12)),
    Row("residual_cnn", "residual", (100, 12), NONE),
    Row("residual_cnn", "residual", (100, 12), HEAVY),
    Row("scratch_cnn", "plain", (100, 42)),
    Row("sequential_cnn", "plain", (100, 12)),
    Row("sequential_cnn", "plain", (100, 12), NONE),
    Row("sequential_cnn", "plain", (100, 12), HEAVY),
    Row("baseline_cnn", "plain", (60, 8)),
    Row("baseline_cnn", "plain", (60, 8), NONE),
    Row("baseline_cnn", "plain", (60, 8), HEAVY),
    Row("mini_xception", "plain", (100, 8)),
    Row("resnet50", "transfer", (40, 1)),
    Row("vgg16", "transfer", (40, 1)),
    Row("mobilenet_v2", "transfer", (40, 2)),
    Row("efficientnet_lite0", "transfer", (40, 12), {"image_size": "96", "pretrained": IMAGENET}),
    Row("efficientnet_lite0", "transfer", (40, 12), {"image_size": "96", "pretrained": "none"}),
    Row("wide_cnn", "plain", (60, 18), VOTES | WIDE),
    Row("residual_cnn", "residual", (100, 24), VOTES),
)
