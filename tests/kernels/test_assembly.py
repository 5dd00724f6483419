"""What LLVM makes of the kernels, for processors with SSE4, AVX2 and AVX-512.

Times tell of one processor only. These tests read the assembly for all three, on any machine.
"""

import os
import platform
import subprocess
import sys

import pytest

from benchmarks.assembly import findings, inner_loops, listing
from tests.kernels.assembly import EXPECTED, LEVELS, kernels, read, signatures_in_use

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="compiles for x86-64"
)

WIDTH_OF_A_KERNEL = """
from numba import float32, int64
from benchmarks.vectors import vector_bits
from fractalgen.kernels.orbit_fields import measure_orbits
measure_orbits.compile((float32[:, :, ::1], int64))
print(vector_bits(measure_orbits))
"""

READER_CASE = """
.type\tkernel,@function
kernel:
movabsq\t$_ZN10fractalgen6helperB2v1, %rbx
movq\t%rbx, 8(%rsp)
movabsq\t$row, %r12
.LBB0_1:
xorl\t%eax, %eax
.LBB0_2:
vaddps\t(%rdi,%rax,4), %ymm0, %ymm1
STORE
vmaskmovps\t(%rdi), %ymm0, %ymm1
addq\t$8, %rax
jne\t.LBB0_2
decq\t%rdx
jne\t.LBB0_1
.LBB0_3:
vaddss\t%xmm0, %xmm1, %xmm1
movq\t8(%rsp), %rax
callq\t*%rax
decq\t%rdx
jne\t.LBB0_3
.LBB0_4:
callq\t*%r12
decq\t%rdx
jne\t.LBB0_4
retq
.type\trow,@function
row:
.LBB1_1:
decq\t%rdx
jne\t.LBB1_1
retq
"""


@pytest.fixture(scope="module")
def readings():
    return read(list(LEVELS), [])


@pytest.mark.parametrize(
    ("store", "found"),
    [
        ("vmaskmovps\t%ymm1, %ymm2, (%rsi,%rax,4)", ["masked store vmaskmovps"]),
        ("vpmaskmovq\t%ymm1, %ymm2, 64(%rsi)", ["masked store vpmaskmovq"]),
        ("vmovups\t%zmm1, 64(%rsi) {%k1}", ["masked store vmovups"]),
        ("vgatherdps\t%ymm3, (%rsi,%ymm2,4), %ymm1", ["vgatherdps"]),
        ("vscatterqps\t%ymm3, (%rsi,%zmm2,4) {%k1}", ["vscatterqps"]),
        ("vmovups\t%ymm1, (%rsi,%rax,4)", []),
        ("vmovups\t(%rsi,%rax,4), %ymm1 {%k1} {z}", []),
    ],
)
def test_the_reader_finds_what_is_slow(store, found):
    functions = listing(READER_CASE.replace("STORE", store))
    assert list(findings(functions, "kernel")) == [*found, "call of fractalgen.helper"]


def test_the_reader_sees_innermost_loops_and_what_they_compute_with():
    """The outer loop is none, nor is the loop that calls a function which loops."""
    loops = inner_loops(listing(READER_CASE), "kernel")
    assert [loop.width for loop in loops] == [256, 0]


def test_every_kernel_is_in_the_table():
    assert set(kernels()) == set(EXPECTED)


def test_every_kernel_was_read_as_it_is_called(readings):
    """A signature that the package uses and the table does not lead to would go unread."""
    in_use = signatures_in_use()
    for level in LEVELS:
        read = {(one.kernel, one.types) for one in readings[level]}
        assert set(EXPECTED) == {kernel for kernel, _ in read}
        assert in_use <= read


@pytest.mark.parametrize("kernel", EXPECTED)
def test_no_masked_stores_gathers_or_calls(readings, kernel):
    found = {}
    for level in LEVELS:
        for one in readings[level]:
            if one.kernel == kernel:
                calls = [n for what, n in one.findings.items() if what.startswith("call")]
                if len(one.findings) > len(calls) or sum(calls) > EXPECTED[kernel].n_calls:
                    found[f"{level}, {one.first_type}"] = one.findings
    assert not found


@pytest.mark.parametrize("kernel", [name for name, one in EXPECTED.items() if not one.scalar])
def test_loops_compute_with_vectors_as_wide_as_the_level_has(readings, kernel):
    narrow = {
        f"{level}, {one.first_type}": one.widths
        for level, width in LEVELS.items()
        for one in readings[level]
        if one.kernel == kernel
        and sum(bits >= width for bits in one.widths) < EXPECTED[kernel].n_vector
    }
    assert not narrow


def test_benchmarks_name_the_width_of_a_kernel_that_was_cached(tmp_path):
    settings = {
        "NUMBA_CPU_NAME": "x86-64-v3",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    command = [sys.executable, "-W", "error", "-c", WIDTH_OF_A_KERNEL]
    for _ in range(2):  # the second process finds the first one's code
        printed = subprocess.check_output(command, env={**os.environ, **settings}, text=True)
        assert int(printed) == 256
