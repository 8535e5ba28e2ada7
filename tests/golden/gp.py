#!/usr/bin/python3
"""Writes tests/golden/gp.h: a Gaussian process computed a second time, by numpy in double precision, from the definitions.

    python3 tests/golden/gp.py > tests/golden/gp.h

Independent of tuner/core/gp.c: the known control enters as an exact observation in one big joint normal distribution, round effects
as random functions of their own in it, and everything follows from conditioning that distribution.
"""
import numpy as np

N, D = 7, 3
X = np.array([[.137, .921, .533], [.711, .048, .266], [.402, .377, .898], [.845, .612, .119], [.293, .755, .407],
              [.568, .184, .662], [.031, .469, .784]])
Y = np.array([.8273, -1.4142, .3319, -.2718, 1.0723, -.5772, .1933])
START = [0, 3, 5, 7]
A = np.array([[.31, 0, 0], [.12, .27, 0], [-.05, .08, .35]])
B = np.array([[.22, 0], [.17, .29]])
C = np.array([[.41, 0], [0, 0]])                      # the last point's noise is unknown
NOISE = [A @ A.T, B @ B.T, C @ C.T]
UNKNOWN = [0, 0, 0, 0, 0, 0, 1]
CONTROL = np.array([.457, .589, .349])
MEAN_SD = 0.83
L = np.array([.612, .287, 1.341])
S, MISFIT, U, W = 1.27, .064, .231, .173
NEW = np.array([[.219, .643, .581], [.774, .305, .452]])


def shape(kind, a, b):
    r2 = (((a[:, None, :] - b[None, :, :]) / L) ** 2).sum(-1)
    if kind == 'SE':
        return np.exp(-r2 / 2)
    q = np.sqrt(5 * r2)
    return (1 + q + q * q / 3) * np.exp(-q)


def kernel(kind, a, b):
    return S * S * shape(kind, a, b) + MEAN_SD ** 2


def conditioned(kind, a, b):
    k = kernel(kind, a, b)
    c = CONTROL[None, :]
    return k - kernel(kind, a, c) @ kernel(kind, c, b) / kernel(kind, c, c)


def solve(kind, control, rounds):
    """log evidence, and mean and covariance of f at NEW."""
    noise = np.zeros((N, N))
    same = np.zeros((N, N))
    for r in range(3):
        i = slice(START[r], START[r + 1])
        noise[i, i] = NOISE[r]
        same[i, i] = 1
    noise += np.diag(MISFIT ** 2 + U ** 2 * np.array(UNKNOWN) + 1e-8 * S * S)
    base = conditioned if control else kernel
    cy = base(kind, X, X) + (W * same * base(kind, X, X) if rounds else 0) + noise
    cross = base(kind, NEW, X)
    sign, logdet = np.linalg.slogdet(cy)
    assert sign > 0
    evidence = -.5 * (Y @ np.linalg.solve(cy, Y) + logdet + N * np.log(2 * np.pi))
    mean = cross @ np.linalg.solve(cy, Y)
    cov = base(kind, NEW, NEW) - cross @ np.linalg.solve(cy, cross.T)
    if control and not rounds:       # once more, the control as an eighth exact observation
        big = np.vstack([X, CONTROL])
        cb = kernel(kind, big, big)
        cb[:N, :N] += noise
        yb = np.append(Y, 0.)
        kb = kernel(kind, NEW, big)
        assert np.allclose(kb @ np.linalg.solve(cb, yb), mean, atol=1e-11)
        assert np.allclose(kernel(kind, NEW, NEW) - kb @ np.linalg.solve(cb, kb.T), cov, atol=1e-11)
    return evidence, mean, cov


def numbers(values):
    return ', '.join('%.17g' % v for v in np.ravel(values))


print('/* Written by tests/golden/gp.py with numpy %s, float64: do not edit. */' % np.__version__)
print('#ifndef TRIMTAB_TESTS_GOLDEN_GP_H\n#define TRIMTAB_TESTS_GOLDEN_GP_H\n#include <stdbool.h>\n#include <stddef.h>\n')
print('enum { GOLDEN_N = %d, GOLDEN_DIM = %d, GOLDEN_NEW = 2, GOLDEN_ROUNDS = 3 };' % (N, D))
for name, values in [('X', X), ('Y', Y), ('CONTROL', CONTROL), ('LENGTHSCALE', L), ('NEW_X', NEW),
                     ('NOISE', np.concatenate([b.ravel() for b in NOISE]))]:
    print('static const double GOLDEN_%s[] = {%s};' % (name, numbers(values)))
print('static const size_t GOLDEN_START[] = {%s};' % ', '.join(map(str, START)))
print('static const bool GOLDEN_UNKNOWN[] = {%s};' % ', '.join(map(str, UNKNOWN)))
for name, value in [('MEAN_SD', MEAN_SD), ('SCALE', S), ('MISFIT', MISFIT), ('NOISE_SD', U), ('ROUND', W)]:
    print('static const double GOLDEN_%s = %.17g;' % (name, value))
print('static const struct {\n    bool squared_exponential, control, rounds;\n    double evidence, mean[2], cov[4];\n} GOLDEN[] = {')
for kind in ('MATERN52', 'SE'):
    for control in (0, 1):
        for rounds in (0, 1):
            e, m, c = solve(kind, control, rounds)
            print('    {%d, %d, %d, %.17g, {%s}, {%s}},' % (kind == 'SE', control, rounds, e, numbers(m), numbers(c)))
print('};\n#endif')
