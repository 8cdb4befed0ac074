"""A CUDA graph can be captured only of what never reads the host: proved without a GPU.

Numbers in Python that index or are added to a tensor are copied to its device in every run. The
exporter shows each as a fresh copy of a constant.
"""

import pytest
import torch
from torch import nn

from dice_ros.engine.protocol import Precision
from dice_ros.engine.quiet_export import quiet_export
from dice_ros.engine.torch_tensorrt_gpu import PlainTuple
from dice_ros.networks.dice_graph import Simplifications


def copies_from_the_host(module, example):
    with quiet_export():
        program = torch.export.export(module, (example,))
    copies = (torch.ops.aten.lift_fresh_copy.default, torch.ops.aten.lift_fresh.default)
    return [node.args[0].name for node in program.graph.nodes if node.target in copies]


@pytest.mark.parametrize("chosen", [Simplifications(), Simplifications.none()], ids=["all", "none"])
def test_the_graph_copies_nothing_from_the_host(model, images, chosen):
    graph = PlainTuple(model.graph(Precision.FLOAT32, chosen))
    assert copies_from_the_host(graph, images[:1]) == []


class Reordered(nn.Module):
    def forward(self, points):
        return points[:, (2, 0, 1)]


def test_such_a_copy_would_be_seen():
    assert len(copies_from_the_host(Reordered(), torch.zeros(1, 3))) == 1
