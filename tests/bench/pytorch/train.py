#!/usr/bin/python3
"""train.py FOLDER THREADS EPOCHS   trains, with PyTorch, the problem that `bench_training --export FOLDER` wrote; one line of JSON:
{"version", "start_loss", "epochs": [{"loss" as met in training, "per_second" and "per_cpu_second": samples}]}

The layers, the joint log loss, the batch and the starting point are ours (ranker/network.h).  What makes PyTorch quicker and leaves the result as it
is, is done: tables of the same width are looked up as one, all towers' first layers are one product, and embeddings have sparse gradients and SparseAdam,
which like ours updates only the rows that a batch met."""
import json
import sys
import time

import numpy
import torch
from torch.nn import functional as F

folder, threads, epochs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(1)
with open(f"{folder}/problem.json") as file:
    problem = json.load(file)
rows, width, heads, batch = (int(problem[key]) for key in ("rows", "width", "heads", "batch"))
hidden1, hidden2, tower = (int(problem[key]) for key in ("hidden1", "hidden2", "tower"))
tables = [{key: int(value) for key, value in table.items()} for table in problem["tables"]]


def read(name, kind):
    return numpy.fromfile(f"{folder}/{name}", dtype=kind)


# Tables of one width become one, each behind the other.
stored, all_codes = read("embeddings", "<f4"), read("codes", "<u4").reshape(rows, len(tables)).astype(numpy.int64)
groups, order = [], []
for size in sorted({table["width"] for table in tables}):
    weights, codes, first = [], [], 0
    for index, table in enumerate(tables):
        if table["width"] == size:
            weights.append(stored[table["at"]:table["at"] + table["rows"] * size].reshape(-1, size))
            codes.append(all_codes[:, index] + first)
            first += table["rows"]
            order += range(table["input"], table["input"] + size)
    groups.append((torch.nn.Parameter(torch.from_numpy(numpy.concatenate(weights))), torch.from_numpy(numpy.stack(codes, axis=1))))
numeric = sorted(set(range(width)) - set(order))
order += numeric
inputs = torch.from_numpy(read("inputs", "<f4").reshape(rows, width)[:, numeric].copy())
labels = torch.from_numpy((read("labels", "<u4")[:, None] >> numpy.arange(heads, dtype="u4") & 1).astype("f4"))

theta, at = read("theta", "<f4"), 0


def take(*shape):
    global at
    size = int(numpy.prod(shape))
    at += size
    return theta[at - size:at].reshape(shape)


def parameter(values):
    return torch.nn.Parameter(torch.from_numpy(numpy.ascontiguousarray(values)))


# Matrices lie inputs by outputs; torch.nn.Linear holds them the other way.
w1, b1 = parameter(take(width, hidden1)[order].T), parameter(take(hidden1))
w2, b2 = parameter(take(hidden1, hidden2).T), parameter(take(hidden2))
w3, b3 = parameter(take(hidden2, heads * tower).T), parameter(take(heads * tower))
w4, b4 = parameter(take(heads, tower)), parameter(take(heads))
assert at == len(theta), f"theta has {len(theta)} floats, the shape needs {at}"


def loss_of(which):
    n = len(which)
    x = [F.embedding(codes[which], weights, sparse=True).reshape(n, -1) for weights, codes in groups]
    x = torch.cat(x + [inputs[which]], dim=1)
    h1 = F.relu(F.linear(x, w1, b1))
    h2 = F.relu(F.linear(h1, w2, b2))
    t = F.relu(F.linear(h2, w3, b3)).view(n, heads, tower)
    return F.binary_cross_entropy_with_logits((t * w4).sum(2) + b4, labels[which], reduction="sum")


rate = problem["learning_rate"]
optimizers = [torch.optim.Adam([w1, b1, w2, b2, w3, b3, w4, b4], lr=rate, foreach=True),
              torch.optim.SparseAdam([weights for weights, _ in groups], lr=rate)]


def epoch():
    total, shuffled = 0.0, torch.randperm(rows)
    for which in shuffled.split(batch):
        loss = loss_of(which)
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        (loss / len(which)).backward()
        for optimizer in optimizers:
            optimizer.step()
        total += loss.item()
    return total / rows


with torch.no_grad():
    start = sum(loss_of(which).item() for which in torch.arange(rows).split(4096)) / rows
times = []
for _ in range(epochs):
    begin, cpu = time.monotonic(), time.process_time()
    loss = epoch()
    times.append({"loss": loss, "per_second": rows / (time.monotonic() - begin), "per_cpu_second": rows / (time.process_time() - cpu)})
print(json.dumps({"version": torch.__version__, "start_loss": start, "epochs": times}))
