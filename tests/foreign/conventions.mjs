// What section 4 and 5 of spec.md say of single values: paths, calendars, check digits, licences; and orders of bytes.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { canonical, need } from "./json.mjs";

const SCHEMAS = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../schemas");
const vocabulary = (name) => JSON.parse(fs.readFileSync(path.join(SCHEMAS, "vocabularies", `${name}.json`), "utf8"));
const unicode = vocabulary("unicode");
const [licences, exceptions] = ["licenses", "exceptions"].map((kind) => new Set(vocabulary("licences")[kind].map((name) => name.toLowerCase())));
const OWN = /^(DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+$/;
const DEVICES = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\.|$)/i;
const PARTS_OF_TRAINING = ["scheduler", "scaler", "rng", "sampler"];

const assigned = (code) => {
  let [low, high] = [0, unicode.assigned.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const [first, last] = unicode.assigned[middle];
    if (code < first) high = middle - 1;
    else if (code > last) low = middle + 1;
    else return true;
  }
  return false;
};

export const folded = (name) => [...name].map((letter) => unicode.case_folding[letter] ?? letter).join("").normalize("NFC");

const storablePart = (part) =>
  part !== "" && !/[. ]$/.test(part) && !/[\x00-\x1f\x7f-\x9f<>:"|?*\\]/.test(part) && !DEVICES.test(part) &&
  Buffer.byteLength(part) <= 255 && [...part].every((letter) => assigned(letter.codePointAt(0)));

export const storable = (name) => name.normalize("NFC") === name && name.split("/").every(storablePart);

/** Values of the manifest that a schema cannot judge. */
export function check(manifest, metrics) {
  visit(manifest, (name, value) => {
    if (typeof value !== "string") return;
    if (name === "orcid") need(orcid(value), "CS-020", value);
    if (name === "ror" || name.endsWith("_ror")) need(ror(value), "CS-020", value);
    if (/^\d{4}-\d{2}-\d{2}(T[\d:.]+Z)?$/.test(value)) need(exists(value), "CS-021", value);
  });
  for (const { scheme, value } of manifest.identifiers ?? []) need(identifier(scheme, value), "CS-020", value);
  for (const text of Object.values(manifest.license ?? {})) need(typeof text !== "string" || licence(text), "CS-087", text);
  const terms = new Map(metrics.terms.map((term) => [term.id, term]));
  for (const evaluation of manifest.evaluations ?? []) measured(evaluation, terms.get(evaluation.metric.id) ?? {});
  graded(manifest.training_state);
  for (const { pointer } of manifest.field_sources ?? []) need(at(manifest, pointer) !== undefined, "CS-027", pointer);
}

function visit(node, see, name = "") {
  see(name, node);
  if (node !== null && typeof node === "object") for (const [key, value] of Object.entries(node)) visit(value, see, key);
}

function at(node, pointer) {
  const keys = pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return keys.reduce((found, key) => (found !== null && typeof found === "object" ? found[key] : undefined), node);
}

function orcid(text) {
  const digits = text.replace("https://orcid.org/", "").replaceAll("-", "");
  const total = [...digits.slice(0, 15)].reduce((sum, digit) => (sum + Number(digit)) * 2, 0);
  return "0123456789X"[(12 - (total % 11)) % 11] === digits[15];
}

const CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz";
function ror(text) {
  const id = text.replace("https://ror.org/", "");
  if (!/^0[0-9a-hjkmnp-tv-z]{6}[0-9]{2}$/.test(id)) return false;
  const number = [...id.slice(0, 7)].reduce((sum, letter) => sum * 32 + CROCKFORD.indexOf(letter), 0);
  return 98 - ((number * 100) % 97) === Number(id.slice(7));
}

const FORMS = {
  doi: /^10\.[0-9]{4,9}(\.[0-9]+)*\/\S+$/,
  swhid: /^swh:1:(cnt|dir|rev|rel|snp):[0-9a-f]{40}(;\S+)?$/,
  uuid: /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/,
  purl: /^pkg:[^\s/]+\/\S+$/,
  url: /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/\S+$/,
};
const identifier = (scheme, value) => !FORMS[scheme] || FORMS[scheme].test(value);

function exists(text) {
  const [year, month, day] = text.slice(0, 10).split("-").map(Number);
  const days = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
  return year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= days && (text.slice(17, 19) !== "60" || text.slice(11, 16) === "23:59");
}

/** The grammar of SPDX expressions; parentheses are counted. */
function licence(text) {
  let [depth, expected] = [0, "licence"];
  for (const token of text.match(/[()]|[^\s()]+/g) ?? []) {
    const word = token.toLowerCase();
    if (expected === "exception") {
      if (!exceptions.has(word)) return false;
      expected = "operator";
    } else if (expected === "licence" && token === "(") depth += 1;
    else if (expected === "licence") {
      if (!OWN.test(token) && !licences.has(word) && !licences.has(word.replace(/\+$/, ""))) return false;
      expected = "operator or with";
    } else if (token === ")" && depth) [depth, expected] = [depth - 1, "operator"];
    else if (/^(AND|OR|and|or)$/.test(token)) expected = "licence";
    else if (/^(WITH|with)$/.test(token) && expected === "operator or with") expected = "exception";
    else return false;
  }
  return !depth && expected.startsWith("operator");
}

function measured({ metric, value, interval = {} }, term) {
  const { min = -Infinity, max = Infinity } = term.range ?? {};
  const number = typeof value === "object" ? Number(value.$float.replace("inf", "Infinity")) : value;
  need((interval.lower ?? number) <= number && number <= (interval.upper ?? number), "CS-022");
  const lies = number >= min && number <= max && (Number.isFinite(number) || (number > 0 ? max : min) === Math.sign(number) * Infinity);
  need(!term.range || lies, "CS-023");
  need(!metric.direction || !term.direction || metric.direction === term.direction, "CS-024");
}

function graded(state) {
  if (!state) return;
  const status = (name) => state.parts?.[name]?.status;
  const exact = PARTS_OF_TRAINING.every((name) => ["present", "not-used"].includes(status(name)));
  const grade = status("optimizer") === "present" ? (exact ? "exactly-resumable" : "fine-tunable") : "inference-only";
  need(state.resume_grade === grade, "CS-025");
}

/** Whether a pointer of native keys leads through a state tree. */
export function isPlace(tree, pointer) {
  const keys = pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return keys.reduce((nodes, key) => nodes.flatMap((node) => inside(opened(tree, node), key)), [tree]).length > 0;
}

const opened = (tree, node) => (node?.$ref !== undefined ? at(tree, node.$ref) : node);

function* members(node) {
  const items = Array.isArray(node) ? node : (node?.$tuple ?? []);
  for (const [index, item] of items.entries()) {
    yield [String(index), item];
    const pair = item?.$tuple ?? item;
    if (Array.isArray(pair) && pair.length === 2 && typeof pair[0] === "string") yield [pair[0], pair[1]];
  }
  for (const [key, value] of node?.$dict ?? []) yield [typeof key === "object" && key ? (key.$int ?? key.$float ?? canonical(key)) : String(key), value];
}

function inside(node, key) {
  const found = [...members(node)].filter(([name]) => name === key).map(([, value]) => value);
  for (const within of [node?.state, node?.attributes, node?.items, ...(node?.args ?? [])]) {
    if (within !== undefined) found.push(...inside(within, key));
  }
  return found;
}

/** Row-major bytes as the native file has them: axes from slowest to fastest. */
export function reordered(bytes, shape, order) {
  const size = bytes.length / shape.reduce((total, n) => total * n, 1);
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((total, n) => total * n, size));
  const out = Buffer.alloc(bytes.length);
  const index = order.map(() => 0);
  for (let at = 0; at < bytes.length; at += size) {
    const from = order.reduce((total, axis, i) => total + index[i] * strides[axis], 0);
    bytes.copy(out, at, from, from + size);
    for (let i = order.length - 1; i >= 0 && ++index[i] === shape[order[i]]; i -= 1) index[i] = 0;
  }
  return out;
}

/** Bytes of numbers in the other order. */
export function swapped(bytes, size) {
  const out = Buffer.alloc(bytes.length);
  for (let at = 0; at < bytes.length; at += size) Buffer.from(bytes.subarray(at, at + size)).reverse().copy(out, at);
  return out;
}
