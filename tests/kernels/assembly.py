"""``python -m tests.kernels.assembly [KERNEL ...]``: print what the kernels' loops are made of.

Every kernel is compiled for three levels of x86-64, in a process of its own, and never called: a
processor compiles for levels that it has not got. A kernel is named as "module.function"; without
names all are compiled. `EXPECTED` says what each kernel's loops shall be.
"""

import argparse
import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from llvmlite.binding import parse_bitcode
from numba import boolean as b1
from numba import float32 as f4
from numba import float64 as f8
from numba import from_dtype, types
from numba import int32 as i4
from numba import int64 as i8
from numba import uint8 as u1
from numba import uint32 as u4
from numba import uint64 as u8
from numba.core import config
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.registry import cpu_target

import fractalgen.kernels
from benchmarks.assembly import findings, inner_loops, listing
from fractalgen.augment.ipmix import IPMix
from fractalgen.evaluation.corruptions.cbar import CIFAR_LEVELS, IMAGENET_LEVELS, corrupted
from fractalgen.evaluation.corruptions.common import CORRUPTIONS, EXTRA
from fractalgen.evaluation.corruptions.common import corrupted as corrupted_commonly
from fractalgen.families import FAMILIES, render, sample
from fractalgen.families.base import is_exact
from fractalgen.kernels.plan_layout import PLAN, SETTINGS, Choices

# Bits of the vectors that LLVM computes with. For x86-64-v4 it prefers 256 to 512 by itself, as the
# first processors of that level lowered their clock for 512; for a newer processor's own name it
# takes 512.
LEVELS = {"x86-64-v2": 128, "x86-64-v3": 256, "x86-64-v4": 256}


@dataclass(frozen=True)
class Expected:
    """What a kernel's innermost loops shall be, and the arguments that Python calls it with.

    Kernels that only kernels call have no `signatures` here: compiling the caller gives them.
    """

    signatures: tuple[tuple[Any, ...], ...] = ()
    n_vector: int = 1  # loops at full width, at least
    scalar: str = ""  # why there need not be any
    n_calls: int = 0  # in loops, of functions that are long themselves


def vector(*signatures: tuple[Any, ...], loops: int = 1) -> Expected:
    return Expected(signatures, loops)


def scalar(reason: str, *signatures: tuple[Any, ...], calls: int = 0) -> Expected:
    return Expected(signatures, 0, reason, calls)


def read_only(dtype: Any, ndim: int) -> types.Array:
    return types.Array(dtype, ndim, "C", readonly=True)


_PLAN, _SETTINGS = from_dtype(PLAN), from_dtype(SETTINGS)
_CHOICES = types.NamedUniTuple(i8[::1], 3, Choices)
_FROM_PLANS = "plan sampling: one number after another"
_LOOK_UPS = "table look-ups"
_UNROLLED = "vectors, but no loop is left"
_ONE_SYSTEM = "a few maps"
_A_FEW_COLORS = "a few colours"
_A_FEW_POINTS = "a few points an image"
_INTERLEAVED = "three channels a pixel"
_CORRUPTION = (read_only(u1, 4), u8[::1], f4, u1[:, :, :, ::1])
_ONCE_A_BATCH = "once a batch"
_PIXEL_BY_PIXEL = "looks up pixels one by one"
_CALLS_FILTERS = "calls filters"
_IMAGES, _SEEDS = u1[:, :, :, ::1], u8[::1]

EXPECTED = {
    "affine_systems.choose_by_area": scalar(_ONE_SYSTEM, (f8[:, ::1], i8[::1])),
    "affine_systems.draw_system": scalar(_ONE_SYSTEM, (f8[::1], f8[:, ::1])),
    "affine_systems.frame": scalar(_ONE_SYSTEM, (f8[:, ::1], i8[::1], f8[::1], f8[::1])),
    "backgrounds.clouds": vector((i8, f4, u8)),
    "backgrounds.diamond_square": scalar("every other node of every other row", (i8, f4, u8)),
    "backgrounds.paint": vector((f4[:, ::1], i8, f4, i8, f4, f4, f4, f4, f4, read_only(u1, 2), i8)),
    "formulas.approach_boundary": scalar(
        "one orbit after another", (i8, b1, b1, b1, f8, f8, f8, f8, f8, f8, i8, f8[:, ::1])
    ),
    "affine_systems.scatter": vector((f8[:, ::1], i8[::1], i4[::1], i8, u8, i8, u8[::1])),
    "affine_systems.trace": scalar("chaos game"),
    "cbar_noise._amplitudes": scalar("once a batch"),
    "cbar_noise._field": scalar("exchanges axes, adds one by one"),
    "cbar_noise._gradients": scalar("64-bit random bits"),
    "cbar_noise._mix_row": scalar(_INTERLEAVED),
    "cbar_noise._octave_row": scalar(_LOOK_UPS),
    "cbar_noise._phase_row": vector(),
    "cbar_noise.blue_noise_sample": scalar("exchanges axes", _CORRUPTION),
    "cbar_noise.brownish_noise": scalar("exchanges axes", _CORRUPTION),
    "cbar_noise.perlin_noise": scalar("calls rows", _CORRUPTION),
    "cbar_overlays._cut_row": scalar("64-bit random bits"),
    "cbar_overlays._fade_row": scalar(_INTERLEAVED),
    "cbar_overlays._light_row": scalar(_LOOK_UPS),
    "cbar_overlays._line_row": vector(),
    "cbar_overlays._paint_row": scalar(_INTERLEAVED),
    "cbar_overlays._ray_row": vector(),
    "cbar_overlays._truncate_row": vector(),
    "cbar_overlays._whiten_row": scalar(_INTERLEAVED),
    "cbar_overlays.checkerboard_cutout": scalar("calls rows", _CORRUPTION),
    "cbar_overlays.inverse_sparkles": scalar("calls rows", _CORRUPTION),
    "cbar_overlays.lines": scalar("calls rows", _CORRUPTION),
    "cbar_overlays.sparkles": scalar("calls rows", _CORRUPTION),
    "cbar_splines._add_scaled": vector(),
    "cbar_splines._load": scalar("exchanges axes"),
    "cbar_splines._prefilter": scalar("calls rows"),
    "cbar_splines._rotation_taps": scalar("once a batch"),
    "cbar_splines._scale": vector(),
    "cbar_splines._zoom_taps": scalar("once a batch"),
    "cbar_splines.circular_motion_blur": scalar("exchanges axes", _CORRUPTION),
    "cbar_splines.transverse_chromatic_abberation": scalar(_LOOK_UPS, _CORRUPTION),
    "cbar_warps._add_scaled": vector(),
    "cbar_warps._blur_rows": scalar("calls rows"),
    "cbar_warps._caustic_row": vector(),
    "cbar_warps._caustic_step": vector(),
    "cbar_warps._fill_water": scalar("exchanges axes"),
    "cbar_warps._twist": scalar("once a batch"),
    "cbar_warps._wave_row": vector(),
    "cbar_warps.caustic_refraction": scalar(_LOOK_UPS, _CORRUPTION),
    "cbar_warps.pinch_and_twirl": scalar(_LOOK_UPS, _CORRUPTION),
    "cbar_warps.ripple": scalar(_LOOK_UPS, _CORRUPTION),
    "cbar_waves._plasma_row": scalar(_INTERLEAVED),
    "cbar_waves._plasma_step": vector(),
    "cbar_waves._ring_row": vector(),
    "cbar_waves._sine_row": vector(),
    "cbar_waves.add_grey_row": scalar(_INTERLEAVED),
    "cbar_waves.cocentric_sine_waves": scalar("calls rows", _CORRUPTION),
    "cbar_waves.copy_images": scalar("moves bytes"),
    "cbar_waves.plasma_noise": scalar("calls rows", _CORRUPTION),
    "cbar_waves.positions": scalar("once a batch"),
    "cbar_waves.single_frequency_greyscale": scalar("calls rows", _CORRUPTION),
    "charts.cell_seeds": scalar("a few seeds an image"),
    "charts.nearest_seed_row": vector(),
    "charts.polar_row": vector(),
    "density.blend": scalar(
        _LOOK_UPS,
        (
            u8[::1],
            u4[::1],
            f4[:, ::1],
            read_only(f4, 2),
            f4,
            read_only(f4, 1),
            read_only(u1, 1),
            u1[:, ::1],
        ),
    ),
    "density.blur": vector((u8[::1], i8, i8, i8)),
    "orbits._retire_lanes": vector(),
    "orbits._record": vector(),
    "formulas.apply_formula": vector(loops=8),
    "density.expose": scalar("histogram", (u8[::1], u4[::1], i8, f4)),
    "density.find_visited": scalar("a list that grows", (u8[::1], u4[::1])),
    "probes._count_visits": scalar("a small image", (u8[::1], i8)),
    "orbits.follow_orbits": vector(
        *(
            (real[::1], i8, b1, b1, b1, i8, i8[::1], real[:, ::1], f8, i8, i8, i8, f4[:, :, ::1])
            for real in (f4, f8)
        )
    ),
    "corruption_blurs.defocus_blur": scalar(
        _CALLS_FILTERS, (_IMAGES, i8[::1], i8[::1], f4[::1], _IMAGES), calls=3
    ),
    "corruption_blurs.disk_taps": scalar(_ONCE_A_BATCH, (f4, f4)),
    "corruption_blurs.gaussian_blur": scalar(_CALLS_FILTERS, (_IMAGES, f4, _IMAGES), calls=3),
    "corruption_blurs.glass_blur": scalar(
        _PIXEL_BY_PIXEL, (_IMAGES, _SEEDS, f4, i8, i8, _IMAGES), calls=6
    ),
    "corruption_blurs.motion_blur": scalar(
        _CALLS_FILTERS, (_IMAGES, _SEEDS, i8, f4, _IMAGES), calls=4
    ),
    "corruption_blurs.motion_taps": scalar("a few numbers an image"),
    "corruption_blurs.zoom_axis": scalar("a row"),
    "corruption_blurs.zoom_blur": vector((_IMAGES, i8[::1], i8[::1], _IMAGES)),
    "corruption_digital._warp": scalar(_PIXEL_BY_PIXEL),
    "corruption_digital.contrast": vector((_IMAGES, f4, _IMAGES)),
    "corruption_digital.elastic_transform": vector((_IMAGES, _SEEDS, f4, f4, f4, _IMAGES)),
    "corruption_digital.saturate": scalar("three channels", (_IMAGES, f4, f4, _IMAGES), calls=2),
    "corruption_noise.add_noise": vector((_IMAGES, _SEEDS, f4, f4, _IMAGES)),
    "corruption_noise.fill_normal": vector(),
    "corruption_noise.image_seeds": vector((u8, i8[::1])),
    "corruption_noise.impulse_noise": scalar(
        "chooses bytes by 64-bit numbers", (_IMAGES, _SEEDS, f4, _IMAGES)
    ),
    "corruption_noise.poisson_table": scalar("one number after another", (f8,)),
    "corruption_noise.shot_noise": scalar(
        _LOOK_UPS,
        (_IMAGES, _SEEDS, f4, i8[::1], u4[:, ::1], types.Array(types.int16, 2, "C"), _IMAGES),
    ),
    "corruption_spatter._emboss": scalar(_PIXEL_BY_PIXEL),
    "corruption_spatter._equalize": scalar("histogram"),
    "corruption_spatter._light_edges": scalar(_PIXEL_BY_PIXEL),
    "corruption_spatter.chamfer_distances": scalar("one pixel after another"),
    "corruption_spatter.find_edges": scalar(_PIXEL_BY_PIXEL),
    "corruption_spatter.spatter": vector((_IMAGES, _SEEDS, f4, f4, f4, f4, f4, b1, _IMAGES)),
    "corruption_weather.brightness": scalar("three channels", (_IMAGES, f4, _IMAGES), calls=2),
    "corruption_weather.fog": scalar("three channels", (_IMAGES, _SEEDS, f4, f4, _IMAGES), calls=3),
    "corruption_weather.frost": scalar(
        _PIXEL_BY_PIXEL, (_IMAGES, _SEEDS, _IMAGES, f4, f4, f4, _IMAGES), calls=2
    ),
    "corruption_weather.plasma": scalar("every other node of every other row"),
    "corruption_weather.snow": scalar(
        _PIXEL_BY_PIXEL, (_IMAGES, _SEEDS, f4, f4, i8, i8, f4, i8, f4, f4, _IMAGES), calls=5
    ),
    "frost_textures._grow": scalar("stroke by stroke"),
    "frost_textures.draw_texture": scalar("once", (u8, f4[::1], f4[::1], u1[:, :, ::1])),
    "image_filters.blur": vector(loops=2),
    "image_filters.filter_taps": vector(),
    "image_filters.gaussian_weights": scalar(_ONCE_A_BATCH),
    "image_filters.load": vector(),
    "image_filters.store": vector(),
    "filter_banks.respond": vector(
        (u8, f4[::1], i8, i8, f4[:, ::1], i8[::1], f4[:, :, ::1], f4[:, ::1], i8, i8, f4[:, :, ::1])
    ),
    "filter_banks.filter_row": vector(),
    "filter_banks.mix_row": vector(),
    "image_ops_tones.blend_with_grey": vector(),
    "image_ops_tones.color": scalar("vectors with SSE alone; not one of the paper's operations"),
    "image_ops_tones.mask_and_invert": vector(),
    "image_ops_tones.mean_luma": scalar("vectors from AVX2 on"),
    "image_ops_tones.mirror": scalar("moves bytes"),
    "image_ops_tones.sharpness": vector(),
    "ipmix._copy": scalar("moves bytes"),
    "lanes.aligned_state": scalar("moves nothing"),
    "lanes.fill_tile": scalar(_UNROLLED),
    "probes._measure_light": scalar("a small image", (u1[:, :, ::1],)),
    "noise.noise_row": vector(loops=2),
    "noise.normal_lattice": scalar("a few nodes an image"),
    "noise.pixel_centers": vector(),
    "orbit_averages.add_terms": vector(loops=3),
    "orbit_fields.field_ranges": scalar("chooses, then compares", (f4[:, :, ::1], f4[:, ::1])),
    "orbit_fields.histogram": scalar("histogram", (f4[:, ::1], f4, f4, i8[::1])),
    "orbit_fields.measure_orbits": vector((f4[:, :, ::1], i8), loops=2),
    "color_spaces.curve_through": scalar(_A_FEW_COLORS, (f8[:, ::1], i8, b1)),
    "color_spaces.linear_to_lab": scalar(_A_FEW_COLORS, (f8[:, ::1],)),
    "color_spaces.nearest_codes": scalar(_A_FEW_COLORS, (f8[:, ::1], b1, f8[::1])),
    "color_spaces.opponents_to_gradient": vector(
        (f4[:, :, ::1], f4[:, ::1], read_only(u1, 2), u1[:, :, ::1])
    ),
    "color_spaces.opponents_to_rgb": vector((f4[:, :, ::1], f4[:, ::1], u1[:, :, ::1])),
    "plans._sample_box": scalar(_FROM_PLANS),
    "plans._sample_amount": scalar(_FROM_PLANS),
    "plans._sample_layermix": scalar(_FROM_PLANS),
    "plans._sample_pixmix": scalar(_FROM_PLANS, calls=2),
    "plans._sample_random_op": scalar(_FROM_PLANS),
    "plans._sample_whole_mixing": scalar(_FROM_PLANS),
    "plans._start_chain": scalar(_FROM_PLANS),
    "plans._sample_step": scalar(_FROM_PLANS),
    "plans.sample_plan": scalar(_FROM_PLANS, calls=2),
    "shading._add_samples": vector(),
    "shading._blend_rows": vector(loops=4),
    "shading._encode_row": vector(),
    "shading._find_entries": vector(),
    "shading._light_row": vector(),
    "shading._look_up": scalar(_LOOK_UPS),
    "shading._normalize_row": vector(loops=2),
    "shading._opacity_row": vector(),
    "shading._pair_up": scalar("once an image"),
    "shading.shade": vector(
        (
            f4[:, :, ::1],
            f4[:, ::1],
            f4[:, ::1],
            f4[:, ::1],
            f4[::1],
            f4[:, :, ::1],
            i8,
            f4[::1],
            f4,
            f4[::1],
            read_only(u1, 1),
            u1[:, :, ::1],
        )
    ),
    "trap_shapes.hide_from": scalar(_UNROLLED),
    "trap_shapes.keep_nearest": vector(),
    "trap_shapes.measure_distances": vector(loops=9),
    "affine_warp.warp": scalar("runs of pixels, in blocks written out"),
    "image_ops_tones.level_table": scalar("histogram"),
    "image_ops_tones.look_up": scalar(_LOOK_UPS),
    "ipmix._add_scaled": vector(),
    "ipmix._repeated": scalar("three numbers"),
    "ipmix._scale": vector(),
    "ipmix._write_interleaved": vector(),
    "ipmix._write_planes": vector(),
    "ipmix.apply_plans": vector(
        (
            _PLAN[:, ::1],
            read_only(u1, 4),
            read_only(u1, 4),
            f4[::1],
            f4[::1],
            b1,
            i8,
            f4[:, :, ::1],
        )
    ),
    "ipmix.draw_plans": scalar(
        _FROM_PLANS, (_PLAN[:, ::1], u8[::1], i8, i8, _CHOICES, _SETTINGS[::1])
    ),
    "max_entropy._add_four": vector(),
    "max_entropy._add_scaled": vector(),
    "max_entropy._add_wave": vector(),
    "max_entropy._add_weighted": scalar("row by row"),
    "max_entropy._clear": scalar("sets bytes"),
    "max_entropy._fill_deviations": scalar("folds modes, one after another"),
    "max_entropy._fill_field": scalar("mode by mode"),
    "max_entropy._fill_sine": vector(),
    "max_entropy._fill_sines": scalar("mode by mode"),
    "max_entropy._fill_waves": vector(),
    "max_entropy._fill_weights": vector(),
    "max_entropy._to_bytes": vector(),
    "max_entropy._to_floats": vector(),
    "max_entropy.deform": scalar("fetches pixels from anywhere"),
    "max_entropy.filter_image": scalar("row by row"),
    "max_entropy.tone_table": vector(),
    "mixing._add": vector(),
    "mixing._draw_mask": vector(),
    "mixing._fill_powers": vector(),
    "mixing._multiply": scalar(_LOOK_UPS),
    "mixing._replace": scalar("moves bytes by a mask"),
    "mixing.sample_factors": scalar(_FROM_PLANS),
    "affine_warp.shear_x": vector(),
    "curves._cover_piece": vector(),
    "curves._ink_row": vector(),
    "curves.draw_curves": scalar(
        "piece by piece", (f4[:, :, ::1], f4, f4[:, ::1], i8, i8, f4[:, :, ::1])
    ),
    "curves.orbit_points": scalar(
        _A_FEW_POINTS, (f4[::1], f4, f4[:, ::1], f4[:, ::1], f4[:, :, ::1])
    ),
    "curves.polygon_points": scalar(_A_FEW_POINTS, (u8, f4[::1], f4[::1], f4, f4, f4[:, :, ::1])),
    "flames._place": scalar(_UNROLLED),
    "flames._settle": scalar(_UNROLLED),
    "flames._vary": vector(loops=9),  # the others are unrolled
    "flames.play_flame": scalar(
        "looks up maps, scatters points",
        (
            f4[:, ::1],
            i8[::1],
            i8[::1],
            f4[:, ::1],
            f4[::1],
            i8,
            u8,
            f4[::1],
            i8,
            u4[:, ::1],
            u4[:, ::1],
        ),
    ),
    "leaves._cover_row": vector(loops=3),
    "leaves._paint_flat_row": vector(),
    "leaves._paint_shaded_row": vector(),
    "leaves._count_open": vector(),
    "leaves.paint_leaves": scalar(
        "leaf by leaf",
        (u8, i8[::1], f4[::1], f4[::1], f4[:, ::1], i8, i8, i8, f4[:, :, ::1]),
    ),
    "rings._add_ring": vector(),
    "rings.ring_rows": vector((f4[:, ::1], i8, i8, f4[:, ::1])),
    "spectra._butterfly": vector(),
    "spectra._fill_row": vector(),
    "spectra._add_turned": vector(),
    "spectra._odd_factor": scalar("one number"),
    "spectra._sum_odd": scalar("moves rows"),
    "spectra.input_order": scalar("once an image", (i8,)),
    "spectra.transpose_rows": scalar("transposes"),
    "spectra.spectral_noise": scalar("once a row", (u8, f4, f4, f4[:, :, ::1])),
    "spectra.transform": scalar("calls butterflies", (f4[:, ::1], f4[:, ::1])),
    "wavelets._add_both": vector(),
    "wavelets._energy": scalar("sums in one order"),
    "wavelets._join_row": scalar("every other value"),
    "wavelets._lift_row": scalar("calls sums"),
    "wavelets._lift_rows": scalar("calls sums"),
    "wavelets._raise_row": vector(),
    "wavelets._scale_row": vector(),
    "wavelets._split_row": scalar("every other value"),
    "wavelets.analyze": scalar("row by row", (f4[:, ::1], i8)),
    "wavelets.reshape_marginals": scalar("row by row", (f4[:, ::1], i8, f4[:, :, ::1])),
    "wavelets.synthesize": scalar("row by row", (f4[:, ::1], i8)),
    "tone_maps._add_cells": scalar("a few cells"),
    "tone_maps._develop_row": vector(),
    "tone_maps._smooth_row": vector(),
    "tone_maps.develop": scalar(
        "sums cells", (u4[:, :, ::1], i8, f4, f4, f4, f4, f4[::1], f4[:, :, ::1])
    ),
}


@dataclass(frozen=True)
class Reading:
    """What the innermost loops of one kernel, compiled for one level, are made of."""

    kernel: str
    types: str  # of its arguments
    widths: list[int]  # of each loop, in bits
    findings: dict[str, int]  # how often each was found

    @property
    def first_type(self) -> str:
        """The first number type among the arguments, which tells float32 from float64."""
        return re.findall(r"(?:u?int|float)\d+|bool|Record", self.types)[0]


def kernels() -> dict[str, Dispatcher]:
    """Return every function that is declared with `fractalgen.kernels.jit.kernel`, by name."""
    found = {}
    for module in pkgutil.iter_modules(fractalgen.kernels.__path__):
        declared = vars(importlib.import_module(f"fractalgen.kernels.{module.name}"))
        for name, value in declared.items():
            if isinstance(value, Dispatcher) and value.py_func.__module__ == declared["__name__"]:
                options = value.targetoptions
                if not options.get("forceinline") and options.get("inline") != "always":
                    found[f"{module.name}.{name}"] = value
    return found


class Recorded(JITCodeLibrary):
    """A compiled function that remembers what it was made of, as LLVM got it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._parts: list[bytes | JITCodeLibrary] = []

    def add_llvm_module(self, ll_module: Any) -> None:
        self._parts.append(ll_module.as_bitcode())
        super().add_llvm_module(ll_module)

    def add_linking_library(self, library: JITCodeLibrary) -> None:
        self._parts.append(library)
        super().add_linking_library(library)

    def made_by(self, codegen: JITCPUCodegen, made: dict[Any, JITCodeLibrary]) -> JITCodeLibrary:
        """Make it again for another processor, from what Numba made of the source once.

        `made` has those that were made before, and gets this one.
        """
        if self not in made:
            library = made[self] = JITCodeLibrary(codegen, self.name)
            for part in self._parts:
                if isinstance(part, bytes):
                    library.add_llvm_module(parse_bitcode(part))
                else:
                    library.add_linking_library(
                        part.made_by(codegen, made) if isinstance(part, Recorded) else part
                    )
            library.finalize()
        return made[self]


def read_here(levels: Sequence[str], names: list[str]) -> Iterator[tuple[str, Reading]]:
    """Compile for the levels, and read what came of it; this process is set up for the first.

    The readings of a kernel are those of its own code, with whatever was inlined into it; what it
    calls has readings of its own.
    """
    cpu_target.target_context.codegen()._library_class = Recorded
    found = kernels()
    called = [name for name in names if not EXPECTED[name].signatures]
    for name in EXPECTED if called or not names else names:
        for signature in EXPECTED[name].signatures:
            found[name].compile(signature)
    for level in levels:
        config.CPU_NAME, made = level, {}
        codegen = JITCPUCodegen(level)
        for name in names or found:
            for signature in found[name].signatures:
                compiled = found[name].overloads[signature]
                library = compiled.library
                if level != levels[0]:
                    with global_compiler_lock:
                        library = library.made_by(codegen, made)
                symbol = compiled.fndesc.mangled_name
                functions = listing(library.get_asm_str())
                slow = list(findings(functions, symbol))
                yield (
                    level,
                    Reading(
                        name,
                        str(signature),
                        [loop.width for loop in inner_loops(functions, symbol)],
                        {finding: slow.count(finding) for finding in sorted(set(slow))},
                    ),
                )


def signatures_in_use() -> set[tuple[str, str]]:
    """Return the kernels that a few images and views of each kind call, and the types."""
    command = [sys.executable, "-m", "tests.kernels.assembly", "--in-use"]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {(name, types) for name, types in json.loads(printed)}


def _use_kernels() -> list[tuple[str, str]]:
    for family in filter(lambda name: is_exact(FAMILIES[name]), FAMILIES):
        for index in range(8):
            render(sample(family, seed=2023, index=index), size=16)
    augment = IPMix(np.zeros((2, 36, 36, 3), np.uint8))
    augment.batch(np.zeros((8, 32, 32, 3), np.uint8), range(8))
    augment(np.zeros((32, 32, 3), np.uint8), seed=0)
    for name in (*CIFAR_LEVELS, *IMAGENET_LEVELS):
        levels = CIFAR_LEVELS if name in CIFAR_LEVELS else IMAGENET_LEVELS
        corrupted(levels, np.zeros((1, 16, 16, 3), np.uint8), [0], name, 1, 0)
    for name in (*CORRUPTIONS, *EXTRA):
        corrupted_commonly(np.zeros((2, 32, 32, 3), np.uint8), range(2), name, 1, 0)
    return [(name, str(one)) for name, kernel in kernels().items() for one in kernel.signatures]


def read(levels: Sequence[str], names: list[str]) -> dict[str, list[Reading]]:
    """Compile for the levels in a process of its own, with no cache but its own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "NUMBA_CPU_NAME": levels[0],
            "NUMBA_CPU_FEATURES": "",
            "NUMBA_CACHE_DIR": folder,
        }
        options = [f"--level={level}" for level in levels]
        command = [sys.executable, "-m", "tests.kernels.assembly", "--here", *options, *names]
        printed = subprocess.run(
            command, env={**os.environ, **settings}, check=True, stdout=subprocess.PIPE, text=True
        ).stdout
    found: dict[str, list[Reading]] = {level: [] for level in levels}
    for level, fields in json.loads(printed):
        found[level].append(Reading(**fields))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernels", nargs="*", metavar="KERNEL")
    parser.add_argument("--level", action="append", choices=LEVELS, help="all unless given")
    parser.add_argument("--here", action="store_true", help="in this process, as JSON")
    parser.add_argument("--in-use", action="store_true", help="what the package calls, as JSON")
    arguments = parser.parse_args()
    levels = arguments.level or list(LEVELS)
    if arguments.in_use:
        json.dump(_use_kernels(), sys.stdout)
        return
    if arguments.here:
        read_now = read_here(levels, arguments.kernels)
        json.dump([(level, asdict(reading)) for level, reading in read_now], sys.stdout)
        return
    lines = [
        f"{'kernel, its first type':44} {'level':10} {'loops of 0/128/256/512 bits':28} findings"
    ]
    for level, readings in read(levels, arguments.kernels).items():
        for one in readings:
            widths = " / ".join(f"{one.widths.count(width):2}" for width in (0, 128, 256, 512))
            slow = "; ".join(f"{n} x {what}" for what, n in one.findings.items())
            name = f"{one.kernel} {one.first_type}"
            lines.append(f"{name:44} {level:10} {widths:28} {slow}".rstrip())
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
