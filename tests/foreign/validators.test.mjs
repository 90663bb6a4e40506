// ajv takes every bundle in its strictest mode and says of every document what the tools of the project say.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import Ajv from "ajv";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const made = process.env.CANDLE_SPEC_BUNDLES;
const read = (name) => JSON.parse(fs.readFileSync(name, "utf8"));
const cases = read(path.join(made, "cases.json"));

function compiled(file, draft) {
  const complain = (...words) => assert.fail(words.join(" "));
  const options = { strict: true, logger: { log: complain, warn: complain, error: complain } };
  const ajv = draft === "7" ? new Ajv(options) : new Ajv2020(options);
  addFormats(ajv);
  return ajv.compile(read(path.join(made, file)));
}

for (const { bundle, draft, documents } of cases) {
  test(`ajv, ${bundle}, ${documents.length} documents`, () => {
    const validate = compiled(bundle, draft);
    for (const { document, valid } of documents) {
      assert.equal(validate(read(document)), valid, `${document}: ${JSON.stringify(validate.errors)}`);
    }
  });
}

test("there are enough documents of both kinds", () => {
  const verdicts = cases.flatMap(({ documents }) => documents.map(({ valid }) => valid));
  assert.ok(verdicts.filter((valid) => valid).length > 100);
  assert.ok(verdicts.filter((valid) => !valid).length > 200);
});

test("ten lines with ajv take a manifest, and name a misspelt member", () => {
  const schema = path.join(made, "checkpoint.2020-12.json");
  const run = (manifest) => spawnSync(process.execPath, ["validate.mjs", schema, manifest], { encoding: "utf8" });
  const { sound, misspelt } = read(path.join(made, "manifests.json"));
  const [good, bad] = [run(sound), run(misspelt)];
  assert.deepEqual([good.status, good.stdout, good.stderr], [0, "", ""]);
  assert.equal(bad.status, 1);
  assert.match(bad.stdout, /"additionalProperty":"lisence"/);
});

test("they are the lines of docs/editors.md", () => {
  const [, ...lines] = fs.readFileSync("validate.mjs", "utf8").split("\n");
  assert.ok(fs.readFileSync("../../docs/editors.md", "utf8").includes(`\`\`\`js\n${lines.join("\n")}\`\`\``));
});
