// The encodings of section 7 of spec.md: whether parts, parameters, offsets and indices are those of an encoding, and
// the values that an encoded tensor has. Integers beyond 2^53 are BigInts.
import { canonical, need } from "./json.mjs";

const ID = "CS-071";
const FLOATS = {
  // bits of exponent and fraction, bias, and what the largest exponent means
  F16: [5, 10, 15, "ieee"], BF16: [8, 7, 127, "ieee"], F32: [8, 23, 127, "ieee"], F64: [11, 52, 1023, "ieee"],
  F8_E5M2: [5, 2, 15, "ieee"], F8_E3M4: [3, 4, 3, "ieee"], F8_E4M3: [4, 3, 7, "fn"], F8_E4M3FNUZ: [4, 3, 8, "fnuz"],
  F8_E5M2FNUZ: [5, 2, 16, "fnuz"], F8_E4M3B11FNUZ: [4, 3, 11, "fnuz"], F6_E2M3: [2, 3, 1, ""], F6_E3M2: [3, 2, 3, ""],
  F4: [2, 1, 1, ""], F128: [15, 112, 16383, "ieee"],
};
const SMALL = { I4: 4, U4: 4, I2: 2, U2: 2, F4: 4, F6_E2M3: 6, F6_E3M2: 6, QU4: 4, QU2: 2 };
export const BYTES = {
  BOOL: 1, U8: 1, I8: 1, U16: 2, I16: 2, U32: 4, I32: 4, U64: 8, I64: 8, F16: 2, BF16: 2, F32: 4, F64: 8, C64: 8,
  F8_E4M3: 1, F8_E5M2: 1, F8_E4M3FNUZ: 1, F8_E5M2FNUZ: 1, F8_E8M0: 1,
};
const PAIRS = { C128: "F64", C32: "F16" };
const INTEGERS = { QI8: "I8", QU8: "U8", QI32: "I32" };
const WIDE = { F80: [10, 12, 16], F128: [16] };
const PARAMS = {
  // what must be there, what may be
  complex_pairs: [[], []], quantized: [["scheme"], ["axis", "bits", "order"]], sparse_coo: [[], ["coalesced"]],
  sparse_csr: [[], []], sparse_csc: [[], []], sparse_bsr: [["blocksize"], []], sparse_bsc: [["blocksize"], []],
  packed: [["bits", "order"], []], raw: [["byte_order"], []], strings: [["text"], ["width"]],
  structured: [["fields", "item_size"], []],
};
const COMPRESSED = ["compressed", "plain", "values"];
const PARTS = {
  complex_pairs: ["values"], packed: ["values"], raw: ["values"], quantized: ["scales", "values", "zero_points"],
  strings: ["bytes", "offsets"], sparse_coo: ["indices", "values"], sparse_csr: COMPRESSED, sparse_csc: COMPRESSED,
  sparse_bsr: COMPRESSED, sparse_bsc: COMPRESSED,
};

const product = (shape) => shape.reduce((size, n) => size * n, 1);
const equal = (one, other) => canonical(one) === canonical(other);
const isSize = (value) => Number.isSafeInteger(value) && value >= 0;
const kept = (integer) => (integer >= -(2n ** 53n) + 1n && integer < 2n ** 53n ? Number(integer) : integer);

function littleEndian(bytes) {
  return bytes.length ? BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`) : 0n;
}

/** The number that some bits are; one of F80 or F128 that a double does not hold is text, `mantissa * 2^exponent`. */
function number(dtype, bits) {
  if (dtype === "BOOL") return bits !== 0n;
  if (dtype === "F8_E8M0") return bits === 255n ? NaN : 2 ** (Number(bits) - 127);
  if (!(dtype in FLOATS)) return kept(/^I/.test(dtype) ? BigInt.asIntN(SMALL[dtype] ?? BYTES[dtype] * 8, bits) : bits);
  const [exponent, fraction, bias, special] = FLOATS[dtype];
  const sign = (bits >> BigInt(exponent + fraction)) & 1n ? -1 : 1;
  const power = Number((bits >> BigInt(fraction)) & ((1n << BigInt(exponent)) - 1n));
  const rest = bits & ((1n << BigInt(fraction)) - 1n);
  const last = power === 2 ** exponent - 1;
  if (special === "ieee" && last) return rest ? NaN : sign * Infinity;
  if (special === "fn" && last && rest === (1n << BigInt(fraction)) - 1n) return NaN;
  if (special === "fnuz" && sign < 0 && !power && !rest) return NaN;
  return scaled(sign, power ? rest | (1n << BigInt(fraction)) : rest, Math.max(power, 1) - bias - fraction);
}

function scaled(sign, mantissa, exponent) {
  let [most, least] = [mantissa, exponent];
  while (most && !(most & 1n)) [most, least] = [most >> 1n, least + 1];
  if (!most) return sign * 0;
  const high = least + most.toString(2).length - 1;
  if (most < 2n ** 53n && high <= 1023 && least >= -1074) return sign * Number(most) * 2 ** Math.max(least, -1022) * 2 ** Math.min(least + 1022, 0);
  return `${sign < 0 ? "-" : ""}${most} * 2^${least}`;
}

function extended(bytes) {
  const bits = littleEndian(bytes.subarray(0, 10));
  const [mantissa, power] = [bits & ((1n << 64n) - 1n), Number((bits >> 64n) & 0x7fffn)];
  const sign = bits >> 79n ? -1 : 1;
  if (power === 0x7fff) return mantissa << 1n & ((1n << 64n) - 1n) ? NaN : sign * Infinity;
  return scaled(sign, mantissa, Math.max(power, 1) - 16383 - 63);
}

/** The numbers of a stored array; pairs, of C64. */
export function numbers({ dtype, shape, bytes }) {
  if (dtype === "C64") return pairs(numbers({ dtype: "F32", shape: [...shape, 2], bytes }));
  if (dtype in SMALL) return stream(bytes, SMALL[dtype], product(shape), "low-first").map((bits) => number(dtype, bits));
  const size = BYTES[dtype];
  return Array.from({ length: product(shape) }, (_, i) => number(dtype, littleEndian(bytes.subarray(i * size, (i + 1) * size))));
}

const pairs = (flat) => Array.from({ length: flat.length / 2 }, (_, i) => flat.slice(2 * i, 2 * i + 2));

/** Numbers of some bits from a stream of them. */
function stream(bytes, bits, count, order) {
  const low = order === "low-first";
  const turned = (text) => (low ? [...text].reverse().join("") : text);
  const all = [...bytes].map((byte) => turned(byte.toString(2).padStart(8, "0"))).join("");
  return Array.from({ length: count }, (_, i) => BigInt(`0b${turned(all.slice(i * bits, (i + 1) * bits))}`));
}

/** Whether an encoded tensor is one of the table; `parts` have dtype and shape, and bytes where they are here. */
export function check({ dtype, shape, encoding: { name, params = {} } }, parts) {
  const [needed, allowed] = PARAMS[name] ?? [];
  need(needed, ID, name);
  need(!PARTS[name] || equal(Object.keys(parts).sort(), PARTS[name]), ID, "parts");
  need(needed.every((key) => key in params) && Object.keys(params).every((key) => needed.includes(key) || allowed.includes(key)), ID, "params");
  const part = (of, kind, axes) => need(parts[of].dtype === kind && equal(parts[of].shape, axes), ID, `${name}: ${of}`);
  CHECKS[name.replace(/^sparse_(csr|csc|bsr|bsc)$/, "compressed")]({ name, dtype, shape, params, parts, part });
}

const packing = (dtype, { bits, order }) => need(bits === SMALL[dtype] && ["low-first", "high-first"].includes(order), ID, "packing");
const inside = (list, end) => list.every((index) => index >= 0 && index < end);
const rises = (list, end) => list[0] === 0 && list.at(-1) === end && list.every((n, i) => !i || n >= list[i - 1]);
const valuesOf = (dtype) => [PAIRS[dtype] ?? dtype, dtype in PAIRS ? [2] : []];

const CHECKS = {
  complex_pairs({ dtype, shape, part }) {
    need(dtype in PAIRS, ID, dtype);
    part("values", PAIRS[dtype], [...shape, 2]);
  },
  quantized({ dtype, shape, params, parts, part }) {
    const { scales, zero_points: points } = parts;
    need(["F64", "F32"].includes(scales.dtype) && ["I64", "F64", "F32"].includes(points.dtype), ID, "scales");
    const channels = params.scheme === "per_channel" && isSize(params.axis) && params.axis < shape.length ? [shape[params.axis]] : null;
    const wanted = params.scheme === "per_tensor" && !("axis" in params) ? [1] : channels;
    need(wanted && equal(scales.shape, wanted) && equal(points.shape, wanted), ID, "scheme");
    if (dtype in INTEGERS) need(!("bits" in params || "order" in params), ID, "packing");
    else need(dtype === "QU4" || dtype === "QU2", ID, dtype);
    if (dtype in INTEGERS) return part("values", INTEGERS[dtype], shape);
    packing(dtype, params);
    part("values", "U8", [Math.ceil((product(shape) * SMALL[dtype]) / 8)]);
  },
  sparse_coo({ dtype, shape, params: { coalesced = false }, parts: { indices }, part }) {
    need(typeof coalesced === "boolean" && indices.dtype === "I64" && indices.shape.length === 2, ID, "indices");
    const [axes, count] = indices.shape;
    need(axes <= shape.length, ID, "indices");
    const [kind, pair] = valuesOf(dtype);
    part("values", kind, [count, ...shape.slice(axes), ...pair]);
    if (!indices.bytes) return;
    const flat = numbers(indices);
    for (let axis = 0; axis < axes; axis += 1) need(inside(flat.slice(axis * count, (axis + 1) * count), shape[axis]), ID, "an index");
    const place = (j) => flat.filter((_, at) => at % count === j);
    const after = (one, other) => one.reduce((found, n, axis) => found || other[axis] - n, 0) > 0;
    for (let j = 1; coalesced && j < count; j += 1) need(after(place(j - 1), place(j)), ID, "coalesced");
  },
  compressed({ name, dtype, shape, params: { blocksize = [1, 1] }, parts: { compressed, plain }, part }) {
    const batch = compressed.shape.slice(0, -1);
    const [at, side] = [batch.length, /cs?r$|sr$/.test(name) ? 0 : 1];
    need([compressed, plain].every((p) => ["I32", "I64"].includes(p.dtype)) && shape.length >= at + 2 && compressed.shape.length, ID, "indices");
    need(Array.isArray(blocksize) && blocksize.length === 2 && blocksize.every((n) => isSize(n) && n), ID, "blocksize");
    need(blocksize.every((n, i) => shape[at + i] % n === 0), ID, "blocksize");
    const lines = [0, 1].map((i) => shape[at + i] / blocksize[i]);
    const count = plain.shape.slice(-1);
    need(equal(compressed.shape, [...shape.slice(0, at), lines[side] + 1]) && equal(plain.shape, [...batch, ...count]), ID, "indices");
    const [kind, pair] = valuesOf(dtype);
    part("values", kind, [...batch, ...count, ...(name.startsWith("sparse_b") ? blocksize : []), ...shape.slice(at + 2), ...pair]);
    if (!compressed.bytes || !plain.bytes) return;
    const [starts, size] = [numbers(compressed), lines[side] + 1];
    for (let i = 0; i < starts.length; i += size) need(rises(starts.slice(i, i + size), count[0]), ID, "compressed");
    need(inside(numbers(plain), lines[1 - side]), ID, "an index");
  },
  packed({ dtype, shape, params, part }) {
    need(dtype in SMALL && !dtype.startsWith("Q"), ID, dtype);
    need(!dtype.startsWith("F") || (product(shape) * SMALL[dtype]) % 8, ID, "it fills whole bytes");
    packing(dtype, params);
    part("values", "U8", [Math.ceil((product(shape) * SMALL[dtype]) / 8)]);
  },
  raw({ dtype, shape, params, parts: { values } }) {
    const order = ["little", ...(dtype in WIDE ? ["big"] : []), ...(dtype === "BYTES" ? ["big", "unknown"] : [])];
    need(order.includes(params.byte_order), ID, "byte_order");
    need(values.dtype === "U8" && values.shape.length === shape.length + 1 && equal(values.shape.slice(0, -1), shape), ID, "values");
    const width = values.shape.at(-1);
    const one = (dtype in SMALL && !dtype.startsWith("Q")) || ["F8_E3M4", "F8_E4M3B11FNUZ"].includes(dtype);
    need(dtype === "BYTES" ? width > 0 : (WIDE[dtype] ?? (one ? [1] : [])).includes(width), ID, "width");
  },
  strings({ dtype, shape, params, parts: { bytes: blob, offsets }, part }) {
    need({ STR: "utf-8", BYTES: "none" }[dtype] === params.text && isSize(params.width ?? 0), ID, "text");
    need(blob.dtype === "U8" && blob.shape.length === 1, ID, "bytes");
    part("offsets", "I64", [product(shape) + 1]);
    if (!blob.bytes || !offsets.bytes) return;
    const ends = numbers(offsets);
    need(rises(ends, blob.shape[0]), ID, "offsets");
    for (let i = 1; i < ends.length; i += 1) {
      const item = text(blob.bytes.subarray(ends[i - 1], ends[i]), params.text);
      const length = dtype === "STR" ? [...item].length : item.length / 2;
      need(params.width === undefined || length <= params.width, ID, "width");
    }
  },
  structured({ dtype, shape, params: { fields, item_size: size }, parts, part }) {
    need(dtype === "STRUCT" && Array.isArray(fields) && isSize(size), ID, "fields");
    need(equal(fields.map(({ name }) => name).sort(), Object.keys(parts).sort()), ID, "fields");
    for (const field of fields) {
      const [stored, tail, width] = form(field);
      need(isSize(field.offset) && field.offset + width <= size, ID, field.name);
      part(field.name, stored, [...shape, ...tail]);
    }
  },
};

function text(bytes, kind) {
  if (kind === "none") return bytes.toString("hex");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return need(false, ID, "the text is not UTF-8");
  }
}

/** Stored dtype of a field, the axes behind those of the tensor, and the bytes that it takes in a record. */
function form({ dtype, shape = [] }) {
  const old = /^\('([^']+)', \(([0-9, ]+)\)\)$/.exec(dtype);
  if (old) {
    const whole = product(old[2].split(",").filter((n) => n.trim()).map(Number)) * form({ dtype: old[1] })[2];
    return ["U8", [whole], whole];
  }
  if (dtype in FLOATS || dtype in SMALL || dtype in BYTES) {
    const inPlace = dtype in BYTES;
    return [inPlace ? dtype : "U8", inPlace ? shape : [...shape, 1], product(shape) * (BYTES[dtype] ?? 1)];
  }
  const [, kind, count] = /^[<>|=]([a-zA-Z])([0-9]+)/.exec(dtype) ?? [];
  need(kind, ID, dtype);
  const size = Number(count) * (kind === "U" ? 4 : 1);
  const stored = kind === "b" ? "BOOL" : { i: "I", u: "U", f: "F", c: "C" }[kind] + size * 8;
  return stored in BYTES ? [stored, shape, product(shape) * size] : ["U8", [...shape, size], product(shape) * size];
}

/** The values of a tensor as lists in lists: complex numbers are pairs, bytes hexadecimal, records lists. */
export function decode({ dtype, shape, encoding: { name, params = {} } }, parts) {
  return nested(DECODE[name.replace(/^sparse_(csr|csc|bsr|bsc)$/, "compressed")]({ name, dtype, shape, params, parts }), shape);
}

/** Values as JSON has them: what it lacks is tagged. */
export function written(value) {
  if (Array.isArray(value)) return value.map(written);
  if (typeof value === "bigint") return { $int: String(value) };
  if (typeof value === "number" && !Number.isFinite(value)) return { $float: String(value).toLowerCase().replace("infinity", "inf") };
  return value;
}

function nested(flat, shape) {
  if (!shape.length) return flat[0];
  const step = product(shape.slice(1));
  return Array.from({ length: shape[0] }, (_, i) => nested(flat.slice(i * step, (i + 1) * step), shape.slice(1)));
}

const elements = (dtype, part) => (dtype in PAIRS ? pairs(numbers(part)) : numbers(part));
const add = (one, other) => (Array.isArray(one) ? one.map((n, i) => n + other[i]) : typeof one === "boolean" ? one || other : sum(one, other));
const sum = (one, other) => (typeof one === "bigint" || typeof other === "bigint" ? kept(BigInt(one) + BigInt(other)) : one + other);
const zeros = (dtype, shape) => Array.from({ length: product(shape) }, () => (dtype in PAIRS || dtype === "C64" ? [0, 0] : dtype === "BOOL" ? false : 0));
const at = (place, shape) => place.reduce((found, index, axis) => found * shape[axis] + index, 0);

function* places(shape, from = []) {
  if (from.length === shape.length) return yield from;
  for (let i = 0; i < shape[from.length]; i += 1) yield* places(shape, [...from, i]);
}

const DECODE = {
  complex_pairs: ({ dtype, parts }) => elements(dtype, parts.values),
  quantized({ dtype, shape, params, parts: { values, scales, zero_points: points } }) {
    const integers = dtype in SMALL ? stream(values.bytes, SMALL[dtype], product(shape), params.order).map(Number) : numbers(values);
    const [scale, zero] = [numbers(scales), numbers(points).map(Number)];
    const axis = [...places(shape)].map((place) => (params.scheme === "per_channel" ? place[params.axis] : 0));
    return integers.map((n, i) => (n - zero[axis[i]]) * scale[axis[i]]);
  },
  sparse_coo({ dtype, shape, parts: { indices, values } }) {
    const [out, flat, items] = [zeros(dtype, shape), numbers(indices), elements(dtype, values)];
    const [axes, count] = indices.shape;
    const inner = [...places(shape.slice(axes))];
    for (let j = 0, next = 0; j < count; j += 1) {
      const first = Array.from({ length: axes }, (_, axis) => flat[axis * count + j]);
      for (const rest of inner) {
        const place = at([...first, ...rest], shape);
        out[place] = add(out[place], items[next++]);
      }
    }
    return out;
  },
  compressed({ name, dtype, shape, params: { blocksize = [1, 1] }, parts: { compressed, plain, values } }) {
    const [out, starts, across, items] = [zeros(dtype, shape), numbers(compressed), numbers(plain), elements(dtype, values)];
    const batches = compressed.shape.slice(0, -1);
    const [size, count, byRow] = [compressed.shape.at(-1), plain.shape.at(-1), /sr$/.test(name)];
    const inner = [...places([...blocksize, ...shape.slice(batches.length + 2)])];
    let next = 0;
    for (const [index, batch] of [...places(batches)].entries()) {
      for (let entry = 0, line = 0; entry < count; entry += 1) {
        while (starts[index * size + line + 1] <= entry) line += 1;
        const other = across[index * count + entry];
        const [row, column] = byRow ? [line, other] : [other, line];
        for (const [i, j, ...rest] of inner) {
          const place = at([...batch, row * blocksize[0] + i, column * blocksize[1] + j, ...rest], shape);
          out[place] = add(out[place], items[next++]);
        }
      }
    }
    return out;
  },
  packed: ({ dtype, shape, params, parts }) => stream(parts.values.bytes, SMALL[dtype], product(shape), params.order).map((bits) => number(dtype, bits)),
  raw({ dtype, shape, params, parts: { values } }) {
    const width = values.shape.at(-1);
    return Array.from({ length: product(shape) }, (_, i) => {
      const item = Buffer.from(values.bytes.subarray(i * width, (i + 1) * width));
      if (dtype === "BYTES") return item.toString("hex");
      if (params.byte_order === "big") item.reverse();
      if (dtype === "F80") return extended(item);
      return number(dtype, littleEndian(item) & ((1n << BigInt(SMALL[dtype] ?? width * 8)) - 1n));
    });
  },
  strings({ params, parts: { bytes: blob, offsets } }) {
    const ends = numbers(offsets);
    return ends.slice(1).map((end, i) => text(blob.bytes.subarray(ends[i], end), params.text));
  },
  structured({ shape, params: { fields }, parts }) {
    const columns = fields.map((field) => column(field, parts[field.name], product(shape)));
    return Array.from({ length: product(shape) }, (_, i) => columns.map((items) => items[i]));
  },
};

/** A field of each record: numbers, texts without padding, else bytes in hexadecimal. */
function column({ dtype, shape = [] }, part, count) {
  const isBytes = part.dtype === "U8" && !/^.u1$/.test(dtype) && dtype !== "U8";
  const width = part.shape.at(-1);
  const items = isBytes ? Array.from({ length: product(part.shape.slice(0, -1)) }, (_, i) => part.bytes.subarray(i * width, (i + 1) * width)) : numbers(part);
  const found = isBytes ? items.map((item) => (/^[<>]U/.test(dtype) ? characters(item, dtype[0]) : item.toString("hex"))) : items;
  const size = product(shape);
  return Array.from({ length: count }, (_, i) => (isBytes && found.length === count ? found[i] : nested(found.slice(i * size, (i + 1) * size), shape)));
}

function characters(bytes, order) {
  const codes = Array.from({ length: bytes.length / 4 }, (_, i) => (order === "<" ? bytes.readUInt32LE(4 * i) : bytes.readUInt32BE(4 * i)));
  return String.fromCodePoint(...codes).replace(/\0+$/, "");
}
