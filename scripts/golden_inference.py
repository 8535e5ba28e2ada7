#!/usr/bin/python3
"""Writes tests/golden/inference.h: p-values, Holm's adjustment and confidence sequences computed a second time (Debian's scipy).

    scripts/golden_inference.py > tests/golden/inference.h

Holm's adjusted p-value comes from its definition as a closed test: the largest Bonferroni p-value among all subsets of the
family that hold the hypothesis. The factor of a confidence sequence comes from the boundary it inverts: the root in z of
(1 + n rho^2)^(-1/2) exp(z^2 n rho^2 / (2 (1 + n rho^2))) = 1 / alpha, the normal mixture of likelihood ratios."""
import itertools
import math
import sys

import scipy
from scipy import optimize, stats

FAMILY = [.0131, .0427, .0089, .31, .0131, .77, .0246, .0012]
EFFECT = [(.0127, .0083, -.01), (-.0314, .0101, -.01), (-.0103, .0059, .0), (.0451, .0173, .02), (-.0022, .0007, .0013)]
SEQUENCE = [(2000, .05), (7351, .05), (10000, .01), (251317, .1), (4321987, .05)]
TUNED = 10000
CHI2 = [(3.7, 1), (11.31, 4), (41.9, 9), (.013, 2)]


def holm(p, i):
    others = [q for k, q in enumerate(p) if k != i]
    subsets = (s for r in range(len(p)) for s in itertools.combinations(others, r))
    return max(min(1, (len(s) + 1) * min([p[i], *s])) for s in subsets)


def factor(n, alpha):
    x = n * (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / TUNED
    return optimize.brentq(lambda z: z * z * x / (2 * (1 + x)) - math.log1p(x) / 2 + math.log(alpha), 0, 50, xtol=1e-15)


def rows(name, columns, values):
    print(f"static const double {name}[{len(values)}][{columns}] = {{")
    for v in values:
        print("    {" + ", ".join("%.17g" % x for x in v) + "},")
    print("};")


print("/* Made by scripts/golden_inference.py (Python %d.%d, scipy %s). */" % (*sys.version_info[:2], scipy.__version__))
rows("GOLDEN_HOLM", 2, [(p, holm(FAMILY, i)) for i, p in enumerate(FAMILY)])
print("/* effect, se, bound; p of an effect above the bound, p of one below it */")
rows("GOLDEN_NONINFERIORITY", 5, [(e, s, b, stats.norm.sf((e - b) / s), stats.norm.cdf((e - b) / s)) for e, s, b in EFFECT])
print("/* units, alpha, standard errors */")
rows("GOLDEN_SEQUENCE", 3, [(n, a, factor(n, a)) for n, a in SEQUENCE])
print("/* x, degrees of freedom, tail */")
rows("GOLDEN_CHI2", 3, [(x, d, stats.chi2.sf(x, d)) for x, d in CHI2])
