"""The names of data sets, models and methods as people write them."""

__all__ = ["written"]

_NAMES = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "digits": "Digits",
    "fashion-mnist": "Fashion-MNIST",
    "ipmix": "IPMix",
    "vanilla": "Vanilla",
}
_STARTS = {"resnet": "ResNet", "resnext": "ResNeXt", "vit": "ViT", "wrn": "WRN"}


def written(name: str) -> str:
    """Write a name with its capitals; one that is not known here stays as it is."""
    if name in _NAMES:
        return _NAMES[name]
    start, hyphen, rest = name.partition("-")
    return _STARTS.get(start, start) + hyphen + rest
