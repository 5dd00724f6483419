import csv
import io

import pytest

from fractalgen.evaluation.compare import compare
from fractalgen.evaluation.comparison import Cell, best_of
from fractalgen.evaluation.measurements.measurement import Figure
from fractalgen.evaluation.table import Block, Line, Number, Table
from tests.evaluation.example_results import changed, clean_results, full_results

HARD = r"50% of a_b & c#d {e} \f ^g ~h $i | <j> *k* `l` [m]"


def figure(higher_is_better, is_share=True):
    return Figure("x", "x", 0.0, higher_is_better=higher_is_better, is_share=is_share)


def cells(*means):
    return [None if mean is None else Cell(mean, None, (mean,)) for mean in means]


@pytest.mark.parametrize(
    ("higher", "means", "best"),
    [
        (False, (0.2, 0.1, 0.3), (1,)),
        (True, (0.2, 0.1, 0.3), (2,)),
        (None, (0.2, 0.1, 0.3), ()),
        (False, (0.10001, 0.1, 0.10002, 0.2), (0, 1, 2)),  # all are shown as 10.00
        (False, (0.1001, 0.1), (1,)),
        (False, (None, 0.1, None), ()),  # nothing to compare it with
        (True, (None, 0.1, 0.2), (2,)),
    ],
)
def test_the_best_by_direction_with_ties_as_shown(higher, means, best):
    assert best_of(figure(higher), cells(*means)) == best


def test_only_chosen_cells_compare():
    assert best_of(figure(False), cells(0.1, 0.3, 0.2), (1, 2)) == (2,)


def row(comparison, section, key):
    return next(row for row in comparison.rows if row.section == section and row.figure.key == key)


def test_the_best_of_a_comparison_are_bold_everywhere():
    runs = {"a": full_results(), "b": changed(full_results(method="vanilla"), "ood", auroc=0.5)}
    comparison = compare(runs)
    assert row(comparison, "ood:noise", "auroc").best == (0,)
    assert row(comparison, "clean", "error").best == (0, 1)
    assert "| **97.34** | 50.00 |" in comparison.to_markdown()
    assert r"\textbf{97.34} & 50.00 \\" in comparison.table().to_latex()
    assert "\033[1m97.34\033[0m" in comparison.to_text(bold=True)
    assert "\033" not in comparison.to_text()
    data = comparison.to_json()
    assert next(each for each in data["rows"] if each["figure"] == "auroc")["best"] == [0]


def test_nothing_is_best_among_unlike_measurements():
    comparison = compare({"a": full_results(), "b": full_results(n=500, method="vanilla")})
    assert row(comparison, "adversarial", "error").best == ()
    assert row(comparison, "clean", "error").best == (0, 1)


def test_each_data_set_has_its_best():
    runs = {
        "a": clean_results(0.1),
        "b": clean_results(0.2, method="vanilla"),
        "c": clean_results(0.4, dataset="cifar10"),
        "d": clean_results(0.3, dataset="cifar10", method="vanilla"),
    }
    assert row(compare(runs), "clean", "error").best == (0, 3)


def test_hard_names_in_latex():
    table = Table(((HARD, "Error ↓"), (HARD, "mCE ↑")), (Block(HARD, (Line(HARD, (None, None)),)),))
    text = table.to_latex()
    escaped = (
        r"50\% of a\_b \& c\#d \{e\} \textbackslash{}f \textasciicircum{}g \textasciitilde{}h "
        r"\$i \textbar{} \textless{}j\textgreater{} *k* `l` [m]"
    )
    assert text.splitlines() == [
        r"\begin{tabular}{lrr}",
        r"\toprule",
        rf" & \multicolumn{{2}}{{c}}{{{escaped}}} \\",
        r" & Error $\downarrow$ & mCE $\uparrow$ \\",
        r"\midrule",
        rf"\multicolumn{{3}}{{l}}{{{escaped}}} \\",
        rf"{escaped} & -- & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_hard_names_in_markdown():
    table = Table(((HARD,),), (Block(None, (Line(HARD, (Number("1.00", "0.10", True),)),)),))
    head, _, line = table.to_markdown().splitlines()
    name = r"50% of a\_b & c#d {e} \\f ^g ~h $i \| <j> \*k\* \`l\` \[m]".replace(
        "&", "&amp;"
    ).replace("<j>", "&lt;j&gt;")
    assert head == f"| | {name} |"
    assert line == f"| {name} | **1.00 ± 0.10** |"


def test_csv_is_read_back_by_a_reader():
    runs = {
        "a": clean_results(0.1, dataset='folder:a, "b"\n;c'),
        "b": clean_results(0.2, dataset='folder:a, "b"\n;c', seed=1),
    }
    lines = list(csv.DictReader(io.StringIO(compare(runs).to_csv())))
    first = lines[0]
    assert first["dataset"] == 'folder:a, "b"\n;c'
    assert (first["measurement"], first["figure"], first["better"]) == ("clean", "error", "lower")
    assert float(first["mean"]) == pytest.approx(0.15)
    assert float(first["deviation"]) == pytest.approx(0.1 / 2**0.5)
    assert (first["n"], first["seeds"], first["best"]) == ("2", "0 1", "")


def test_blocks_and_heads_in_text():
    lines = (Line("a", (Number("1.0"), None)), Line("bb", (Number("10.0", "0.5"), Number("2.0"))))
    table = Table((("Group", "x"), ("y",)), (Block("One", lines),), "Name", "Title")
    assert table.to_text() == (
        "Title\n\n"
        "           Group     \n"
        "Name           x    y\n"
        "\n"
        "One\n"
        "  a          1.0    –\n"  # noqa: RUF001
        "  bb  10.0 ± 0.5  2.0"
    )
