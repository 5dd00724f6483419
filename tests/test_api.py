import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fractalgen as fg
from fractalgen import errors

PACKAGE = Path(fg.__file__).parent
# Interruptions, signals between threads, and Click's own exceptions are no errors of a user's.
NOT_FOR_USERS = {"BuildInterrupted", "DamagedError", "DeadHostError", "Failure", "Stopped"}
NOT_FOR_USERS |= {"CutShortError", "ForbiddenAddressError", "TroubleError", "UnreachableError"}
NEED_TORCH = {"evaluate", "inspect", "load_run", "own_model", "show_methods", "train"}
NEED_TORCH |= {"train_and_compare"}


def run(code, *, cwd):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_importing_the_package_loads_nothing_else(tmp_path):
    heavy = "numpy", "numba", "PIL", "click", "torch", "requests"
    code = f"import sys, fractalgen; print(sorted(set({heavy}) & set(sys.modules)))"
    assert run(code, cwd=tmp_path).stdout == "[]\n"


@pytest.mark.parametrize("name", fg.__all__)
def test_every_public_name_is_there(name):
    if name in NEED_TORCH:
        pytest.importorskip("torch")
    assert getattr(fg, name) is not None
    assert name in dir(fg)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'imagine'"):
        fg.imagine  # noqa: B018


def test_a_public_name_never_hides_a_module_of_the_package():
    modules = {path.stem for path in PACKAGE.iterdir()}
    assert not modules & set(fg.__all__)


def test_every_exception_derives_from_the_base_and_from_a_built_in():
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert issubclass(kind, fg.FractalgenError)
        if kind is not fg.FractalgenError:
            built_in = [base for base in kind.__mro__ if base.__module__ == "builtins"]
            assert built_in[:-3], f"{name} derives from no built-in but Exception"


def test_no_other_module_defines_an_exception():
    defined = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and path.name != "errors.py":
                module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
                names = {base.id for base in node.bases if isinstance(base, ast.Name)}
                if any(name.endswith(("Error", "Exception", "Interrupt")) for name in names):
                    defined.add((module, node.name))
    private = {name for _, name in defined if name.startswith("_")}
    assert {name for _, name in defined} <= NOT_FOR_USERS | private


def test_objects_can_be_read(tmp_path):
    recipe = fg.Recipe(size=16, families={"ifs": 3})
    fg.build(recipe, tmp_path / "set")
    bank = fg.MixingSet(tmp_path / "set", size=16)
    shown = [recipe, fg.sample("ifs", index=1), fg.IPMixConfig(), bank, fg.IPMix(bank)]
    for value in shown:
        text = repr(value)
        assert type(value).__name__ in text
        assert " at 0x" not in text
        assert len(text) < 400 + len(str(tmp_path))
    assert fg.verify(tmp_path / "set").ok


def test_wrong_arguments_raise_one_kind_of_error(tmp_path):
    bank = np.zeros((2, 16, 16, 3), np.uint8)
    for call in (
        lambda: fg.sample("ifs", index=-1),
        lambda: fg.sample("no-such-family"),
        lambda: fg.render(fg.sample("ifs"), size=3),
        lambda: fg.Recipe(size=3),
        lambda: fg.IPMixConfig(k=0),
        lambda: fg.IPMix(bank, k=2.5),
        lambda: fg.MixingSet(tmp_path / "nothing", size=16),
        lambda: fg.verify(tmp_path / "nothing"),
        lambda: fg.stats(tmp_path / "nothing"),
        lambda: fg.gallery(tmp_path / "nothing", tmp_path / "gallery"),
        lambda: fg.export(tmp_path / "nothing", tmp_path / "out", layout="pixmicks"),
        lambda: fg.merge(tmp_path / "out", [tmp_path / "nothing"]),
    ):
        with pytest.raises(fg.FractalgenError):
            call()


USER = """
from pathlib import Path
import numpy as np
import fractalgen as fg

spec: fg.ImageSpec = fg.sample("ifs", seed=0, index=17)
rgb = fg.render(spec, size=256)
height: int = rgb.shape[0]
summary = fg.build(fg.Recipe(families={"ifs": 2}), Path("set"), workers=2)
drawn: int = summary.n_drawn
sound: bool = fg.verify("set").ok
duplicates: float = fg.stats("set", limit=10).total.near_duplicates
page: Path = fg.gallery("set", "gallery", overwrite=True).page
linked: int = fg.export("set", "pixmix", layout="pixmix").n_linked
copied: int = fg.merge("joined", ["set"]).n_copied
bank = fg.MixingSet("set", size=36)
aug = fg.IPMix(bank, k=3, t=3)
other = fg.IPMix(bank, fg.IPMixConfig(k=2))
view = aug(rgb, seed=1)
out = aug.batch(np.zeros((2, 32, 32, 3), np.uint8), [1, 2])
total = float(out.sum())
try:
    run = fg.load_run("runs/x")
    results = fg.evaluate(run, limit=50)
    print(run, results, fg.compare(["runs/x"]))
    fg.train(dataset="digits", method="ipmix", out="runs/x", epochs=2)
except fg.FractalgenError as error:
    print(error)
"""


def test_a_users_file_passes_mypy_in_strict_mode(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(USER)
    # With the checkout's settings, which are as strict, it finds what mypy keeps of the package.
    command = [sys.executable, "-m", "mypy", str(tmp_path / "user.py")]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_docstrings_of_public_callables_say_what_they_raise():
    for name in fg.__all__:
        if name in ("FAMILIES", "ImageSpec", "__version__", "FractalgenError"):
            continue
        if name in NEED_TORCH | {"compare"}:
            pytest.importorskip("torch")
        text = inspect.getdoc(getattr(fg, name)) or ""
        assert "Raises\n" in text, name


def test_the_adapters_for_torch_load_lazily():
    pytest.importorskip("torch")
    adapters = importlib.import_module("fractalgen.torch")
    assert all(getattr(adapters, name) for name in adapters.__all__)
