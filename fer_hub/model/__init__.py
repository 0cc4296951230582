"""The network as transformers sees it; exactly these files travel to the Hub beside the weights.

Importing this package registers the three classes with transformers' Auto classes, so that
`AutoModelForImageClassification.from_pretrained(folder)` needs no remote code where fer_hub is installed, and
marks them as remote code, so that `save_pretrained` writes their source for everybody else.
"""

from transformers import AutoConfig, AutoModelForImageClassification

# from its own module: transformers 5.17 without torchvision puts a placeholder into its top level
from transformers.models.auto.image_processing_auto import AutoImageProcessor

from .configuration_fer import ARCHITECTURES, EMOTIONS, FORMAT_VERSION, FERConfig
from .image_processing_fer import STRETCHES, FERImageProcessor
from .modeling_fer import NETWORKS, FERForImageClassification

AutoConfig.register(FERConfig.model_type, FERConfig, exist_ok=True)
AutoModelForImageClassification.register(FERConfig, FERForImageClassification, exist_ok=True)
AutoImageProcessor.register(FERConfig, image_processor_classes={"pil": FERImageProcessor}, exist_ok=True)

FERConfig.register_for_auto_class()
FERForImageClassification.register_for_auto_class("AutoModelForImageClassification")
FERImageProcessor.register_for_auto_class("AutoImageProcessor")

__all__ = [
    "ARCHITECTURES",
    "EMOTIONS",
    "FORMAT_VERSION",
    "NETWORKS",
    "STRETCHES",
    "FERConfig",
    "FERForImageClassification",
    "FERImageProcessor",
]
