"""The names a file may mention. Everything else is refused by name."""

from __future__ import annotations

import re

# Old and new homes of the same thing.
_RENAMED_MODULES = {
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "numpy._core.multiarray": "numpy.core.multiarray",
    "numpy._core.numeric": "numpy.core.numeric",
    "scipy.sparse._csc": "scipy.sparse.csc",
    "scipy.sparse._csr": "scipy.sparse.csr",
    "scipy.sparse._coo": "scipy.sparse.coo",
}

# Storage class -> element type. "bfloat16" has no counterpart in NumPy and is widened when read.
STORAGE_DTYPES = {
    "torch.FloatStorage": "float32",
    "torch.DoubleStorage": "float64",
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16",
    "torch.LongStorage": "int64",
    "torch.IntStorage": "int32",
    "torch.ShortStorage": "int16",
    "torch.CharStorage": "int8",
    "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool",
    "torch.ComplexFloatStorage": "complex64",
    "torch.ComplexDoubleStorage": "complex128",
    "torch.storage.UntypedStorage": "uint8",
    "torch.UntypedStorage": "uint8",
}

TORCH_DTYPES = {
    "torch.float32": "float32",
    "torch.float64": "float64",
    "torch.float16": "float16",
    "torch.bfloat16": "bfloat16",
    "torch.int64": "int64",
    "torch.int32": "int32",
    "torch.int16": "int16",
    "torch.int8": "int8",
    "torch.uint8": "uint8",
    "torch.uint16": "uint16",
    "torch.uint32": "uint32",
    "torch.uint64": "uint64",
    "torch.bool": "bool",
    "torch.complex64": "complex64",
    "torch.complex128": "complex128",
}

_PLAIN = {
    "builtins.set",
    "builtins.frozenset",
    "builtins.bytes",
    "builtins.object",
    "collections.OrderedDict",
    "copyreg._reconstructor",
    "_codecs.encode",
}

_NUMPY = {
    "numpy.ndarray",
    "numpy.dtype",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.core.numeric._frombuffer",
}

_SCIPY = {
    "scipy.sparse.csc.csc_matrix",
    "scipy.sparse.csr.csr_matrix",
    "scipy.sparse.coo.coo_matrix",
    "scipy.sparse.csc.csc_array",
    "scipy.sparse.csr.csr_array",
    "scipy.sparse.coo.coo_array",
}

_TORCH = {
    "torch.Size",
    "torch.device",
    "torch.Tensor",
    "torch.storage.TypedStorage",
    "torch.storage._load_from_bytes",
    "torch.serialization._get_layout",
    "torch.nn.parameter.Parameter",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch._utils._rebuild_sparse_tensor",
    "torch._tensor._rebuild_from_type_v2",
}

_BERT = "metro.modeling.bert.modeling_bert."
_METRO = "metro.modeling.bert.modeling_metro."
_REGRESSOR = "metro.modeling.bert.param_regressor."
_HRNET = "metro.modeling.hrnet.hrnet_cls_net_featmaps."

_MODULES = {
    *(f"{_METRO}{name}" for name in ("METRO", "METRO_Encoder")),
    f"{_METRO}METRO_Decaf_Network_DeformBranch_Presence",
    *(f"{_BERT}Bert{name}" for name in ("Embeddings", "LayerNorm", "Encoder", "Layer", "Config")),
    *(f"{_BERT}Bert{name}" for name in ("Attention", "SelfAttention", "SelfOutput", "Pooler")),
    *(f"{_BERT}Bert{name}" for name in ("Intermediate", "Output")),
    f"{_BERT}gelu",
    *(f"{_REGRESSOR}{name}_Parameter_Regressor" for name in ("Hand", "Face")),
    *(f"{_REGRESSOR}{name}" for name in ("FCBlock", "FCResBlock")),
    *(f"{_HRNET}{name}" for name in ("HighResolutionNet", "HighResolutionModule")),
    *(f"{_HRNET}{name}" for name in ("Bottleneck", "BasicBlock")),
    "apex.normalization.fused_layer_norm.FusedLayerNorm",
    "yacs.config.CfgNode",
}

_ALLOWED = frozenset(
    _PLAIN | _NUMPY | _SCIPY | _TORCH | _MODULES | STORAGE_DTYPES.keys() | TORCH_DTYPES.keys()
)

# Families of classes that are kept as holders, whatever their name.
_FAMILIES = re.compile(r"(torch\.nn\.modules\.[a-z_]+|chumpy\.(ch|reordering))\.[A-Za-z]\w*")

_MAX_NAME = 100

# A name with a dot would be looked up attribute by attribute.
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def allowed_name(module: str, name: str) -> str | None:
    """One spelling for a name a file may mention, or None when it must be refused.

    Args:
        module: as stored in the file, e.g. ``numpy._core.multiarray``.
        name: as stored in the file; must be one identifier.
    """
    if len(name) > _MAX_NAME or not _IDENTIFIER.fullmatch(name):
        return None
    full = f"{_RENAMED_MODULES.get(module, module)}.{name}"
    return full if full in _ALLOWED or _FAMILIES.fullmatch(full) else None
