// The vectors of spec.md, section 7: each encoded tensor is sound, has the stated digest, and gives the stated values.
import assert from "node:assert/strict";
import fs from "node:fs";
import test from "node:test";
import { check, decode, numbers } from "./encodings.mjs";
import { sha, shaJson } from "./json.mjs";

const ROW = /^\| `(\w+)` \| (\w+) (\[[0-9,]*\]) \| (?:`(.*?)`)? \| ((?:\w+ \w+ \[[0-9,]*\] [0-9a-f]*;? ?)+) \| `(.*?)` \| (sha256:[0-9a-f]{64}) \|$/gm;
const spec = fs.readFileSync("../../spec.md", "utf8");
const vectors = [...spec.matchAll(ROW)];

test("every encoding has a vector", () => {
  assert.equal(new Set(vectors.map(([, name]) => name)).size, 11);
});

for (const [, name, dtype, shape, params, given, values, digest] of vectors) {
  test(`${name} of ${dtype} ${shape}`, () => {
    const rows = given.trim().split("; ").map((item) => item.split(" "));
    const parts = Object.fromEntries(rows.map(([part, kind, axes, hex]) => [part, { dtype: kind, shape: JSON.parse(axes), bytes: Buffer.from(hex, "hex") }]));
    const tensor = { dtype, shape: JSON.parse(shape), encoding: { name, params: JSON.parse(params ?? "{}") } };
    check(tensor, parts);
    assert.deepEqual(decode(tensor, parts), JSON.parse(values));
    const described = Object.fromEntries(Object.entries(parts).map(([part, { dtype: kind, shape: axes, bytes }]) => [part, [kind, axes, sha(bytes)]]));
    assert.equal(shaJson({ encoding: name, params: tensor.encoding.params, parts: described }), digest);
  });
}

test("integers beyond 2^53 are kept", () => {
  const bytes = Buffer.alloc(16, 0xff);
  bytes.writeBigInt64LE(9007199254740993n);
  assert.deepEqual(numbers({ dtype: "I64", shape: [2], bytes }), [9007199254740993n, -1]);
  assert.deepEqual(numbers({ dtype: "U64", shape: [1], bytes: bytes.subarray(8) }), [18446744073709551615n]);
});

test("floats of few bits", () => {
  const all = (dtype, hex) => numbers({ dtype, shape: [hex.length / 2], bytes: Buffer.from(hex, "hex") });
  assert.deepEqual(all("F8_E4M3", "7e7f0138"), [448, NaN, 2 ** -9, 1]);
  assert.deepEqual(all("F8_E5M2", "7b7cfd"), [57344, Infinity, NaN]);
  assert.deepEqual(all("F8_E4M3FNUZ", "7f8001"), [240, NaN, 2 ** -10]);
  assert.deepEqual(all("F8_E8M0", "7fff00"), [1, NaN, 2 ** -127]);
  assert.deepEqual(numbers({ dtype: "F64", shape: [2], bytes: Buffer.from("0100000000000000ffffffffffffef7f", "hex") }), [5e-324, Number.MAX_VALUE]);
});
