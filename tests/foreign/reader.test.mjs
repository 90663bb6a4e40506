// The second reader says of every folder of the conformance suite what is expected of a reader.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import { canonical, nameBytes, parse, prefixed } from "./json.mjs";
import { verdict } from "./reader.mjs";

const SUITE = "../conformance";
const { valid, invalid } = JSON.parse(fs.readFileSync(path.join(SUITE, "expectations.json"), "utf8"));

for (const [name, expected] of Object.entries(valid)) {
  test(`valid: ${name}`, () => {
    const { path: _, ...found } = verdict(path.join(SUITE, name), { values: true });
    assert.deepEqual(found, expected);
  });
}

for (const [name, { requirement }] of Object.entries(invalid)) {
  test(`invalid: ${name}`, () => assert.equal(verdict(path.join(SUITE, name)).broken, requirement));
}

test("there are enough folders of both kinds", () => {
  assert.ok(Object.keys(valid).length > 20);
  assert.ok(Object.keys(invalid).length > 150);
});

test("JSON is canonical as RFC 8785 has it", () => {
  const text = String.raw`{"b": 1.0, "a": [1e-7, 1e21, -0, 0.1, "\u20ac\u001f"], "__proto__": {"\ud83d\ude00": 1, "\ufb33": 2}}`;
  const expected = String.raw`{"__proto__":{"~":1,"#":2},"a":[1e-7,1e+21,0,0.1,"€\u001f"],"b":1}`;
  assert.equal(canonical(parse(Buffer.from(text))), expected.replace("~", "\u{1f600}").replace("#", "\ufb33"));
});

test("what is no JSON of the format is told", () => {
  const told = (text) => {
    try {
      return parse(Buffer.from(text));
    } catch ({ id }) {
      return id;
    }
  };
  assert.equal(told('{"a": 1, "a": 2}'), "CS-005");
  assert.equal(told("[".repeat(257)), "CS-006");
  assert.equal(told('"\\ud800"'), "CS-007");
  for (const number of ["NaN", "-Infinity", "1e999"]) assert.equal(told(number), "CS-007");
  assert.equal(told("9007199254740993"), "CS-012");
  for (const text of ["", "[1,]", "01", "{a: 1}", "'a'", '"\t"', "[1] 2", "nul"]) assert.equal(told(text), "CS-004", text);
});

test("names that are no Unicode text are sorted by WTF-8", () => {
  const names = ["\u{1f600}", { $str: "d800" }, "\uffff", "a"].sort((a, b) => Buffer.compare(nameBytes(a), nameBytes(b)));
  assert.deepEqual(names, ["a", { $str: "d800" }, "\uffff", "\u{1f600}"]);
  assert.deepEqual(prefixed("m/", { $str: "d800" }), { $str: "006d002fd800" });
});
