"""Every kind of network layer against the libraries that define it, and against its own W′."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lorabake.engine.networks.kinds import LAYERS, spec_for
from lorabake.engine.networks.layer import NetworkLayer, PartState
from lorabake.engine.networks.settings import NetworkSettings
from lorabake.engine.networks.sizes import factorization

torch.set_num_threads(1)

KINDS = {
    "lora": {"type": "lora"},
    "dora": {"type": "lora", "dora": True},
    "dora by rows": {"type": "lora", "dora": True, "wd_on_output": True},
    "loha": {"type": "loha", "network_dim": 2},
    "loha wide": {"type": "loha", "network_dim": 6},
    "lokr": {"type": "lokr", "network_dim": 1},
    "lokr both": {"type": "lokr", "network_dim": 1, "decompose_both": True},
    "lokr whole": {"type": "lokr", "network_dim": 64, "network_alpha": 3},
    "lokr factor": {"type": "lokr", "network_dim": 2, "factor": 4},
    "glora": {"type": "glora"},
}
BASES = {
    "linear": lambda: nn.Linear(24, 16),
    "no bias": lambda: nn.Linear(24, 16, bias=False),
    "conv": lambda: nn.Conv2d(12, 16, 3, stride=2, padding=1),
    "1x1": lambda: nn.Conv2d(12, 16, 1),
}
PAIRS = [(k, b) for k in KINDS for b in BASES if k != "glora" or b in ("linear", "no bias")]


def layer_of(kind: str, base: nn.Module, seed: int = 1, **changes: Any) -> NetworkLayer:
    settings = NetworkSettings(**{"network_dim": 4, "network_alpha": 2, **KINDS[kind], **changes})
    weight: Any = base.weight
    spec = spec_for(settings, tuple(weight.shape), settings.network_dim, settings.network_alpha)
    layer = LAYERS[spec.kind](base, spec, PartState(), "layer")
    layer.initialise(seed)
    return layer


def base_of(name: str) -> nn.Module:
    torch.manual_seed(5)
    made: nn.Module = BASES[name]()
    return made


def filled(layer: NetworkLayer, seed: int = 2) -> NetworkLayer:
    """Every parameter moved from where it began."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in layer.trained().values():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return layer


def inputs(base: str, batch: int = 3, seed: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, 7, 24) if base in ("linear", "no bias") else (batch, 12, 6, 6)
    return torch.randn(shape, generator=generator)


def by_weight(layer: NetworkLayer, x: Tensor, weight: float = 1) -> Tensor:
    """The layer with its W changed as `delta` says: merged, then computed plainly."""
    merged = copy.deepcopy(layer.base_layer)
    with torch.no_grad():
        merged.weight += weight * layer.delta()
    result: Tensor = merged(x)
    return result


@pytest.mark.parametrize(("kind", "base"), PAIRS)
def test_a_fresh_layer_is_the_base_to_the_bit(kind: str, base: str) -> None:
    plain, x = base_of(base), inputs(base)
    assert torch.equal(layer_of(kind, plain).compute(x), plain(x))


@pytest.mark.parametrize(("kind", "base"), PAIRS)
@pytest.mark.parametrize("weight", [1.0, 0.7])
def test_every_way_through_a_layer_is_its_merged_weight(
    kind: str, base: str, weight: float
) -> None:
    layer, x = filled(layer_of(kind, base_of(base))), inputs(base)
    layer.part.weight = weight
    expected = by_weight(layer, x, weight)
    assert (expected - layer.base_layer(x)).abs().max() > 0.05
    torch.testing.assert_close(layer.compute(x), expected, rtol=1e-4, atol=1e-5)
    if not kind.startswith(("lora", "loha", "glora")):
        by_parts = layer.base_layer(x) + weight * layer.added(x)
        torch.testing.assert_close(by_parts, expected, rtol=1e-4, atol=1e-5)
    layer.settle()
    torch.testing.assert_close(layer.compute(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "base"), PAIRS)
def test_gradients_are_those_of_the_formula(kind: str, base: str) -> None:
    """Straight through W′ in double precision by finite differences."""
    layer = filled(layer_of(kind, base_of(base))).double()
    x = inputs(base).double().requires_grad_()
    aim = torch.randn(layer.compute(x).shape, generator=torch.Generator().manual_seed(9)).double()

    def loss() -> Tensor:
        return (layer.compute(x) * aim).sum()

    loss().backward()
    # `by_weight` squeezes W′ through fp32, so the forward stands in for it, as it was shown to equal
    for tensor in (*layer.trained().values(), x):
        assert tensor.grad is not None
        for index in (0, tensor.numel() // 2, tensor.numel() - 1):
            values, step = tensor.data.view(-1), 1e-4
            with torch.no_grad():
                values[index] += step
                above = loss()
                values[index] -= 2 * step
                below = loss()
                values[index] += step
            slope = float(above - below) / (2 * step)
            found = float(tensor.grad.reshape(-1)[index])
            assert found == pytest.approx(slope, rel=2e-3, abs=2e-3)


def lycoris_twin(kind: str, layer: NetworkLayer) -> Any:
    """The same layer as LyCORIS builds it, with the same weights; in training mode."""
    from lycoris.modules.glora import GLoRAModule
    from lycoris.modules.locon import LoConModule
    from lycoris.modules.loha import LohaModule
    from lycoris.modules.lokr import LokrModule

    options = {**KINDS[kind]}
    made: dict[str, Any] = {"lora": LoConModule, "loha": LohaModule, "lokr": LokrModule}
    module = {**made, "glora": GLoRAModule}[str(options["type"])]
    twin = module(
        "twin",
        copy.deepcopy(layer.base_layer),
        lora_dim=options.get("network_dim", 4),
        alpha=options.get("network_alpha", 2),
        weight_decompose=bool(options.get("dora")),
        wd_on_out=bool(options.get("wd_on_output")),
        factor=options.get("factor", -1),
        decompose_both=bool(options.get("decompose_both")),
        bypass_mode=False,
    )
    state = layer.write()
    if kind == "glora":  # LyCORIS writes the new layout, without folding the scale in
        scale = layer.scaling
        state = {
            "a1.weight": state["a2.weight"] / scale,
            "a2.weight": state["a1.weight"],
            "b1.weight": state["b2.weight"] / scale,
            "b2.weight": state["b1.weight"],
        }
    with torch.no_grad():
        mine = {key: value for key, value in twin.named_parameters() if "org" not in key}
        assert {key: value.shape for key, value in mine.items()} == {
            key: value.shape for key, value in state.items()
        }
        for key, value in mine.items():
            value.copy_(state[key])
    return twin.train()


# What LyCORIS calls a parameter -> the one here
def partner(layer: NetworkLayer, kind: str, key: str) -> nn.Parameter:
    if kind == "glora":
        key = {"a1": "a2", "a2": "a1", "b1": "b2", "b2": "b1"}[key[:2]] + ".weight"
    names = {file: name for name, file in layer.FILE_NAMES.items()}
    return layer.get_parameter(names[key])


@pytest.mark.parametrize(("kind", "base"), PAIRS)
def test_forward_and_gradients_are_those_of_lycoris(kind: str, base: str) -> None:
    """The norm of a DoRA is not held fixed in either."""
    layer, x = filled(layer_of(kind, base_of(base))), inputs(base)
    twin = lycoris_twin(kind, layer)
    ours, theirs = layer.compute(x), twin(x)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    ours.square().mean().backward()
    theirs.square().mean().backward()
    for key, value in twin.named_parameters():
        ours_grad = partner(layer, kind, key).grad
        assert ours_grad is not None
        torch.testing.assert_close(ours_grad, value.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", ["lora", "loha", "lokr", "lokr both", "glora"])
def test_layers_begin_spread_as_in_lycoris(kind: str) -> None:
    """Of every parameter: zero or not, and its largest value or deviation."""
    base = nn.Linear(256, 144)
    layer = layer_of(kind, base, network_dim=4)
    twin = lycoris_fresh(kind, base)
    for key, value in twin.named_parameters():
        mine = partner(layer, kind, key).detach()
        assert mine.count_nonzero() == value.count_nonzero(), key
        if value.count_nonzero():
            assert mine.std() == pytest.approx(float(value.detach().std()), rel=0.25), key


def lycoris_fresh(kind: str, base: nn.Module) -> Any:
    layer = layer_of(kind, base, network_dim=4)
    from lycoris.modules.glora import GLoRAModule
    from lycoris.modules.locon import LoConModule
    from lycoris.modules.loha import LohaModule
    from lycoris.modules.lokr import LokrModule

    modules: dict[str, Any] = {
        "lora": LoConModule, "loha": LohaModule, "lokr": LokrModule, "glora": GLoRAModule,
    }  # fmt: skip
    torch.manual_seed(8)
    assert layer.rank == 4
    return modules[kind.split()[0]](
        "twin", base, lora_dim=4, alpha=2, decompose_both=kind == "lokr both"
    )


@pytest.mark.parametrize("base", ["linear", "conv"])
@pytest.mark.parametrize("dora", [False, True])
def test_lora_and_dora_by_rows_are_those_of_peft(base: str, dora: bool) -> None:
    from peft import LoraConfig, inject_adapter_in_model

    layer, x = filled(layer_of("dora by rows" if dora else "lora", base_of(base))), inputs(base)
    holder = nn.Sequential(copy.deepcopy(layer.base_layer))
    config = LoraConfig(r=4, lora_alpha=2, target_modules=["0"], use_dora=dora)
    inject_adapter_in_model(config, holder)
    theirs: Any = holder[0]
    with torch.no_grad():
        theirs.lora_A["default"].weight.copy_(layer.get_parameter("down"))
        theirs.lora_B["default"].weight.copy_(layer.get_parameter("up"))
        if dora:
            held = theirs.lora_magnitude_vector["default"].weight
            held.copy_(layer.get_parameter("magnitude").view(held.shape))
    torch.testing.assert_close(layer.compute(x), holder(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("factor", [-1, 2, 4, 8, 16])
def test_lokr_divides_sizes_as_lycoris(factor: int) -> None:
    from lycoris.functional import factorization as theirs

    for size in (1, 7, 127, 128, 250, 320, 360, 512, 640, 768, 1024, 1280, 2048, 5120, 10240):
        assert factorization(size, factor) == theirs(size, factor)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "glora"])
@pytest.mark.parametrize("base", ["linear", "conv"])
def test_norms_are_brought_down_to_the_limit(kind: str, base: str) -> None:
    layer = filled(layer_of(kind, base_of(base)))
    if "dora" in kind:
        from lorabake.engine.networks.lora_layers import LoraLayer

        def delta() -> Tensor:
            return LoraLayer.delta(layer)  # type: ignore[arg-type]
    else:
        delta = layer.delta
    before = delta()
    norm = float(before.norm())
    assert not layer.scale_norm(norm * 1.01)
    assert layer.scale_norm(norm / 3)
    torch.testing.assert_close(delta(), before / 3, rtol=1e-4, atol=1e-6)
    assert not layer.scale_norm(norm / 3 * 1.0001)


def test_a_dora_counts_in_bf16_before_it_is_as_large_as_a_rounding() -> None:
    """Columns longer and shorter by a thousandth, of which a bf16 knows nothing: 1.001 x is x."""
    base = nn.Linear(64, 32).to(torch.bfloat16)
    layer = layer_of("dora", base)
    signs = torch.tensor([1.001, 0.999]).repeat(32)
    with torch.no_grad():
        layer.get_parameter("magnitude").mul_(signs)
    x = torch.randn(4000, 64, generator=torch.Generator().manual_seed(1)).to(torch.bfloat16)
    assert torch.equal((x.float() * signs).to(torch.bfloat16), x)
    exact = nn.functional.linear(x.float(), layer.delta())
    moved = (layer.compute(x).float() - base(x).float()).detach()
    assert float((moved * exact).sum() / exact.square().sum()) > 0.3
