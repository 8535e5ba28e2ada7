// onnx.mjs - writes a network of fully connected layers as an ONNX model (IR version 8, operator set 17).
//
// An ONNX file is a protobuf message; the dozen fields used here (onnx.proto, messages ModelProto, GraphProto, NodeProto, TensorProto,
// ValueInfoProto) are encoded by hand: a field is a varint (number << 3 | wire type) and a varint, or a length and that many bytes.

const varint = n => {
    const bytes = [];
    for (; n >= 128; n = Math.floor(n / 128)) bytes.push(n % 128 | 128);
    return Buffer.from([...bytes, n]);
};
const integer = (field, n) => Buffer.concat([varint(field * 8), varint(n)]);
const bytes = (field, data) => {
    const buffer = Buffer.from(data);
    return Buffer.concat([varint(field * 8 + 2), varint(buffer.length), buffer]);
};
const message = (field, ...fields) => bytes(field, Buffer.concat(fields));

const FLOAT = 1, INT64 = 7;

const tensor = ({ name, dims, data }) =>
    message(5, ...dims.map(d => integer(1, d)), integer(2, FLOAT), bytes(8, name),
        bytes(9, Buffer.from(data.buffer, data.byteOffset, data.byteLength)));
const node = (type, inputs, output) => message(1, ...inputs.map(i => bytes(1, i)), bytes(2, output), bytes(4, type));
const value = (field, name, type, dims) =>
    message(field, bytes(1, name),
        message(2, message(1, integer(1, type),
            message(2, ...dims.map(d => message(1, typeof d === 'number' ? integer(1, d) : bytes(2, d)))))));
const model = graph => Buffer.concat([integer(1, 8), message(7, ...graph), message(8, bytes(1, ''), integer(2, 17))]);

/** x [n, width] -> z [n, last]: layers [{w: {dims: [k, m], data}, b: {dims: [m], data}}], relu behind all but the last. */
export function denseModel(width, layers) {
    const nodes = [], tensors = [];
    let last = 'x';
    layers.forEach(({ w, b }, i) => {
        const final = i === layers.length - 1, sum = final ? 'z' : `sum${i}`;
        tensors.push(tensor({ name: `w${i}`, ...w }), tensor({ name: `b${i}`, ...b }));
        nodes.push(node('Gemm', [last, `w${i}`, `b${i}`], sum));
        if (!final) nodes.push(node('Relu', [sum], `h${i}`));
        last = `h${i}`;
    });
    const heads = layers.at(-1).b.dims[0];
    return model([...nodes, bytes(2, 'dense'), ...tensors, value(11, 'x', FLOAT, ['n', width]), value(12, 'z', FLOAT, ['n', heads])]);
}

/** x [n, width] -> its shape: nothing is computed, so its time is that of a call. */
export function emptyModel(width) {
    return model([node('Shape', ['x'], 'z'), bytes(2, 'empty'), value(11, 'x', FLOAT, ['n', width]), value(12, 'z', INT64, [2])]);
}
