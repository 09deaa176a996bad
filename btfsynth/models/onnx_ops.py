"""Operators of ONNX and QONNX in single precision, as ONNX Runtime evaluates them one by one.

Values are arrays whose first axis is the batch. QONNX's own operators are those of its definitions, version 1
(A. Pappalardo et al., "QONNX: Representing arbitrary-precision quantized neural networks", 2022): an activation
of 0 becomes +1 in ``BipolarQuant``, and 0 in ONNX' ``Sign``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Operator = Callable[[Sequence[Array], Mapping[str, Any]], Array]

STANDARD = ("", "ai.onnx")
QUANTISED = (
    "qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas", "qonnx.custom_op"
)  # fmt: skip
NEWEST_OPSET, OLDEST_OPSET = 24, 7
"""Supported versions of the standard operators, between which their meaning has not changed."""


class UnknownOptionError(Exception):
    """An unsupported attribute or form of an operator."""


def _batch_norm(x: Sequence[Array], given: Mapping[str, Any]) -> Array:
    if given.get("training_mode", 0):
        raise UnknownOptionError("training_mode is 1; export the model for inference")
    values, scale, bias, mean, variance = x[:5]
    epsilon = np.float32(given.get("epsilon", 1e-5))
    factor = np.float32(1) / np.sqrt(variance + epsilon) * scale
    rest = bias - mean * factor
    shape = (1, -1, *[1] * (values.ndim - 2))
    return np.asarray(values * factor.reshape(shape) + rest.reshape(shape))


def _bipolar(x: Sequence[Array], _: Mapping[str, Any]) -> Array:
    return np.asarray(np.where(x[0] >= 0, np.float32(1), np.float32(-1)) * x[1])


def _away(values: Array) -> Array:
    return np.sign(values) * np.ceil(np.abs(values))


_ROUND: dict[str, Callable[[Array], Array]] = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": _away,
    "DOWN": np.fix,
    "HALF_UP": lambda v: np.sign(v) * np.floor(np.abs(v) + np.float32(0.5)),
    "HALF_DOWN": lambda v: np.sign(v) * np.ceil(np.abs(v) - np.float32(0.5)),
}


def _quant(x: Sequence[Array], given: Mapping[str, Any]) -> Array:
    values, scale, zero, bits = x[:4]
    signed, narrow = bool(given.get("signed", 1)), bool(given.get("narrow", 0))
    mode = _word(given.get("rounding_mode", "ROUND")).upper()
    if mode not in _ROUND:
        raise UnknownOptionError(f"rounding_mode {mode[:20]!r}")
    scaled = values / scale + zero
    if signed and (bits == 1).all():
        signs = np.where(scaled >= 0, np.float32(1), np.float32(-1))
        return np.asarray((signs - zero) * scale)
    least = -(2.0 ** (bits - 1)) + narrow if signed else np.zeros_like(bits)
    most = 2.0 ** (bits - 1) - 1 if signed else 2.0**bits - 1 - narrow
    limited = np.clip(scaled, least, most).astype(np.float32)
    return np.asarray((_ROUND[mode](limited) - zero) * scale)


def _word(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _thresholds(x: Sequence[Array], given: Mapping[str, Any]) -> Array:
    values, limits = x[:2]
    if values.ndim != 2 or limits.ndim != 2 or len(limits) not in (1, values.shape[1]):
        raise UnknownOptionError(f"thresholds of {limits.shape} for activations of {values.shape}")
    count = (values[:, :, None] >= limits).sum(axis=-1).astype(np.float32)
    scale, bias = np.float32(given.get("out_scale", 1)), np.float32(given.get("out_bias", 0))
    return np.asarray(scale * count + bias)


def _axis(values: Array, parameter: Array, given: Mapping[str, Any]) -> Array:
    """Broadcast a scale or zero point per channel to the shape of its tensor."""
    if parameter.ndim != 1 or len(parameter) == 1:
        return parameter
    shape = [1] * values.ndim
    shape[int(given.get("axis", 1))] = -1
    return parameter.reshape(shape)


def _quantize_linear(x: Sequence[Array], given: Mapping[str, Any]) -> Array:
    zero = x[2] if len(x) > 2 else np.zeros(1, dtype=np.uint8)
    if zero.dtype.kind not in "iu":
        raise UnknownOptionError(f"a zero point of type {zero.dtype}")
    limits = np.iinfo(zero.dtype)
    scaled = np.round(x[0] / _axis(x[0], x[1], given))
    moved = scaled + _axis(x[0], zero, given).astype(np.float32)
    return np.asarray(np.clip(moved, limits.min, limits.max).astype(zero.dtype))


def _dequantize_linear(x: Sequence[Array], given: Mapping[str, Any]) -> Array:
    zero = x[2] if len(x) > 2 else np.zeros(1, dtype=x[0].dtype)
    whole = x[0].astype(np.int64) - _axis(x[0], zero, given).astype(np.int64)
    return np.asarray(whole.astype(np.float32) * _axis(x[0], x[1], given))


def _clip(x: Sequence[Array], given: Mapping[str, Any]) -> Array:
    least = x[1] if len(x) > 1 and x[1].size else given.get("min", -np.inf)
    most = x[2] if len(x) > 2 and x[2].size else given.get("max", np.inf)
    return np.clip(x[0], least, most).astype(x[0].dtype)


_TYPES = {
    1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 9: np.bool_, 11: np.float64
}  # fmt: skip


def _cast(x: Sequence[Array], given: Mapping[str, Any]) -> Array:
    wanted = _TYPES.get(int(given["to"]))
    if wanted is None:
        raise UnknownOptionError(f"a cast to type {given['to']}")
    return x[0].astype(wanted)


def matrix_product(x: Sequence[Array], given: Mapping[str, Any]) -> Array:
    """Evaluate ``Gemm``; ``MatMul`` is a ``Gemm`` without attributes."""
    left, right = x[:2]
    left = left.T if given.get("transA", 0) else left
    right = right.T if given.get("transB", 0) else right
    product = np.float32(given.get("alpha", 1.0)) * (left @ right)
    if len(x) > 2 and x[2].size:
        product = product + np.float32(given.get("beta", 1.0)) * x[2]
    return np.asarray(product.astype(np.float32))


def _plain(function: Callable[..., Any]) -> Operator:
    return lambda x, _: np.asarray(function(*x))


ELEMENTWISE: dict[str, Operator] = {
    "Add": _plain(np.add),
    "Sub": _plain(np.subtract),
    "Mul": _plain(np.multiply),
    "Div": _plain(lambda a, b: (a / b).astype(a.dtype)),
    "Neg": _plain(np.negative),
    "Sign": _plain(np.sign),
    "Relu": _plain(lambda a: np.maximum(a, 0)),
    "Round": _plain(np.round),
    "Floor": _plain(np.floor),
    "Ceil": _plain(np.ceil),
    "Min": _plain(np.minimum),
    "Max": _plain(np.maximum),
    "Greater": _plain(np.greater),
    "GreaterOrEqual": _plain(np.greater_equal),
    "Less": _plain(np.less),
    "LessOrEqual": _plain(np.less_equal),
    "Not": _plain(np.logical_not),
    "Where": _plain(np.where),
    "Identity": _plain(lambda a: a),
    "Dropout": lambda x, _: x[0],
    "Cast": _cast,
    "Clip": _clip,
    "BatchNormalization": _batch_norm,
    "QuantizeLinear": _quantize_linear,
    "DequantizeLinear": _dequantize_linear,
}
"""Elementwise operators."""
QUANTISERS: dict[str, Operator] = {
    "BipolarQuant": _bipolar,
    "Quant": _quant,
    "IntQuant": _quant,
    "MultiThreshold": _thresholds,
}
"""Elementwise operators of QONNX and FINN."""


def _reshaped(values: Array, shape: Sequence[int]) -> Array:
    wanted = [values.shape[place] if size == 0 else size for place, size in enumerate(shape)]
    return values.reshape(wanted)


def _squeezed(x: Sequence[Array], given: Mapping[str, Any]) -> Array:
    axes = x[1].tolist() if len(x) > 1 else given.get("axes")
    return np.squeeze(x[0], None if axes is None else tuple(axes))


def _unsqueezed(x: Sequence[Array], given: Mapping[str, Any]) -> Array:
    axes = x[1].tolist() if len(x) > 1 else given["axes"]
    return np.expand_dims(x[0], tuple(axes))


SHAPES: dict[str, Operator] = {
    "Reshape": lambda x, _: _reshaped(x[0], x[1].tolist()),
    "Flatten": lambda x, given: x[0].reshape(int(np.prod(x[0].shape[: given.get("axis", 1)])), -1),
    "Transpose": lambda x, given: np.transpose(x[0], given.get("perm")),
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
}
"""Operators that only move values."""


def _number(value: Any) -> Array:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype == np.float64 else array


CONSTANT: dict[str, Operator] = {
    "Constant": lambda _, given: _number(next(iter(given.values()))),
    "Shape": lambda x, _: np.array(x[0].shape, dtype=np.int64),
    "Gather": lambda x, given: np.take(x[0], x[1], axis=given.get("axis", 0)),
    "Concat": lambda x, given: np.concatenate(list(x), axis=given["axis"]),
}
"""Operators allowed only on constants."""


def _softmax(x: Sequence[Array], given: Mapping[str, Any]) -> Array:
    shifted = np.exp(x[0] - x[0].max(axis=given.get("axis", -1), keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=given.get("axis", -1), keepdims=True))


LAST: dict[str, Operator] = {
    "Softmax": _softmax,
    "LogSoftmax": lambda x, given: np.log(_softmax(x, given)),
    "ArgMax": lambda x, given: np.asarray(x[0].argmax(axis=given.get("axis", 0))),
}
"""Operators on scores; the first two keep the index of the largest."""
