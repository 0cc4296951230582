"""transformers' own common tests over the networks of fer_hub, beside its ResNet; prints the outcomes as JSON.

Run in an interpreter of its own from the folder of transformers' unpacked source distribution, whose tests are a
package named `tests` as ours are: python harness.py [--narrow] FOLDER MODE [ARCHITECTURE ...]

MODE is how the classes are had: `installed`, from fer_hub; `channels_last`, the same with every network in that memory
layout; or a checkpoint folder, whose own code is loaded while fer_hub cannot be imported. With --narrow the large
networks have fewer channels, and take a fraction of the time.
"""

import gc
import importlib
import inspect
import json
import sys
import time
import types
import unittest
from pathlib import Path

ABSENT = {
    "tests.exporters.test_export": {"ExportTesterMixin": type("ExportTesterMixin", (), {})},
    "tests.generation.test_utils": {"GenerationTesterMixin": type("GenerationTesterMixin", (), {})},
    "tests.utils.test_configuration_utils": {
        "config_common_kwargs": {
            "return_dict": False,
            "output_hidden_states": True,
            "dtype": "float16",
            "chunk_size_feed_forward": 5,
            "architectures": ["AModel"],
            "id2label": {0: "no", 1: "yes"},
            "label2id": {"no": 0, "yes": 1},
            "problem_type": "regression",
        }
    },
    "fetch_hub_objects_for_ci": {"url_to_local_path": lambda url: url},
}
"""What the tests import and the source distribution leaves out: nothing that a convolutional network needs."""

TINY = {
    "residual_cnn": {"embedding_size": 16, "hidden_sizes": [16, 24], "depths": [1, 1]},
    "mini_xception": {"image_size": 48},  # below, its last features, 3x3 windows, are more than those before them
}
"""Fields that make a network small, where it has such."""


def narrow(package: str) -> None:
    """Give the large networks of our modules in a package, at any depth, fewer channels in the same layers."""
    from transformers import ResNetConfig

    plain, transfer = (
        next(module for name, module in sys.modules.items() if name.startswith(package) and name.endswith(f".{file}"))
        for file in ("zoo_plain_fer", "zoo_transfer_fer")
    )
    wide = plain.WideCNN
    wide.convolutions = tuple(step if isinstance(step, str) else step // 8 for step in wide.convolutions)
    wide.linear = tuple(width // 8 for width in wide.linear)
    layers = transfer.VGG16Features
    layers.stages = tuple(tuple(width // 4 for width in widths) for widths in layers.stages)
    transfer.VGG16.num_features = layers.stages[-1][-1]
    sizes = {"depths": [1, 1, 1, 1], "hidden_sizes": [64, 64, 128, 128]}
    transfer.ResNetConfig = lambda **fields: ResNetConfig(**fields | sizes)
    transfer.ResNet50.num_features = sizes["hidden_sizes"][-1]


def prepare(folder: Path) -> None:
    """Make the tests of `folder` importable, with what is absent from it."""
    sys.path.insert(0, str(folder))
    for name, content in ABSENT.items():
        for parent in [name.rpartition(".")[0]] if "." in name else []:
            sys.modules.setdefault(parent, types.ModuleType(parent)).__path__ = []
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(content)


def in_channels_last(model_class: type) -> type:
    """The class whose networks compute in channels-last memory and are saved from it."""
    import torch

    class Laid(model_class):
        def forward(self, *arguments, **options):
            self.to(memory_format=torch.channels_last)
            return super().forward(*arguments, **options)

        def save_pretrained(self, *arguments, **options):
            self.to(memory_format=torch.channels_last)
            return super().save_pretrained(*arguments, **options)

    Laid.__name__ = Laid.__qualname__ = model_class.__name__
    Laid.__module__ = model_class.__module__
    Laid.forward.__signature__ = inspect.signature(model_class.forward)  # by which the tests choose
    return Laid


def ours(mode: str) -> types.SimpleNamespace:
    """The classes of fer_hub, and the smallest image of each architecture, by the mode of the module's docstring."""
    if mode in ("installed", "channels_last"):
        import fer_hub.model as home
        from fer_hub.model import configuration_fer

        found = [*filter(None, [getattr(home, "FERModel", None)]), home.FERForImageClassification]
        if mode == "channels_last":
            found = [in_channels_last(each) for each in found]
        config, processor = home.FERConfig, home.FERImageProcessor
    else:
        from transformers.dynamic_module_utils import get_class_from_dynamic_module as get

        sys.modules["fer_hub"] = None  # an import of it fails, as where it is not installed
        config = get("configuration_fer.FERConfig", mode)
        configuration_fer = sys.modules[config.__module__]
        found = [get(f"modeling_fer.{name}", mode) for name in ("FERModel", "FERForImageClassification")]
        processor = get("image_processing_fer.FERImageProcessor", mode)
    return types.SimpleNamespace(config=config, models=tuple(found), processor=processor, file=configuration_fer)


def model_tests(name: str, config_class, fields: dict, model_classes: tuple, size: int, channels: int) -> type:
    """A class of tests for a network, after that of the library for ResNet."""
    import torch

    common = importlib.import_module("tests.test_modeling_common")
    config_tester = importlib.import_module("tests.test_configuration_common").ConfigTester
    names = common.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES
    common.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES = {**names, "fer_cnn": "FERForImageClassification"}
    common.MODEL_MAPPING_NAMES = {**common.MODEL_MAPPING_NAMES, "fer_cnn": "FERModel"}

    class Tester:
        batch_size, num_labels, is_training = 3, 3, True

        def get_config(self):
            return config_class(**fields, num_labels=3)

        def prepare_config_and_inputs_for_common(self):
            pixel_values = torch.rand(3, channels, size, size)
            return self.get_config(), {"pixel_values": pixel_values}

    class Tests(common.ModelTesterMixin, unittest.TestCase):
        all_model_classes = model_classes
        test_resize_embeddings = False
        has_attentions = False

        def setUp(self):
            self.model_tester = Tester()
            self.config_tester = config_tester(
                self, config_class=config_class, has_text_modality=False,
                common_properties=["num_channels", "hidden_sizes"],
            )  # fmt: skip

        def test_config(self):
            self.config_tester.run_common_tests()

        def test_for_image_classification(self):
            config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
            labels = torch.tensor([0, 1, 2])
            output = self.all_model_classes[-1](config).eval()(**inputs, labels=labels)
            self.assertEqual(tuple(output.logits.shape), (3, 3))
            self.assertEqual(output.loss.shape, ())

        @unittest.skip("ResNet's tests skip it too: no embeddings of inputs")
        def test_inputs_embeds(self):
            pass

        @unittest.skip("ResNet's tests skip it too: no embeddings")
        def test_model_get_set_embeddings(self):
            pass

        def test_hidden_states_output(self):
            """As ResNet's: one for the stem and one for each stage; by argument and by config."""
            config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
            for by_config in (False, True):
                config.output_hidden_states = by_config
                for model_class in self.all_model_classes:
                    model = model_class(config).eval()
                    with torch.no_grad():
                        states = model(**inputs, **({} if by_config else {"output_hidden_states": True})).hidden_states
                    self.assertGreaterEqual(len(states), 3)
                    sides = [state.shape[-1] for state in states]
                    self.assertEqual(sides, sorted(sides, reverse=True))

    Tests.__name__ = Tests.__qualname__ = name
    return Tests


def image_tests(processor: type) -> type:
    """The class of tests for `FERImageProcessor`."""
    common = importlib.import_module("tests.test_image_processing_common")

    class Tester(common.ImageProcessingTester):
        def __init__(self, parent):
            super().__init__(parent, size={"height": 48, "width": 48})
            self.output_channels = 1

        def _get_image_processing_classes(self):
            return {"pil": processor}

        def expected_output_image_shape(self, images):
            return 1, 48, 48

    class FERImageProcessorTests(common.ImageProcessingTestMixin, unittest.TestCase):
        image_processor_tester_class = Tester

    return FERImageProcessorTests


def classes(mode: str, wanted: list[str], narrowed: bool) -> list[type]:
    from transformers import ResNetConfig, ResNetForImageClassification, ResNetModel

    had = ours(mode)
    if narrowed:
        narrow(had.file.__name__.partition(".")[0])
    fields = {
        "num_channels": 3, "embedding_size": 10, "hidden_sizes": [10, 20, 30, 40], "depths": [1, 1, 2, 1],
        "hidden_act": "relu",
    }  # fmt: skip
    control = (ResNetModel, ResNetForImageClassification)
    if mode == "channels_last":
        control = tuple(in_channels_last(each) for each in control)
    made = {"ResNet": model_tests("ResNet", ResNetConfig, fields, control, 32, 3)}
    for architecture in had.file.ARCHITECTURES:
        size = had.file.MINIMUM_IMAGE_SIZE.get(architecture, 16)
        fields = {"architecture": architecture, "image_size": size, "dropout": 0.0, **TINY.get(architecture, {})}
        made[architecture] = model_tests(architecture, had.config, fields, had.models, fields["image_size"], 1)
    made["image_processor"] = image_tests(had.processor)
    return [made[name] for name in wanted or made]


class Outcomes(unittest.TestResult):
    """Class → test → passed, skipped or the last line of the failure."""

    def __init__(self):
        super().__init__()
        self.table: dict[str, dict[str, str]] = {}
        self.seconds: dict[str, float] = {}

    def startTest(self, test):
        super().startTest(test)
        self.began = time.process_time()

    def stopTest(self, test):
        super().stopTest(test)
        self.seconds[f"{type(test).__name__}.{test._testMethodName}"] = time.process_time() - self.began

    def _put(self, test, outcome):
        test = getattr(test, "test_case", test)  # of a subtest
        rows = self.table.setdefault(type(test).__name__, {})
        if rows.get(test._testMethodName, "passed") in ("passed", "skipped"):
            rows[test._testMethodName] = outcome

    def addSuccess(self, test):
        self._put(test, "passed")

    def addSkip(self, test, reason):
        self._put(test, "skipped")

    def addFailure(self, test, error):
        lines = str(error[1]).strip().splitlines() or [""]
        self._put(test, f"{error[0].__name__}: {lines[0]}")

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.addFailure(test, error)


if __name__ == "__main__":
    given = [word for word in sys.argv[1:] if word != "--narrow"]
    prepare(Path(given[0]))
    gc.disable()  # imports make many objects and no garbage
    import torch

    torch.set_num_threads(1)
    torch.set_printoptions(threshold=1, edgeitems=1)  # some tests put every tensor into messages that nobody reads
    outcomes, tested = Outcomes(), classes(given[1], given[2:], "--narrow" in sys.argv)
    gc.freeze()
    gc.enable()
    for each in tested:
        unittest.defaultTestLoader.loadTestsFromTestCase(each).run(outcomes)
    slowest = dict(sorted(outcomes.seconds.items(), key=lambda item: -item[1])[:12])
    print(json.dumps({"outcomes": outcomes.table, "slowest": slowest, "cpu_seconds": time.process_time()}))
