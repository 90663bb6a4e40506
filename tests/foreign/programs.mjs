// Whether a file is program code or a pickle, as section 11 of spec.md tells it. Of a pickle, opcodes are read and items
// of the stack are counted; nothing is made or run.
const START = 1 << 16;
const NAMES = /\.(pyx?|ipynb|r|rmd|jl|c|cc|cpp|cuh?|java|js|lua|pl|rb|sh|bash|bat|cmd|ps1|py[cod]|so|dll|dylib|exe|wasm|class|jar|pkl|pickle|joblib|dill|pth?|ckpt)$/;
const RECIPES = /^(dockerfile|containerfile|makefile|dockerfile\..*)$/s;
const BEGINNINGS = ["2321", "4d5a", "7f454c46", "cffaedfe", "cefaedfe", "cafebabe", "0061736d"];

const int = (text) => /^\s*[+-]?[0-9]+(_[0-9]+)*\s*$/.test(text);
const quoted = (text) => /^(["']).*\1$/s.test(text) && text.length > 1;
const ANY = () => true;
// What an opcode's argument is: a number of bytes, ["sized", bytes of its length], or how its lines must look.
const LINE = { I: [int], L: [(text) => int(text.replace(/L$/, ""))], g: [int], p: [int], F: [(text) => text.trim() !== "" && !Number.isNaN(Number(text))], S: [quoted], V: [ANY], P: [ANY], c: [ANY, ANY], i: [ANY, ANY] };
const FIXED = { G: 8, J: 4, K: 1, M: 2, h: 1, j: 4, q: 1, r: 4, "\x80": 1, "\x82": 1, "\x83": 2, "\x84": 4, "\x95": 8 };
const SIZED = { B: 4, C: 1, T: 4, U: 1, X: 4, "\x8a": 1, "\x8b": 4, "\x8c": 1, "\x8d": 8, "\x8e": 8, "\x96": 8 };
// How many items an opcode takes, whether all down to a mark before that, and how many it leaves.
const STACK = {
  "(": [0, false, "mark"], ")": [0, false, 1], ".": [1, false, 0], 0: [1, false, 0], 1: [0, true, 0], 2: [1, false, 2], N: [0, false, 1],
  Q: [1, false, 1], R: [2, false, 1], "]": [0, false, 1], a: [2, false, 1], b: [2, false, 1], d: [0, true, 1], e: [1, true, 1],
  i: [0, true, 1], l: [0, true, 1], o: [0, true, 1], s: [3, false, 1], t: [0, true, 1], u: [1, true, 1], "}": [0, false, 1],
  p: [0, false, 0], q: [0, false, 0], r: [0, false, 0], "\x80": [0, false, 0], "\x81": [2, false, 1], "\x85": [1, false, 1],
  "\x86": [2, false, 1], "\x87": [3, false, 1], "\x88": [0, false, 1], "\x89": [0, false, 1], "\x8f": [0, false, 1], "\x90": [1, true, 1],
  "\x91": [0, true, 1], "\x92": [3, false, 1], "\x93": [2, false, 1], "\x94": [1, false, 1], "\x95": [0, false, 0],
  "\x97": [0, false, 1], "\x98": [1, false, 1],
};
const IMPORTS = "ci\x93\x82\x83\x84";
const CALLS = "Rbio\x81\x92";

export function isProgram(name, bytes) {
  const last = name.toLowerCase().split("/").at(-1);
  const start = bytes.subarray(0, START);
  return NAMES.test(last) || RECIPES.test(last) || BEGINNINGS.includes(start.toString("hex", 0, 2)) || BEGINNINGS.includes(start.toString("hex", 0, 4)) || isPickle(start);
}

function isPickle(bytes) {
  const protocol = bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
  const stack = [];  // marks and items
  let [at, imported] = [0, false];
  while (at < bytes.length) {
    const opcode = String.fromCharCode(bytes[at]);
    const known = opcode in STACK || opcode in LINE || opcode in FIXED || opcode in SIZED;
    const end = known ? argument(bytes, at + 1, opcode) : 0;
    if (!end) return known && end === 0 && protocol && bytes.length === START;
    if (!moved(stack, STACK[opcode] ?? [0, false, 1], opcode === "0")) return false;
    if ((opcode === "c" || opcode === "i") && !isName(bytes.subarray(at + 1, end))) return false;
    imported ||= IMPORTS.includes(opcode);
    if (imported && CALLS.includes(opcode)) return true;
    at = end;
    if (opcode === ".") return !stack.length && (protocol || imported || at === bytes.length);
  }
  return protocol && bytes.length === START;
}

/** Where an opcode's argument ends; 0 if it is not whole, null if it is no such argument. */
function argument(bytes, at, opcode) {
  if (opcode in LINE) {
    let end = at;
    for (const isOne of LINE[opcode]) {
      const line = bytes.indexOf(10, end);
      if (line < 0) return 0;
      if (!isOne(bytes.toString("latin1", end, line))) return null;
      end = line + 1;
    }
    return end;
  }
  const size = FIXED[opcode] ?? SIZED[opcode] ?? 0;
  if (at + size > bytes.length) return 0;
  if (!(opcode in SIZED)) return at + size;
  const length = size === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUIntLE(at, size);
  return at + size + length > bytes.length ? 0 : at + size + length;
}

function moved(stack, [takes, toMark, leaves], isPop) {
  if (toMark || (isPop && stack.at(-1) === "mark")) {
    const mark = stack.lastIndexOf("mark");
    if (mark < 0) return false;
    stack.length = mark;
    if (!toMark) return true;
  }
  if (stack.length < takes || stack.slice(stack.length - takes).includes("mark")) return false;
  stack.length -= takes;
  stack.push(...(leaves === "mark" ? ["mark"] : Array(leaves).fill("item")));
  return true;
}

const isName = (bytes) => /^[\p{L}_][\p{L}\p{N}_.]*\n[\p{L}_][\p{L}\p{N}_.]*\n$/u.test(bytes.toString("latin1"));
