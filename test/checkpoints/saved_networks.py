"""Networks whose classes exist only while they are saved, as the published ones do for us."""

import pytest
from checkpoints.passing_modules import temporary_modules

torch = pytest.importorskip("torch", reason="real torch files are made with torch")

METRO = "metro.modeling.bert.modeling_metro"
BERT = "metro.modeling.bert.modeling_bert"


def published_class(name, module, base=torch.nn.Module, **members):
    return type(name, (base,), {"__module__": module, "__qualname__": name, **members})


def gelu(x):
    return x


gelu.__module__ = BERT


def small_network():
    """A module of the shapes that matter: nesting, shared weights, hidden buffers, odd dtypes."""
    torch.manual_seed(3)
    nn = torch.nn
    layer_class = published_class("BertLayer", BERT)
    network_class = published_class("METRO", METRO)
    config_class = type("BertConfig", (), {"__module__": BERT, "__qualname__": "BertConfig"})
    layer = layer_class()
    layer.dense = nn.Linear(5, 7)
    layer.norm = nn.LayerNorm(7)
    layer.activation = gelu
    layer.config = config_class()
    layer.config.sizes = {"hidden": 7}
    network = network_class()
    network.backbone = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
    )
    network.encoder = nn.ModuleList([layer, nn.Sequential(nn.Linear(7, 2), nn.Dropout(0.1))])
    network.embedding = nn.Embedding(11, 5)
    network.shared = layer.dense
    network.table = nn.Parameter(torch.randn(6, 4).t())
    network.halves = nn.Parameter(torch.randn(9).half())
    network.brain = nn.Parameter(torch.randn(3, 4).bfloat16())
    network.nothing = None
    network.register_parameter("absent", None)
    network.register_buffer("places", torch.arange(6).expand((1, -1)))
    network.register_buffer("mask", torch.tensor([True, False, True]))
    network.register_buffer("hidden", torch.zeros(4), persistent=False)
    network.device = torch.device("cpu")
    network.seen = {1, 2}
    classes = {
        METRO.replace(".", "__"): {"METRO": network_class},
        BERT.replace(".", "__"): {
            "BertLayer": layer_class,
            "BertConfig": config_class,
            "gelu": gelu,
        },
    }
    return network, classes


def save(path, value, classes=(), zipped=True):
    with temporary_modules(**dict(classes)):
        torch.save(value, path, _use_new_zipfile_serialization=zipped)
    return path
