#!/usr/bin/python3
"""Writes tests/golden/network.h: the networks of ranker/network.h and Adam (ranker/adam.h) computed by PyTorch (Debian's python3-torch).

    scripts/golden_network.py > tests/golden/network.h

Layers are torch.nn.functional's, gradients are autograd's, the loss is binary_cross_entropy_with_logits with the rows' weights, steps are those of
torch.optim.AdamW; all in double. Parameters lie in the block in the order of struct network_layout."""
import sys

import torch
from torch.nn import functional as F

torch.manual_seed(20240117)
torch.set_default_dtype(torch.float64)
ROWS, WIDTH, HIDDEN1, HIDDEN2, TOWER, HEADS = 6, 5, 4, 3, 2, 2


def array(name, values):
    values = [float(v) for v in values]
    print(f"static const double {name}[{len(values)}] = {{")
    for at in range(0, len(values), 4):
        print("    " + ", ".join("%.17g" % v for v in values[at:at + 4]) + ",")
    print("};")


def network(x, p, experts):
    h1 = F.relu(F.linear(x, p["w1"].T, p["b1"]))
    h2 = F.relu(F.linear(h1, p["w2"].T, p["b2"]))
    logits = []
    for h in range(HEADS):
        mixed = h2
        if experts > 0:
            gate = F.softmax(F.linear(h1, p["wg"][:, h * experts:(h + 1) * experts].T, p["bg"][h * experts:(h + 1) * experts]), dim=1)
            mixed = torch.einsum("ne,nej->nj", gate, h2.reshape(ROWS, experts, HIDDEN2))
        own = slice(h * TOWER, (h + 1) * TOWER)
        tower = F.relu(F.linear(mixed, p["w3"][:, own].T, p["b3"][own]))
        logits.append(tower @ p["w4"][own] + p["b4"][h])
    return torch.stack(logits, dim=1)


def shapes(experts):
    second = HIDDEN2 * max(experts, 1)
    parts = [("w1", (WIDTH, HIDDEN1)), ("b1", (HIDDEN1,)), ("w2", (HIDDEN1, second)), ("b2", (second,)), ("w3", (HIDDEN2, HEADS * TOWER)),
             ("b3", (HEADS * TOWER,)), ("w4", (HEADS * TOWER,)), ("b4", (HEADS,))]
    return parts + [("wg", (HIDDEN1, HEADS * experts)), ("bg", (HEADS * experts,))] * (experts > 0)


def single(shape):
    """Values that a float holds, so that C starts from the same numbers."""
    return torch.randn(shape).float().double()


def golden(name, experts):
    x = single((ROWS, WIDTH)).requires_grad_()
    p = {key: (0.7 * single(shape)).float().double().requires_grad_() for key, shape in shapes(experts)}
    labels = (torch.rand(ROWS, HEADS) < .5).double()
    weights = torch.rand(ROWS, HEADS).float().double() * 2
    z = network(x, p, experts)
    loss = F.binary_cross_entropy_with_logits(z, labels, weight=weights, reduction="sum") / ROWS
    array(f"GOLDEN_{name}_THETA", torch.cat([v.detach().flatten() for v in p.values()]))
    array(f"GOLDEN_{name}_X", x.detach().flatten())
    array(f"GOLDEN_{name}_LABELS", labels.flatten())
    array(f"GOLDEN_{name}_WEIGHTS", weights.flatten())
    loss.backward()
    array(f"GOLDEN_{name}_LOGITS", z.detach().flatten())
    array(f"GOLDEN_{name}_LOSS", [loss])
    array(f"GOLDEN_{name}_GRADIENT", torch.cat([v.grad.flatten() for v in p.values()]))
    array(f"GOLDEN_{name}_DX", x.grad.flatten())


def adam():
    theta = torch.nn.Parameter(single((5,)))
    optimizer = torch.optim.AdamW([theta], lr=0.0123, betas=(.9, .999), eps=1e-8, weight_decay=0.37)
    array("GOLDEN_ADAM_START", theta.detach())
    gradients, after = [], []
    for _ in range(4):
        theta.grad = single((5,))
        gradients.append(theta.grad.clone())
        optimizer.step()
        after.append(theta.detach().clone())
    array("GOLDEN_ADAM_GRADIENTS", torch.cat(gradients))
    array("GOLDEN_ADAM_AFTER", torch.cat(after))


print("/* Made by scripts/golden_network.py (Python %d.%d, PyTorch %s). */" % (*sys.version_info[:2], torch.__version__))
print(f"enum {{ GOLDEN_ROWS = {ROWS}, GOLDEN_WIDTH = {WIDTH}, GOLDEN_HIDDEN1 = {HIDDEN1}, GOLDEN_HIDDEN2 = {HIDDEN2}, GOLDEN_TOWER = {TOWER}, "
      f"GOLDEN_HEADS = {HEADS}, GOLDEN_EXPERTS = 3 }};")
print("/* rate, decay */")
array("GOLDEN_ADAM", [0.0123, 0.37])
golden("SHARED", 0)
golden("MMOE", 3)
adam()
