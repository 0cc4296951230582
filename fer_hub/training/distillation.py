"""Learning from trained networks what they see in the training images, beside the labels.

A label says one class; a trained network says how likely each is, and doubts labels that fit their image badly. Labels
blended with such answers teach more than labels alone (distillation: Hinton et al. 2015, arXiv:1503.02531), even where
the teacher is no larger than the network that learns (Furlanello et al. 2018, arXiv:1805.04770).

Teachers can be asked once, about the training images as they are, which costs a long training next to nothing. Or in
every step, about the very views, augmented and mixed, that the network learns from: then no two answers are the same, a
long training does not wear them out, and the network comes closest to its teachers (Beyer et al. 2022,
arXiv:2106.05237).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from tqdm.auto import tqdm

from fer_hub.model import FERForImageClassification, FERImageProcessor
from fer_hub.training.fine_tuning import last_layer
from fer_hub.training.soft_labels import to_probabilities

SEE = ("images", "views")
"""What teachers are asked about: training images once, before training, or every view that is learnt from."""

BATCH = 256
"""Images that are asked about at once, before training."""


@dataclass
class _Answers:
    """What a network says of one kind of classes: columns of its logits, in the order of that kind."""

    kind: int
    columns: torch.Tensor
    temperature: float


@dataclass(eq=False)
class _Network:
    """Features that are computed once, with the last layers of all checkpoints that share them."""

    model: FERForImageClassification
    image_processor: FERImageProcessor
    answers: list[_Answers] = field(default_factory=list)


class Teachers:
    """Checkpoints that answer for training images.

    Of checkpoints that differ in their last layer alone, such as `final/` and `second/` of one training, the rest is
    computed once.

    Args:
        checkpoints: folders or Hub ids.
        kinds: the lists of classes that are to be learnt. Every checkpoint must know one of them, in any order.
        size: side of the training images in pixels.
        device: where they compute.
        bf16: compute in bfloat16 where that is as good.
        at_once: so many networks, drawn anew for every batch of views, answer for each kind of classes; 0 lets all of
            them. As labels are blended with the mean of the answers, and the cross-entropy is linear in the label,
            what is learnt is on average the same, for less to compute.

    Raises:
        ValueError: a checkpoint has other classes, or takes images of another size; `at_once` is below 0.
    """

    def __init__(
        self,
        checkpoints: Sequence[str],
        kinds: Sequence[Sequence[str]],
        size: int,
        device: str | torch.device = "cpu",
        bf16: bool = False,
        at_once: int = 0,
    ):
        if at_once < 0:
            raise ValueError(f"at_once must be a whole number from 0, got {at_once}; with 0 all teachers answer.")
        self.at_once = at_once
        self.kinds, self.device, self.bf16 = [list(kind) for kind in kinds], torch.device(device), bf16
        self.names = list(checkpoints)
        self.trains_on_windows = True
        self._networks: list[_Network] = []
        for name in checkpoints:
            model = FERForImageClassification.from_pretrained(name).to(device).eval()
            self._check(name, model, size)
            self.trains_on_windows &= model.trains_on_windows
            self._add(model.requires_grad_(False), FERImageProcessor.from_pretrained(name))

    def _check(self, name: str, model: FERForImageClassification, size: int) -> None:
        classes = list(model.config.id2label.values())
        if not any(sorted(classes) == sorted(kind) for kind in self.kinds):
            wanted = " or ".join(", ".join(kind) for kind in self.kinds)
            raise ValueError(
                f"a teacher must know the classes that are learnt, {wanted}, got {name} with {', '.join(classes)}; "
                "leave it out of --teachers."
            )
        if model.config.image_size != size:
            raise ValueError(
                f"a teacher must take images of {size} pixels as the network that learns, got {name}, which takes "
                f"{model.config.image_size}; leave it out of --teachers."
            )

    def _add(self, model: FERForImageClassification, image_processor: FERImageProcessor) -> None:
        """As a network of its own, or as further rows of the last layer of one that has the same features."""
        classes = list(model.config.id2label.values())
        shared = next((known for known in self._networks if _same_features(known, model, image_processor)), None)
        first = 0
        if shared is None:
            shared = _Network(model, image_processor)
            self._networks.append(shared)
        else:
            known, more = (last_layer(each)[1] for each in (shared.model, model))
            first = known.out_features
            known.weight = torch.nn.Parameter(torch.cat([known.weight, more.weight]), requires_grad=False)
            known.bias = torch.nn.Parameter(torch.cat([known.bias, more.bias]), requires_grad=False)
            known.out_features = shared.model.config.num_labels = first + more.out_features
        temperature = model.config.temperature
        for index, kind in enumerate(self.kinds):
            if sorted(kind) == sorted(classes):
                columns = torch.tensor([first + classes.index(name) for name in kind], device=self.device)
                shared.answers.append(_Answers(index, columns, temperature))

    def blend(self, labels: Sequence[np.ndarray], images: np.ndarray, share: float) -> list[np.ndarray]:
        """Labels that are in part what the teachers with these classes answer, the mean of their probabilities.

        Args:
            labels: for every kind class indices (images,), or probabilities (images, classes); a row of zeros, an image
                without such a label, stays one.
            images: uint8 array (images, size, size), not augmented; an image and its mirror image answer together.
            share: of the answers, in [0, 1]; the rest is the label's.

        Returns:
            For every kind a float32 array (images, classes), or the labels as they came where no teacher has these
            classes.
        """
        said: list[list[torch.Tensor]] = [[] for _ in self.kinds]
        with tqdm(total=len(images), desc="ask the teachers", unit="img") as bar:
            for batch in torch.from_numpy(np.ascontiguousarray(images))[:, None].split(BATCH):
                for answers, answer in zip(said, self.answer(batch.to(self.device), mirrored=True), strict=True):
                    answers += [] if answer is None else [answer.cpu()]
                bar.update(len(batch))
        return [
            blended(to_probabilities(torch.as_tensor(own), len(kind)).float(), torch.cat(answers), share).numpy()
            if answers
            else own
            for kind, own, answers in zip(self.kinds, labels, said, strict=True)
        ]

    @torch.no_grad()
    def answer(
        self, images: torch.Tensor, mirrored: bool = False, networks: Sequence[_Network] | None = None
    ) -> list[torch.Tensor | None]:
        """What the teachers see.

        Args:
            images: tensor (images, channels, height, width) on their device, uint8 or float, values 0 to 255. Windows
                of another size than the networks' are for `trains_on_windows` alone.
            mirrored: let every image and its mirror image answer together.
            networks: which of them answer; all if `None`.

        Returns:
            For every kind the mean probabilities of the teachers that know it, float32 (images, classes), or `None`.
        """
        seen: list[list[torch.Tensor]] = [[] for _ in self.kinds]
        for each in self._networks if networks is None else networks:
            pixels = each.image_processor.normalize_batch(images)
            pixels = torch.cat([pixels, pixels.flip(-1)]) if mirrored else pixels
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                logits = each.model.network(pixels).float()  # past the model's check: windows have other sizes
            if mirrored:
                logits = logits.unflatten(0, (2, -1)).mean(0)
            for part in each.answers:
                seen[part.kind].append((logits[:, part.columns] / part.temperature).softmax(1))
        return [torch.stack(answers).mean(0) if answers else None for answers in seen]

    def blend_views(self, labels: torch.Tensor, images: torch.Tensor, share: float) -> torch.Tensor:
        """As `blend`, for a batch of views that is learnt from.

        Args:
            labels: probabilities of all kinds beside each other, float tensor (images, classes of all kinds).
            images: what the network sees, before it is standardised; float tensor, values 0 to 255.
        """
        parts = labels.split([len(kind) for kind in self.kinds], dim=1)
        answers = self.answer(images, networks=self._whose_turn())
        return torch.cat(
            [part if said is None else blended(part, said, share) for part, said in zip(parts, answers, strict=True)], 1
        )

    def _whose_turn(self) -> list[_Network]:
        """The networks that answer for the next batch; drawn from the generator that a resumed training restores."""
        if not self.at_once:
            return self._networks
        order = [self._networks[index] for index in torch.randperm(len(self._networks)).tolist()]
        chosen: list[_Network] = []
        for kind in range(len(self.kinds)):
            able = [each for each in order if any(part.kind == kind for part in each.answers)]
            chosen += [each for each in able[: self.at_once] if each not in chosen]
        return chosen


def blended(labels: torch.Tensor, answers: torch.Tensor, share: float) -> torch.Tensor:
    """Labels of which a share is what teachers answered; what the rows of the labels add up to stays.

    Args:
        labels, answers: (images, classes); the rows of the answers sum to 1.
    """
    return (1 - share) * labels + share * labels.sum(1, keepdim=True) * answers


def _same_features(known: _Network, model: FERForImageClassification, image_processor: FERImageProcessor) -> bool:
    """Whether two networks compute the same up to their last layer."""
    head = f"{last_layer(model)[0]}."
    ours, theirs = known.model.state_dict(), model.state_dict()
    return (
        last_layer(known.model)[0] == last_layer(model)[0]
        and known.image_processor.to_dict() == image_processor.to_dict()
        and ours.keys() == theirs.keys()
        and all(torch.equal(ours[name], theirs[name]) for name in ours if not name.startswith(head))
    )
