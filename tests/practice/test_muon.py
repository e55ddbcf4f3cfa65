"""The optimizer of the build."""

import torch

from lorabake.practice.muon import Both, orthogonal


def test_singular_values_come_near_one() -> None:
    for shape in ((8, 20), (20, 8), (32, 32)):
        torch.manual_seed(0)
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert values.max() < 1.3
        assert values.median() > 0.5


def test_it_finds_a_linear_map() -> None:
    torch.manual_seed(0)
    truth, layer = torch.randn(6, 4), torch.nn.Linear(4, 6)
    optimizer = Both([layer.weight], [layer.bias], muon_lr=0.05, adam_lr=0.01)
    for step in range(200):
        x = torch.randn(64, 4)
        loss = (layer(x) - x @ truth.T).square().mean()
        loss.backward()
        optimizer.step(1 - step / 200)
    assert loss < 1e-3
