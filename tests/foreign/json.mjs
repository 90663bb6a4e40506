// JSON as section 3 of spec.md has it, its canonical form (RFC 8785), digests, and names that are no Unicode text.
import { createHash } from "node:crypto";

/** A requirement is broken; `id` is its number. */
export class Broken extends Error {
  constructor(id, why = "") {
    super(why ? `${id} ${why}` : id);
    this.id = id;
  }
}

export const need = (holds, id, why) => {
  if (!holds) throw new Broken(id, why);
};

const DEEPEST = 256;
const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\x00-\x1f]*/y;
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
const WORDS = { true: true, false: false, null: null };

/** Parse a document; `twice` and `wrong` are what a repeated key and broken syntax break. */
export function parse(bytes, twice = "CS-005", wrong = "CS-004") {
  need(!(bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf), "CS-003");
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Broken("CS-003");
  }
  return new Parser(text, twice, wrong).document();
}

class Parser {
  constructor(text, twice, wrong) {
    Object.assign(this, { text, twice, wrong, at: 0 });
  }

  document() {
    const value = this.value(0);
    this.match(SPACE);
    need(this.at === this.text.length, this.wrong);
    return value;
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found;
  }

  take(sign) {
    this.match(SPACE);
    if (this.text[this.at] !== sign) return false;
    this.at += 1;
    return true;
  }

  value(depth) {
    need(depth <= DEEPEST, "CS-006");
    if (this.take("{")) return this.object(depth + 1);
    if (this.take("[")) return this.list(depth + 1);
    if (this.take('"')) return this.string();
    for (const [word, value] of Object.entries(WORDS)) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    need(!/^-?(NaN|Infinity)/.test(this.text.slice(this.at, this.at + 9)), "CS-007");
    return this.number();
  }

  number() {
    const found = this.match(NUMBER);
    need(found, this.wrong);
    const value = Number(found[0]);
    need(Number.isFinite(value), "CS-007");
    need(found[1] || found[2] || Number.isSafeInteger(value), "CS-012", `the integer ${found[0].slice(0, 40)}`);
    return value;
  }

  string() {
    let text = "";
    for (;;) {
      text += this.match(PLAIN)[0];
      if (this.text[this.at] === '"') break;
      need(this.text[this.at] === "\\", this.wrong);
      const sign = this.text[this.at + 1];
      const digits = this.text.slice(this.at + 2, this.at + 6);
      if (sign === "u" && /^[0-9a-fA-F]{4}$/.test(digits)) {
        text += String.fromCharCode(Number.parseInt(digits, 16));
        this.at += 6;
      } else {
        need(Object.hasOwn(ESCAPES, sign), this.wrong);
        text += ESCAPES[sign];
        this.at += 2;
      }
    }
    this.at += 1;
    need(text.isWellFormed(), "CS-007");
    return text;
  }

  list(depth) {
    const items = [];
    if (this.take("]")) return items;
    do items.push(this.value(depth));
    while (this.take(","));
    need(this.take("]"), this.wrong);
    return items;
  }

  object(depth) {
    const members = Object.create(null);
    if (this.take("}")) return members;
    do {
      need(this.take('"'), this.wrong);
      const key = this.string();
      need(!(key in members), this.twice);
      need(this.take(":"), this.wrong);
      members[key] = this.value(depth);
    } while (this.take(","));
    need(this.take("}"), this.wrong);
    return members;
  }
}

/** The form of RFC 8785: members by their UTF-16 code units, numbers as ECMAScript writes them. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const rows = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${rows.join()}}`;
}

export const sha = (bytes) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
export const shaJson = (value) => sha(Buffer.from(canonical(value)));

/** The bytes by which a name is sorted: UTF-8, halves of surrogate pairs as three bytes each (WTF-8). */
export function nameBytes(name) {
  if (typeof name === "string") return Buffer.from(name);
  const parts = [];
  for (const character of units(name)) {
    const code = character.codePointAt(0);
    const alone = code >= 0xd800 && code <= 0xdfff;
    parts.push(alone ? Buffer.from([0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)]) : Buffer.from(character));
  }
  return Buffer.concat(parts);
}

const units = (name) => name.$str.replace(/..../g, (digits) => String.fromCharCode(Number.parseInt(digits, 16)));

/** A name with text before it; `{"$str"}` has it among its digits. */
export function prefixed(before, name) {
  if (typeof name === "string") return before + name;
  const digits = [...Array(before.length).keys()].map((i) => before.charCodeAt(i).toString(16).padStart(4, "0"));
  return { $str: digits.join("") + name.$str };
}
