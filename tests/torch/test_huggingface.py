import warnings

import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

with warnings.catch_warnings():  # its own and its dependencies'
    warnings.simplefilter("ignore")
    datasets = pytest.importorskip("datasets")

from fractalgen.augment import IPMix  # noqa: E402
from fractalgen.torch import IPMixDataset, IPMixTransform  # noqa: E402


@pytest.fixture
def table(images):
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    rows = {"image": [Image.fromarray(i) for i in images[:6]], "label": list(range(6))}
    return datasets.Dataset.from_dict(rows, features=features)


def test_set_transform(table, bank):
    transform = IPMixTransform(IPMix(bank))

    def augment(rows):
        images = [transform(image) for image in rows["image"]]
        return {"pixel_values": images, "label": rows["label"]}

    table.set_transform(augment)
    loader = torch.utils.data.DataLoader(table, batch_size=3)
    torch.manual_seed(1)
    batches = list(loader)
    torch.manual_seed(1)
    again = list(loader)
    assert [batch["label"].tolist() for batch in batches] == [[0, 1, 2], [3, 4, 5]]
    for one, other in zip(batches, again, strict=True):
        assert one["pixel_values"].shape == (3, 3, 32, 32)
        assert torch.equal(one["pixel_values"], other["pixel_values"])


def test_rows_as_tuples_serve_the_seeded_dataset(table, bank, images):
    class Tuples(torch.utils.data.Dataset):
        def __len__(self):
            return len(table)

        def __getitem__(self, index):
            return table[index]["image"], table[index]["label"]

    aug = IPMix(bank)
    ours, plain = IPMixDataset(Tuples(), aug), IPMixDataset([(i, 0) for i in images], aug)
    assert torch.equal(ours[4][0], plain[4][0])
    assert ours[4][1] == 4
