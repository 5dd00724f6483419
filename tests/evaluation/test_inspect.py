import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from fractalgen.errors import BankError, RunError, RunUsageError
from fractalgen.evaluation.feature_plot import draw_legend, named_classes, project
from fractalgen.evaluation.grad_cam import grad_cam, penultimate_features
from fractalgen.evaluation.inspect import inspect
from fractalgen.evaluation.report import environment
from fractalgen.seeding import rng_for
from fractalgen.training.models import MODELS, create_model
from fractalgen.training.run import load_run
from fractalgen.training.train import train
from tests.cli.conftest import run as run  # the fixture


class TwoMaps(nn.Module):
    """Two feature maps, averaged; class 1 counts the first twice and the second negatively."""

    def __init__(self):
        super().__init__()
        self.maps = nn.Conv2d(3, 2, 1, bias=False)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.maps.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])[..., None, None])
            self.fc.weight.copy_(torch.tensor([[0.0, 0.0], [2.0, -1.0]]))

    def forward(self, x):
        return self.fc(self.pool(self.maps(x)).flatten(1))


def test_grad_cam_against_a_case_worked_by_hand():
    image = torch.zeros(1, 3, 2, 2)
    image[0, 0] = torch.tensor([[4.0, 2.0], [0.0, 0.0]])
    image[0, 1] = torch.tensor([[0.0, 2.0], [1.0, 0.0]])
    # Logits 0 and 2 * 6/4 - 3/4 > 0. The gradients of class 1 are 2/4 and -1/4 at every place, so
    # the sum is [[2, 0.5], [-0.25, 0]], cut at 0 and divided by 2.
    expected = [[[1.0, 0.25], [0.0, 0.0]]]
    np.testing.assert_allclose(grad_cam(TwoMaps(), image, "two"), expected, atol=1e-6)


def test_an_image_that_nothing_speaks_for_is_dark():
    assert not grad_cam(TwoMaps(), torch.zeros(2, 3, 4, 4), "two").any()


@pytest.mark.parametrize("name", ["resnet-8", "wrn-16-1", "resnet-50", "vit-small"])
def test_kinds_of_networks_have_features_and_a_map_or_say_that_they_have_none(name):
    size = 32
    torch.manual_seed(0)
    network = create_model(name, 5, size).eval()
    images = torch.randn(2, 3, size, size)
    head = MODELS[name].head
    features = penultimate_features(network, head, images)
    logits = network.get_submodule(head)(torch.from_numpy(features))
    torch.testing.assert_close(logits, network(images), rtol=1e-4, atol=1e-4)
    if name.startswith("vit"):
        with pytest.raises(RunError, match="has no convolutional feature map"):
            grad_cam(network, images, name)
        return
    cam = grad_cam(network, images, name)
    assert cam.shape == (2, size, size)
    assert cam.min() >= 0
    assert cam.max() == pytest.approx(1)
    assert not any(module._forward_hooks for module in network.modules())


def test_t_sne_puts_like_next_to_like():
    rng = np.random.default_rng(0)
    centres = np.repeat(np.eye(3, 20) * 20, 15, axis=0)
    places = project((centres + rng.normal(size=centres.shape)).astype(np.float32), seed=0)
    assert places.shape == (45, 2)
    assert places.min() >= 0
    assert places.max() <= 1
    labels = np.repeat(np.arange(3), 15)
    distances = np.linalg.norm(places[:, None] - places, axis=-1) + np.eye(45) * 9
    assert (labels[distances.argmin(axis=1)] == labels).all()


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    train(method="vanilla", epochs=1, image_size=8, out=folder)
    return folder


def test_files_of_the_command(run, tmp_path, digits):
    result = run("inspect", digits, "--limit", 40, "--cam-images", 8, "--out", "page")
    assert result.exit_code == 0, result.stderr
    written = [digits / "cam.png", digits / "tsne.png", "page/inspection.html"]
    assert result.stdout.split() == list(map(str, written))
    with Image.open(digits / "tsne.png") as dots:
        places, legend = np.split(np.asarray(dots), [900], axis=1)
        assert dots.height == 900
    # The dots are in the legend's colours, of which each class has one.
    colors = clear_colors(legend)
    assert len(colors) == 10
    assert clear_colors(places) == colors
    with Image.open(digits / "cam.png") as cam:
        assert cam.width == 6 * 120 - 8
        reds = np.asarray(cam)[2 * 120 - 8 : 2 * 120 + 14] @ [1, -1, 0] > 100
    # The captions of the first row, in red where the network is wrong.
    trained = load_run(digits)
    chosen = np.sort(rng_for(0, "inspected images", 0).permutation(len(trained.data.test))[:8])[:6]
    with torch.inference_mode():
        logits = trained.model(trained.preprocess(trained.data.test.for_testing(chosen)))
    wrong = logits.argmax(1).numpy() != trained.data.test.labels[chosen]
    assert [reds[:, 120 * k : 120 * k + 112].any() for k in range(6)] == wrong.tolist()
    page = (tmp_path / "page/inspection.html").read_text()
    assert "the predicted class, in red if it is wrong." in page
    assert page.count("data:image/png") == 2
    again = (digits / "tsne.png").read_bytes()
    inspect([digits], limit=40, cam=False)
    assert (digits / "tsne.png").read_bytes() == again


def clear_colors(pixels):
    """The colours within dots: no shades of grey, and the same above and to the left of a pixel."""
    alike = (pixels[1:-1, 1:-1] == pixels[:-2, 1:-1]) & (pixels[1:-1, 1:-1] == pixels[1:-1, :-2])
    found = pixels[1:-1, 1:-1][alike.all(axis=2)]
    return set(map(tuple, found[np.ptp(found, axis=1) > 20].tolist()))


def test_a_legend_of_many_classes_names_some_of_all_colours():
    few, many = (draw_legend([f"class {k}" for k in range(n)], 900) for n in (20, 200))
    assert len(clear_colors(few)) == len(clear_colors(many)) == 20
    # Where the last line says that there are more.
    assert [(picture[785:] < 200).any() for picture in (few, many)] == [False, True]
    named = [f"class {k}" for k in named_classes(1_000)]
    given = {"dataset": "d", "runs": [{"tsne": "data:,"}], "n_classes": 1_000}
    colored = [(name, "red") for name in named]
    page = environment().get_template("inspection.html").render(**given, classes=colored)
    assert "class 950" in page
    assert "20 of 1,000 classes" in page
    strange = draw_legend(["x" * 500, "jalape\u00f1o", ""], 200)
    assert strange.shape[0] == 200
    assert strange.shape[1] < 400


def test_images_of_a_folder_for_grad_cam(digits, tmp_path):
    for number, color in enumerate(("red", "lime", "blue")):
        Image.new("RGB", (30, 20), color).save(tmp_path / f"{number}.png")
    inspect([digits], tsne=False, cam_folder=tmp_path, n_cam=3, out=tmp_path / "out")
    with Image.open(digits / "cam.png") as cam:
        pixels = np.asarray(cam)
    assert pixels.shape == (2 * 120 - 8 + 22, 3 * 120 - 8, 3)
    captions = pixels[2 * 120 - 8 :]
    assert captions.min() < 100
    assert not clear_colors(captions)  # no red, because it is not known what is right
    assert {tuple(pixels[50, x]) for x in (50, 170, 290)} == {
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
    }
    page = (tmp_path / "out/inspection.html").read_text()
    assert "the true class is not known" in page
    assert "in red" not in page
    with pytest.raises(BankError, match="nothing: there is no such folder of images"):
        inspect([digits], tsne=False, cam_folder=tmp_path / "nothing")


def test_bad_requests(digits, tmp_path):
    with pytest.raises(RunUsageError, match="choose --tsne, --cam or both"):
        inspect([digits], tsne=False, cam=False)
    with pytest.raises(RunUsageError, match="t-SNE needs 10 images"):
        inspect([digits], limit=5)
    with pytest.raises(RunError, match="does not exist"):
        inspect([tmp_path / "nothing"])


@pytest.mark.parametrize(
    ("part", "option", "says"),
    [
        ("--tsne", ("--cam-images", 12), "--cam-images is for --cam"),
        ("--tsne", ("--cam-folder", "photos"), "--cam-folder is for --cam"),
        ("--cam", ("--limit", 1000), "--limit is for --tsne"),
    ],
)
def test_options_of_a_part_that_is_not_drawn(run, part, option, says):
    result = run("inspect", "runs/none", part, *option)
    assert result.exit_code == 2
    assert says in result.stderr
    result = run("inspect", "runs/none", "--cam", "--tsne", *option)
    assert says not in result.stderr
