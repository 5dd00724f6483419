import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock, Bottleneck

from fractalgen.errors import RunUsageError
from fractalgen.training.models import MODELS, create_model

SMALL = [name for name, entry in MODELS.items() if entry.min_size == 8]


def n_weights(network):
    return sum(weights.numel() for weights in network.parameters())


def without_values(name, n_classes, image_size):
    with torch.device("meta"):
        return create_model(name, n_classes, image_size)


def wrn_weights(depth, k, n_classes):
    """From table 1 of the paper: each block has two norms (2 weights a channel), two
    convolutions, and a 1x1 convolution where the width changes."""
    n_blocks = (depth - 4) // 6
    total, n_in = 3 * 16 * 9, 16
    for n_out in (16 * k, 32 * k, 64 * k):
        for _ in range(n_blocks):
            total += 2 * n_in + 9 * n_in * n_out + 2 * n_out + 9 * n_out * n_out
            total += n_in * n_out if n_in != n_out else 0
            n_in = n_out
    return total + 2 * n_in + (n_in + 1) * n_classes


@pytest.mark.parametrize(
    ("name", "depth", "k", "published"),
    [("wrn-16-1", 16, 1, 0.175), ("wrn-40-4", 40, 4, 8.9), ("wrn-28-10", 28, 10, 36.5)],
)
def test_wide_resnets_have_the_papers_numbers_of_weights(name, depth, k, published):
    network = without_values(name, 10, 32)
    assert n_weights(network) == wrn_weights(depth, k, 10)
    assert n_weights(network) / 1e6 == pytest.approx(published, rel=0.01)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert sum(m.kernel_size == (3, 3) for m in convolutions) == depth - 3
    dropped = {m.p for m in network.modules() if isinstance(m, nn.Dropout)}
    assert dropped == {0.0 if k == 1 else 0.3}


def test_thin_resnet_has_weights_in_convolutions_norms_and_the_last_layer_only():
    convolutions = 3 * 16 + 16 * 16 * 2 + 16 * 32 + 32 * 32 + 32 * 64 + 64 * 64
    norms = 2 * (16 * 3 + 32 * 2 + 64 * 2)
    assert n_weights(without_values("resnet-8", 10, 32)) == 9 * convolutions + norms + 65 * 10


def test_resnext_has_the_papers_number_of_weights():
    """Each bottleneck: 1x1 to D = 4 * 32, 64 or 128, 3x3 in 4 groups, 1x1 to 2 D; norms after."""
    total, n_in = 3 * 64 * 9 + 2 * 64, 64
    for inside in (128, 256, 512):
        n_out = 2 * inside
        for block in range(3):
            total += n_in * inside + 9 * inside * inside // 4 + inside * n_out
            total += 2 * (inside + inside + n_out)
            total += n_in * n_out + 2 * n_out if block == 0 else 0
            n_in = n_out
    assert n_weights(without_values("resnext-29-4x32", 100, 32)) == total + 1025 * 100


def test_resnet_18_is_torchvisions_but_for_the_stem_and_the_classes():
    """The stem: 3 x 3 in place of 7 x 7, for 3 x 64 channels."""
    from torchvision.models import resnet18

    with torch.device("meta"):
        theirs = n_weights(resnet18(num_classes=10))
    assert n_weights(without_values("resnet-18", 10, 32)) == theirs - 3 * 64 * (49 - 9)
    assert theirs - 3 * 64 * (49 - 9) == 11_173_962


@pytest.mark.parametrize(
    ("name", "published"), [("resnet-50", 25_557_032), ("vit-small", 22_050_664)]
)
def test_networks_for_photographs_have_the_published_numbers_of_weights(name, published):
    """Those of torchvision's ResNet-50 and of timm's vit_small_patch16_224."""
    assert n_weights(without_values(name, 1000, 224)) == published


def with_full_norms(network):
    """Give the norms values that show where each one is applied."""
    for name, tensor in network.state_dict().items():
        if tensor.ndim == 1 and tensor.is_floating_point() and not name.startswith("fc."):
            tensor.copy_(torch.rand(tensor.shape) + 0.5)
    return network.eval().double()


def norm(x, weights, name):
    parts = ("running_mean", "running_var", "weight", "bias")
    return functional.batch_norm(x, *(weights[f"{name}.{part}"] for part in parts))


def test_wide_resnet_is_the_papers_as_a_function():
    """x + conv(relu(norm(conv(relu(norm(x)))))); a new width is convolved from relu(norm(x))."""
    network = with_full_norms(create_model("wrn-16-1", 5, 8))
    weights, images = network.state_dict(), torch.randn(2, 3, 8, 8).double()
    x = functional.conv2d(images, weights["stem.weight"], padding=1)
    for stage, stride in (("stage1", 1), ("stage2", 2), ("stage3", 2)):
        for block, step in ((f"{stage}.0", stride), (f"{stage}.1", 1)):
            active = norm(x, weights, f"{block}.norm1").relu()
            inner = functional.conv2d(active, weights[f"{block}.conv1.weight"], None, step, 1)
            inner = norm(inner, weights, f"{block}.norm2").relu()
            if step == 2:
                x = functional.conv2d(active, weights[f"{block}.shortcut.weight"], None, 2)
            x = x + functional.conv2d(inner, weights[f"{block}.conv2.weight"], None, 1, 1)
    x = norm(x, weights, "end.0").relu().mean(dim=(2, 3))
    expected = x @ weights["fc.weight"].T + weights["fc.bias"]
    torch.testing.assert_close(network(images), expected)


def test_thin_resnet_is_the_papers_as_a_function():
    """relu(x + norm(conv(relu(norm(conv(x)))))); new channels of the shortcut are 0."""
    network = with_full_norms(create_model("resnet-8", 5, 8))
    weights, images = network.state_dict(), torch.randn(2, 3, 8, 8).double()
    x = functional.conv2d(images, weights["stem.0.weight"], padding=1)
    x = norm(x, weights, "stem.1").relu()
    for block, stride in (("stage1.0", 1), ("stage2.0", 2), ("stage3.0", 2)):
        inner = functional.conv2d(x, weights[f"{block}.conv1.weight"], None, stride, 1)
        inner = norm(inner, weights, f"{block}.bn1").relu()
        inner = functional.conv2d(inner, weights[f"{block}.conv2.weight"], None, 1, 1)
        inner = norm(inner, weights, f"{block}.bn2")
        if stride == 2:
            x = x[:, :, ::2, ::2]
            x = torch.cat([x, torch.zeros_like(x)], dim=1)
        x = (x + inner).relu()
    expected = x.mean(dim=(2, 3)) @ weights["fc.weight"].T + weights["fc.bias"]
    torch.testing.assert_close(network(images), expected)


@pytest.mark.parametrize("name", ["resnet-18", "resnext-29-4x32"])
def test_the_first_layers_keep_the_size_of_small_images(name):
    network, seen = create_model(name, 5, 8), []
    for module in network.modules():
        if isinstance(module, Bottleneck | BasicBlock):
            module.register_forward_hook(lambda _, given, __: seen.append(given[0].shape[-1]))
    network(torch.randn(2, 3, 8, 8))
    expected = [8, 8, 8, 4, 4, 2, 2, 1] if name == "resnet-18" else [8, 8, 8, 8, 4, 4, 4, 2, 2]
    assert seen == expected


def test_the_vision_transformer_is_timms_as_a_function():
    """The same weights give the same logits in another implementation."""
    timm = pytest.importorskip("timm")
    ours = create_model("vit-small", 7, 32).eval()
    nn.init.normal_(ours.heads.head.weight)
    theirs = timm.create_model("vit_small_patch16_224", img_size=32, num_classes=7).eval()
    theirs.load_state_dict(in_timms_names(ours.state_dict()))
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-4)


def in_timms_names(weights):
    names = [
        ("class_token", "cls_token"),
        ("encoder.pos_embedding", "pos_embed"),
        ("conv_proj.", "patch_embed.proj."),
        ("encoder.layers.encoder_layer_", "blocks."),
        ("ln_1.", "norm1."),
        ("ln_2.", "norm2."),
        ("self_attention.in_proj_", "attn.qkv."),
        ("self_attention.out_proj.", "attn.proj."),
        ("mlp.0.", "mlp.fc1."),
        ("mlp.3.", "mlp.fc2."),
        ("encoder.ln.", "norm."),
        ("heads.head.", "head."),
    ]
    renamed = {}
    for name, tensor in weights.items():
        for ours, theirs in names:
            name = name.replace(ours, theirs)
        renamed[name] = tensor
    return renamed


@pytest.mark.parametrize("name", [name for name in SMALL if name != "wrn-28-10"])
@pytest.mark.parametrize("size", [8, 15])
def test_small_networks_take_images_of_any_size(name, size):
    network = create_model(name, 5, size)
    logits = network(torch.randn(2, 3, size, size))
    assert logits.shape == (2, 5)
    logits.sum().backward()
    assert all(weights.grad is not None for weights in network.parameters())


@pytest.mark.parametrize("name", [n for n in MODELS if n not in ("wrn-28-10", "wrn-40-4")])
def test_networks_run_channels_last_in_bfloat16(name):
    size = max(16, MODELS[name].min_size)
    network = create_model(name, 5, size).to(memory_format=torch.channels_last).eval()
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        exact = network(images)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(images.to(memory_format=torch.channels_last))
    scale = float(exact.abs().max())
    torch.testing.assert_close(logits.float(), exact, rtol=0.1, atol=0.1 * scale + 1e-3)


@pytest.mark.parametrize("name", ["wrn-16-1", "resnet-8"])
def test_networks_compile_as_one_graph(name):
    network = create_model(name, 5, 8).eval()
    images = torch.randn(2, 3, 8, 8)
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(images), network(images))


def test_fresh_weights_are_a_function_of_pytorchs_seed():
    drawn = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        drawn.append(create_model("wrn-16-1", 10, 8).state_dict())
    first, other, again = drawn
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["fc.weight"], other["fc.weight"])


@pytest.mark.parametrize("name", ["wrn-40-4", "resnext-29-4x32", "resnet-18", "resnet-8"])
def test_convolutions_start_normal_with_variance_two_over_fan_out(name):
    network = create_model(name, 10, 32)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            expected = (2 / (module.out_channels * module.kernel_size[0] ** 2)) ** 0.5
            near = 5 * expected / (2 * module.weight.numel()) ** 0.5  # five standard errors
            assert float(module.weight.detach().std()) == pytest.approx(expected, abs=near)
            assert module.bias is None
        elif isinstance(module, nn.Linear):
            assert not module.bias.any()


def test_dropout_is_for_training_only():
    network = create_model("wrn-40-4", 5, 8)
    images = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        assert not torch.equal(network(images), network(images))
        network.eval()
        assert torch.equal(network(images), network(images))


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("wrn-40-5", 32, r"unknown model 'wrn-40-5': did you mean 'wrn-40-4'\?"),
        ("resnet-18", 7, r"at least 8 pixels a side, not 7; give --image-size 8"),
        ("resnet-50", 28, r"at least 32 pixels a side, not 28"),
        ("vit-small", 8, r"at least 16 pixels a side, not 8"),
        ("vit-small", 100, r"that 16 divides, not 100; give --image-size 96 or 112"),
    ],
)
def test_what_cannot_be_built_is_said_in_a_sentence(name, size, message):
    with pytest.raises(RunUsageError, match=message):
        create_model(name, 10, size)


def test_listing_the_networks_loads_no_pytorch():
    code = "import sys, fractalgen.training.models as m; assert len(m.MODELS); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "torchvision"} & set(done.stdout.split())
