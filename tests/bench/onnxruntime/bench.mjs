// bench.mjs FOLDER REPEATS SIZE...   ONNX Runtime on one thread with the network that bench_ranker exported into FOLDER; one line of JSON:
// {"version", "largest_difference" (of a logit to ours), "times": [{"candidates", "us": [..], "call_us": [..]}]}
//
// The towers' first layers are one product and their logits one product with a block-diagonal matrix, which is quicker in ONNX Runtime
// than a pair of products per tower.  call_us are times of a model that computes nothing, with the same input.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import ort from 'onnxruntime-node';
import { denseModel, emptyModel } from './onnx.mjs';

const [folder, repeats, ...sizes] = process.argv.slice(2);
const floats = name => {
    const data = readFileSync(join(folder, name));
    return new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4).slice();
};
const { width, hidden1, hidden2, tower, heads } = JSON.parse(readFileSync(join(folder, 'shape.json'), 'utf8'));
const theta = floats('theta'), inputs = floats('inputs'), expected = floats('logits');

// ranker/network.h: all parameters in one block, matrices row by row.
let at = 0;
const take = (...dims) => {
    const n = dims.reduce((a, b) => a * b);
    return { dims, data: theta.slice(at, at += n) };
};
const layer = (k, m) => ({ w: take(k, m), b: take(m) });
const layers = [layer(width, hidden1), layer(hidden1, hidden2), layer(hidden2, heads * tower)];
const w4 = take(heads * tower).data, blocks = new Float32Array(heads * tower * heads);
w4.forEach((v, i) => { blocks[i * heads + Math.floor(i / tower)] = v; });
layers.push({ w: { dims: [heads * tower, heads], data: blocks }, b: take(heads) });
if (at !== theta.length) throw new Error(`theta has ${theta.length} floats, the shape needs ${at}`);

const options = { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential', graphOptimizationLevel: 'all' };
const dense = await ort.InferenceSession.create(denseModel(width, layers), options);
const empty = await ort.InferenceSession.create(emptyModel(width), options);

const request = n => ({ x: new ort.Tensor('float32', inputs.subarray(0, n * width), [n, width]) });
const time = async (session, feeds) => {
    await session.run(feeds);
    const start = process.hrtime.bigint();
    await session.run(feeds);
    return Number(process.hrtime.bigint() - start) / 1e3;
};

const all = inputs.length / width;
const { z } = await dense.run(request(all));
const difference = z.data.reduce((worst, v, i) => Math.max(worst, Math.abs(v - expected[i])), 0);
const times = sizes.map(n => ({ candidates: Number(n), us: [], call_us: [] }));
for (let repeat = 0; repeat < Number(repeats); repeat++) {
    for (const t of times) {
        t.us.push(await time(dense, request(t.candidates)));
        t.call_us.push(await time(empty, request(t.candidates)));
    }
}
const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json');
console.log(JSON.stringify({ version, largest_difference: difference, times }));
