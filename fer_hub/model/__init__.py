"""The network as transformers classes; exactly these files are published to the Hub with the weights.

Importing this package registers the four classes with transformers' Auto classes, so that
`AutoModelForImageClassification.from_pretrained(folder)` needs no remote code where fer_hub is installed, and
marks them as remote code, so that `save_pretrained` writes their source for everybody else.
"""

from transformers import AutoConfig, AutoModel, AutoModelForImageClassification

# from its own module: transformers 5.17 without torchvision puts a placeholder into its top level
from transformers.models.auto.image_processing_auto import AutoImageProcessor
from transformers.models.auto.video_processing_auto import VIDEO_PROCESSOR_MAPPING

from .configuration_fer import ARCHITECTURES, EMOTIONS, FORMAT_VERSION, LISTED, FERConfig
from .image_processing_fer import STRETCHES, FERImageProcessor
from .modeling_fer import NETWORKS, FERForImageClassification, FERModel

AutoConfig.register(FERConfig.model_type, FERConfig, exist_ok=True)
AutoModel.register(FERConfig, FERModel, exist_ok=True)
AutoModelForImageClassification.register(FERConfig, FERForImageClassification, exist_ok=True)
AutoImageProcessor.register(FERConfig, image_processor_classes={"pil": FERImageProcessor}, exist_ok=True)
# There is none: without this, transformers' pipeline would guess one from the image processor's name and ask
# whether its code may be run.
VIDEO_PROCESSOR_MAPPING.register(FERConfig, {}, exist_ok=True)

FERConfig.register_for_auto_class()
FERModel.register_for_auto_class("AutoModel")
FERForImageClassification.register_for_auto_class("AutoModelForImageClassification")
FERImageProcessor.register_for_auto_class("AutoImageProcessor")

__all__ = [
    "ARCHITECTURES",
    "EMOTIONS",
    "FORMAT_VERSION",
    "LISTED",
    "NETWORKS",
    "STRETCHES",
    "FERConfig",
    "FERForImageClassification",
    "FERImageProcessor",
    "FERModel",
]
