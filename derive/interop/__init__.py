"""Parameters of emitted modules in other hands: .npz and safetensors files, PyTorch, ONNX.

    save_parameters(path, module, theta)      load_parameters(path, module) -> theta
    to_torch(module, theta) -> nn.Sequential  from_torch(network, loss=…) -> (Architecture, theta)
    to_state_dict(module, theta)              from_state_dict(states, module) -> theta
    to_onnx(module, theta, path)              the outputs of `predict`, for any architecture

Files are written whole or not at all, and read without pickle. PyTorch, safetensors and ONNX come with the extras
`torch`, `safetensors` and `onnx`, and are imported when they are used.
"""

from __future__ import annotations

from derive.interop.onnx_export import to_onnx
from derive.interop.parameters import load_parameters, save_parameters
from derive.interop.tensors import from_state_dict
from derive.interop.torch_activations import TORCH
from derive.interop.torch_networks import from_torch, to_state_dict, to_torch

__all__ = [
    "TORCH",
    "from_state_dict",
    "from_torch",
    "load_parameters",
    "save_parameters",
    "to_onnx",
    "to_state_dict",
    "to_torch",
]
