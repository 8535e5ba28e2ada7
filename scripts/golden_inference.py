#!/usr/bin/python3
"""Writes tests/golden/inference.h: p-values, Holm's adjustment, confidence sequences and CUPED computed a second time (Debian's scipy).

    scripts/golden_inference.py > tests/golden/inference.h

Holm's adjusted p-value comes from its definition as a closed test: the largest Bonferroni p-value among all subsets of the
family that hold the hypothesis. The factor of a confidence sequence comes from the boundary it inverts: the root in z of
(1 + n rho^2)^(-1/2) exp(z^2 n rho^2 / (2 (1 + n rho^2))) = 1 / alpha, the normal mixture of likelihood ratios. CUPED's theta is the coefficient of a least-squares
regression of the units' influences on dummies of the arms and the covariate; the adjusted covariances are those of its unit-level
values."""
import itertools
import math
import sys

import numpy as np
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


def cuped():
    """Per unit: arm, clicks, impressions, clicks before, rate before. Metrics: clicks, clicks per impression."""
    rnd = np.random.default_rng(20240611)
    arm = rnd.integers(0, 3, 90)
    shown = rnd.integers(1, 30, 90)
    clicks = rnd.binomial(shown, .1 + .04 * arm)
    before = np.maximum(0, clicks + rnd.integers(-2, 4, 90))
    rate = np.round(clicks / shown + rnd.normal(0, .1, 90), 6)
    dummies = (arm[:, None] == np.arange(3)).astype(float)
    means, z = np.zeros((3, 2)), np.zeros((90, 2))
    for a in range(3):
        own = arm == a
        means[a] = clicks[own].mean(), clicks[own].sum() / shown[own].sum()
        z[own, 0] = clicks[own]
        z[own, 1] = (clicks[own] - means[a, 1] * shown[own]) / shown[own].mean()
    x = np.column_stack([before, rate])
    theta, reduction, adjusted = np.zeros(2), np.zeros(2), np.zeros((3, 2))
    for i in range(2):
        theta[i] = np.linalg.lstsq(np.column_stack([dummies, x[:, i]]), z[:, i], rcond=None)[0][3]
        rest = [v - dummies @ np.linalg.lstsq(dummies, v, rcond=None)[0] for v in (z[:, i], x[:, i])]
        reduction[i] = np.corrcoef(rest)[0, 1] ** 2
        for a in range(3):
            adjusted[a, i] = means[a, i] - theta[i] * (x[arm == a, i].mean() - x[:, i].mean())
    cov = [np.cov((z - theta * x)[arm == a].T) / (arm == a).sum() for a in range(3)]
    print("/* arm, clicks, impressions, covariate of the clicks, covariate of the clicks per impression */")
    rows("GOLDEN_CUPED_UNIT", 5, np.column_stack([arm, clicks, shown, x]))
    print("/* by metric: theta, share of the variance; by arm: adjusted means and their covariance by rows */")
    rows("GOLDEN_CUPED_FIT", 2, np.column_stack([theta, reduction]))
    rows("GOLDEN_CUPED_ARM", 6, [[*adjusted[a], *cov[a].ravel()] for a in range(3)])


print("/* Made by scripts/golden_inference.py (Python %d.%d, scipy %s). */" % (*sys.version_info[:2], scipy.__version__))
rows("GOLDEN_HOLM", 2, [(p, holm(FAMILY, i)) for i, p in enumerate(FAMILY)])
print("/* effect, se, bound; p of an effect above the bound, p of one below it */")
rows("GOLDEN_NONINFERIORITY", 5, [(e, s, b, stats.norm.sf((e - b) / s), stats.norm.cdf((e - b) / s)) for e, s, b in EFFECT])
print("/* units, alpha, standard errors */")
rows("GOLDEN_SEQUENCE", 3, [(n, a, factor(n, a)) for n, a in SEQUENCE])
print("/* x, degrees of freedom, tail */")
rows("GOLDEN_CHI2", 3, [(x, d, stats.chi2.sf(x, d)) for x, d in CHI2])
cuped()
