"""Converts MediaPipe's short-range BlazeFace to ONNX: fer_hub/assets/face_detection/blazeface_short_range.onnx.

    python -m benchmarks.convert_blazeface                     # the same bytes as the file that is there
    python -m benchmarks.convert_blazeface --output other.onnx

Needs `tflite` and `onnx`, see requirements-dev.txt. The weights are those of the TensorFlow Lite file, which stores
16-bit floats; 32-bit ones take twice the place and load in two thirds of the time. TensorFlow Lite's arrays are (batch,
height, width, channels), ONNX's (batch, channels, height, width); its padding "same" is written out. Input `pixels`:
float32 (batch, 3, 128, 128), RGB from -1 to 1. Outputs as in TensorFlow Lite: `regressors` (batch, 896, 16) and
`scores` (batch, 896, 1), see `fer_hub.detection.blazeface_onnx`.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fer_hub.detection.blazeface import FILES
from fer_hub.detection.blazeface_onnx import FILE
from fer_hub.detection.onnx_network import FOLDER

INPUT, OUTPUTS = "pixels", {"regressors": "regressors", "classificators": "scores"}
"""Name of the input; the outputs' names in TensorFlow Lite → in ONNX."""

OPSET, IR_VERSION = 17, 8
"""Of 2022, which every ONNX Runtime of the last years reads."""

BLOCK = 16
"""Between input and output, channels are filled up with zeros to multiples of this: ONNX Runtime computes so many at a
time, and reorders its arrays before and after every layer with another number."""


class Conversion:
    """A TensorFlow Lite network, operator by operator.

    Args:
        content: the bytes of a .tflite file with one graph of the operators that BlazeFace has.
    """

    def __init__(self, content: bytes) -> None:
        import tflite

        self.lite = tflite
        self.model = tflite.Model.GetRootAsModel(content, 0)
        self.graph = self.model.Subgraphs(0)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.halves: dict[int, np.ndarray] = {}  # tensor → the 16-bit floats that are widened into it
        # what is reshaped into the outputs keeps its channels
        self.told = {operator.Inputs(0) for kind, operator in self._operators() if kind == "RESHAPE"}

    def network(self) -> Any:
        """The ONNX model, checked.

        Raises:
            NotImplementedError: the file has another operator.
        """
        from onnx import TensorProto, checker, helper

        for kind, operator in self._operators():
            convert = getattr(self, f"_{kind.lower()}", None)
            if convert is None:
                raise NotImplementedError(f"BlazeFace's operators can be converted, got {kind}; write its conversion.")
            convert(operator)
        side = self._shape(self.graph.Inputs(0))[1]
        pixels = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", 3, side, side])
        outputs = [
            helper.make_tensor_value_info(
                OUTPUTS[self._name(index)], TensorProto.FLOAT, ["batch", *self._shape(index)[1:]]
            )
            for index in self.graph.OutputsAsNumpy()
        ]
        graph = helper.make_graph(self.nodes, "blazeface_short_range", [pixels], outputs, self.weights)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="fer_hub"
        )
        checker.check_model(model, full_check=True)
        return model

    # ---- the file

    def _operators(self) -> Iterator[tuple[str, Any]]:
        for index in range(self.graph.OperatorsLength()):
            operator = self.graph.Operators(index)
            yield self.lite.opcode2name(self.model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()), operator

    def _name(self, tensor: int) -> str:
        return self.graph.Tensors(tensor).Name().decode()

    def _shape(self, tensor: int) -> list[int]:
        return self.graph.Tensors(tensor).ShapeAsNumpy().tolist()

    def _value(self, tensor: int) -> np.ndarray:
        kinds = {self.lite.TensorType.FLOAT16: np.float16, self.lite.TensorType.INT32: np.int32}
        held = self.graph.Tensors(tensor)
        values = self.model.Buffers(held.Buffer()).DataAsNumpy().view(kinds[held.Type()])
        return values.reshape(self._shape(tensor))

    def _options(self, operator: Any, kind: Callable[[], Any]) -> Any:
        table, options = operator.BuiltinOptions(), kind()
        options.Init(table.Bytes, table.Pos)
        return options

    def _known(self, tensor: int) -> str:
        """Name of a tensor in the ONNX graph."""
        name = self._name(tensor)
        return INPUT if tensor == self.graph.Inputs(0) else OUTPUTS.get(name, name)

    def _padding(self, options: Any, size: int, kernel: int, stride: int) -> tuple[int, int]:
        """Rows before and after, as TensorFlow pads."""
        if options.Padding() == self.lite.Padding.VALID:
            return 0, 0
        more = max(0, (-(-size // stride) - 1) * stride + kernel - size)
        return more // 2, more - more // 2

    # ---- operators

    def _add_node(self, kind: str, inputs: list[str], output: int, **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [self._known(output)], **attributes))

    def _add_weights(self, name: str, values: np.ndarray) -> str:
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def _dequantize(self, operator: Any) -> None:
        self.halves[operator.Outputs(0)] = self._value(operator.Inputs(0))

    def _conv_2d(self, operator: Any) -> None:
        kernel = self.halves[operator.Inputs(1)].transpose(0, 3, 1, 2)  # (out, height, width, in)
        self._convolve(operator, self._options(operator, self.lite.Conv2DOptions), kernel, 1)

    def _depthwise_conv_2d(self, operator: Any) -> None:
        kernel = self.halves[operator.Inputs(1)].transpose(3, 0, 1, 2)  # (1, height, width, channels)
        self._convolve(operator, self._options(operator, self.lite.DepthwiseConv2DOptions), kernel, kernel.shape[0])

    def _convolve(self, operator: Any, options: Any, kernel: np.ndarray, group: int) -> None:
        source, weights, bias = (int(each) for each in operator.InputsAsNumpy())
        strides, bias_values = (options.StrideH(), options.StrideW()), self.halves[bias]
        if operator.Outputs(0) not in self.told:
            kernel, bias_values = _widened(kernel, 0), _widened(bias_values, 0)
            group = kernel.shape[0] if group > 1 else 1
        if group == 1 and source != self.graph.Inputs(0):
            kernel = _widened(kernel, 1)
        assert options.FusedActivationFunction() == self.lite.ActivationFunctionType.NONE
        sides = zip(self._shape(source)[1:3], kernel.shape[2:], strides, strict=True)
        (top, bottom), (left, right) = (self._padding(options, *each) for each in sides)
        names = [self._add_weights(self._name(weights), kernel), self._add_weights(self._name(bias), bias_values)]
        self._add_node(
            "Conv", [self._known(source), *names], operator.Outputs(0),
            kernel_shape=kernel.shape[2:], strides=strides, pads=(top, left, bottom, right), group=group,
        )  # fmt: skip

    def _relu(self, operator: Any) -> None:
        self._add_node("Relu", [self._known(operator.Inputs(0))], operator.Outputs(0))

    def _add(self, operator: Any) -> None:
        self._add_node("Add", [self._known(each) for each in operator.InputsAsNumpy()], operator.Outputs(0))

    def _pad(self, operator: Any) -> None:
        """Further channels with zeros: there already, or made by a convolution that copies the others."""
        source, output = operator.Inputs(0), operator.Outputs(0)
        fewer, more = (-(-self._shape(each)[3] // BLOCK) * BLOCK for each in (source, output))
        if fewer == more:
            self._add_node("Identity", [self._known(source)], output)
        else:
            copying = self._add_weights(
                f"{self._name(output)}_copy", np.eye(more, fewer, dtype=np.float16)[:, :, None, None]
            )
            self._add_node("Conv", [self._known(source), copying], output, kernel_shape=(1, 1))

    def _max_pool_2d(self, operator: Any) -> None:
        options = self._options(operator, self.lite.Pool2DOptions)
        kernel, strides = (options.FilterHeight(), options.FilterWidth()), (options.StrideH(), options.StrideW())
        sides = zip(self._shape(operator.Inputs(0))[1:3], kernel, strides, strict=True)
        (top, bottom), (left, right) = (self._padding(options, *each) for each in sides)
        self._add_node(
            "MaxPool", [self._known(operator.Inputs(0))], operator.Outputs(0),
            kernel_shape=kernel, strides=strides, pads=(top, left, bottom, right),
        )  # fmt: skip

    def _reshape(self, operator: Any) -> None:
        """In TensorFlow Lite's order of axes."""
        from onnx import helper, numpy_helper

        source, output = self._known(operator.Inputs(0)), operator.Outputs(0)
        turned, shape = f"{source}_channels_last", f"{self._name(output)}_shape"
        self.nodes.append(helper.make_node("Transpose", [source], [turned], perm=(0, 2, 3, 1)))
        self.weights.append(numpy_helper.from_array(np.array([0, *self._shape(output)[1:]], np.int64), shape))
        self._add_node("Reshape", [turned, shape], output)

    def _concatenation(self, operator: Any) -> None:
        options = self._options(operator, self.lite.ConcatenationOptions)
        names = [self._known(each) for each in operator.InputsAsNumpy()]
        self._add_node("Concat", names, operator.Outputs(0), axis=options.Axis())


def _widened(values: np.ndarray, axis: int) -> np.ndarray:
    """With zeros up to a multiple of `BLOCK` along an axis."""
    more = [(0, -values.shape[each] % BLOCK if each == axis else 0) for each in range(values.ndim)]
    return np.pad(values, more)


def converted(content: bytes) -> bytes:
    """The ONNX file of a .tflite file of BlazeFace."""
    return Conversion(content).network().SerializeToString()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.convert_blazeface",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--output", type=Path, default=FOLDER / FILE, help="(%(default)s)")
    args = parser.parse_args(argv)
    args.output.write_bytes(converted((FOLDER / FILES["short_range"]).read_bytes()))
    print(f"{args.output}: {args.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
