import warnings

import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

with warnings.catch_warnings():  # timm's and torchvision's own
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", FutureWarning)
    from timm.data import AugMixDataset, create_transform
    from timm.data.loader import fast_collate
    from timm.loss import JsdCrossEntropy

from fractalgen.augment import IPMix  # noqa: E402
from fractalgen.torch import IPMixTransform, jsd_loss  # noqa: E402

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


class Images(torch.utils.data.Dataset):
    """What timm's datasets look like: an attribute `transform` that others replace."""

    def __init__(self, images):
        self.images = images
        self.transform = None

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        pil_image = Image.fromarray(self.images[index])
        return (pil_image if self.transform is None else self.transform(pil_image)), index % 3


def mixed(images, bank, *, prefetching):
    first, _, last = create_transform(
        32,
        is_training=True,
        separate=True,
        mean=MEAN,
        std=STD,
        use_prefetcher=prefetching,
    )
    ipmix = IPMixTransform(IPMix(bank), dtype=torch.uint8 if prefetching else torch.float32)
    dataset = AugMixDataset(Images(images), num_splits=3)
    dataset.transform = (first, ipmix, last)
    return dataset


def test_the_second_slot_with_the_jensen_shannon_loss(images, bank):
    torch.manual_seed(3)
    dataset = mixed(images, bank, prefetching=False)
    splits, labels = next(iter(torch.utils.data.DataLoader(dataset, batch_size=6)))
    assert len(splits) == 3
    assert not torch.equal(splits[1], splits[2])
    for view in splits:
        assert view.shape == (6, 3, 32, 32)
        assert -2.001 <= float(view.min()) < -0.5 < 0.5 < float(view.max()) <= 2.001
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 3))
    logits = network(torch.cat(splits))
    theirs = JsdCrossEntropy(num_splits=3, alpha=12, smoothing=0)(logits, labels)
    ours = jsd_loss(*logits.split(6), labels)
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-5)
    theirs.backward()
    assert network[1].weight.grad.abs().sum() > 0


def test_the_prefetching_loader_s_collate_takes_whole_values(images, bank):
    torch.manual_seed(3)
    dataset = mixed(images, bank, prefetching=True)
    views, labels = fast_collate([dataset[index] for index in range(4)])
    assert views.shape == (12, 3, 32, 32)
    assert labels.tolist() == [0, 1, 2, 0] * 3
    assert views.dtype == torch.uint8
    clean, first, _ = views.float().split(4)
    assert 5 < float((clean - first).abs().mean()) < 128
