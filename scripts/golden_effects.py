#!/usr/bin/env python3
"""Writes tests/golden/effects.h: effects of a round of four arms and three metrics in exact rational arithmetic.

The covariances do not come from the formulas in base/stats/effects.h but from J V J', with J the matrix of partial derivatives
of r = m_a / m_c - 1 (or m_a - m_c) by all twelve means, and V the block-diagonal covariance of the means."""
import random
import sys
from fractions import Fraction as F

ARMS, METRICS, CONTROL = 4, 3, 1
rnd = random.Random(20240117)


def spd():
    b = [[F(rnd.randint(-99, 99), 9973) for _ in range(METRICS)] for _ in range(METRICS)]
    return [[sum(b[i][k] * b[j][k] for k in range(METRICS)) / 40 for j in range(METRICS)] for i in range(METRICS)]


mean = [[F(rnd.randint(100, 999), 733) for _ in range(METRICS)] for _ in range(ARMS)]
cov = [spd() for _ in range(ARMS)]
others = [a for a in range(ARMS) if a != CONTROL]
index = [(a, i) for a in others for i in range(METRICS)]
weight = [F(13, 7), F(0), F(-5, 11)]


def jacobian(relative):
    rows = []
    for a, i in index:
        row = {}
        m, c = mean[a][i], mean[CONTROL][i]
        row[(a, i)] = 1 / c if relative else F(1)
        row[(CONTROL, i)] = -m / c**2 if relative else F(-1)
        rows.append(row)
    return rows


def jvj(rows):
    return [[sum(x * y * (cov[p[0]][p[1]][q[1]] if p[0] == q[0] else 0) for p, x in r.items() for q, y in s.items())
             for s in rows] for r in rows]


# Second-order bias of m/c: half of the second derivative by c, 2 m / c^3, times Var(c).
relative = [mean[a][i] / mean[CONTROL][i] - mean[a][i] / mean[CONTROL][i]**3 * cov[CONTROL][i][i] - 1 for a, i in index]
absolute = [mean[a][i] - mean[CONTROL][i] for a, i in index]
rel_cov, abs_cov = jvj(jacobian(True)), jvj(jacobian(False))
n = len(others)
value = [sum(weight[i] * relative[a * METRICS + i] for i in range(METRICS)) for a in range(n)]
value_cov = [[sum(weight[i] * weight[j] * rel_cov[a * METRICS + i][b * METRICS + j] for i in range(METRICS)
                  for j in range(METRICS)) for b in range(n)] for a in range(n)]


def flat(x):
    return [z for y in x for z in flat(y)] if isinstance(x, list) else [x]


def array(name, x):
    values = flat(x)
    print(f"static const double {name}[{len(values)}] = {{")
    for at in range(0, len(values), 4):
        print("    " + ", ".join("%.17g" % float(v) for v in values[at:at + 4]) + ",")
    print("};")


print("/* Made by scripts/golden_effects.py (Python %d.%d, fractions: exact, rounded once). */" % sys.version_info[:2])
print(f"enum {{ GOLDEN_ARMS = {ARMS}, GOLDEN_METRICS = {METRICS}, GOLDEN_CONTROL = {CONTROL}, GOLDEN_EFFECTS = {len(index)} }};")
for name, x in (("MEAN", mean), ("COV", cov), ("RELATIVE", relative), ("RELATIVE_COV", rel_cov), ("ABSOLUTE", absolute),
                ("ABSOLUTE_COV", abs_cov), ("WEIGHT", weight), ("VALUE", value), ("VALUE_COV", value_cov)):
    array("GOLDEN_" + name, x)
