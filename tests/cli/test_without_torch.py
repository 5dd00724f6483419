import importlib.util

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torch") is not None, reason="torch is installed"
)


@pytest.mark.parametrize(
    "arguments", [("train-with-set",), ("evaluate", "runs/one"), ("show-methods", "a.png")]
)
def test_a_command_that_needs_torch_says_how_to_get_it(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 1
    assert "torch" in result.stderr
    assert "pip install 'fractalgen-ipmix[train]'" in result.stderr


@pytest.mark.parametrize("command", ["train-with-set", "evaluate", "compare", "show-methods"])
def test_help_needs_no_torch(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_comparing_needs_no_torch(run):
    result = run("compare", "runs/one")
    assert result.exit_code == 1
    assert "runs/one does not exist" in result.stderr
