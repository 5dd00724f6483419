"""Compiled functions of arrays and numbers; the only package that imports numba.

The same arguments give the same bits on every processor. So no kernel reorders float arithmetic (no
``contract``, ``reassoc`` or ``afn``), calls the C library's transcendental functions (see
`fractalgen.kernels.elementary`), or draws from Numba's own random state (see
`fractalgen.kernels.random_bits`), and sums of floats run in a fixed order.
"""
