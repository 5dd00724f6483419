"""Compiled functions of arrays and numbers; the only package that imports numba.

Everything here keeps one promise: the same arguments give the same bits on every processor. So
no kernel reorders float arithmetic (no ``contract``, ``reassoc`` or ``afn``), none calls the C
library's transcendental functions (see `fractalgen.kernels.elementary`), none draws from Numba's
own random state (see `fractalgen.kernels.random_bits`), and sums of floats run in a fixed order.
"""
