// The language service of VS Code, configured as docs/editors.md says, completes a manifest and underlines its faults.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import service from "vscode-json-languageservice";

const made = process.env.CANDLE_SPEC_BUNDLES;
const docs = fs.readFileSync(fileURLToPath(new URL("../../docs/editors.md", import.meta.url)), "utf8");
const blocks = [...docs.matchAll(/```json\n([^]*?)```/g)].map(([, text]) => JSON.parse(text));
const settings = blocks.find((block) => block["json.schemas"])["json.schemas"];
const id = settings[0].url;
const schema = JSON.parse(fs.readFileSync(path.join(made, "checkpoint.7.json"), "utf8"));
const packaged = (name) =>
  JSON.parse(fs.readFileSync(new URL(`../../schemas/${name}/${id.split("/").at(-1)}.json`, import.meta.url), "utf8"));
const head = `{"$schema": "${id}", "schema_version": "${id.split("/").at(-1)}", "name": "uno"`;

// Text with @ where the cursor is -> what is offered there, and what is wrong with the document.
async function asked(text, schemas = settings) {
  const offset = text.indexOf("@");
  const document = service.TextDocument.create("file:///uno.candle/candle-checkpoint.json", "json", 1, text.replace("@", ""));
  const language = service.getLanguageService({
    schemaRequestService: async (uri) => {
      assert.match(uri, /^file:/, "nothing is fetched");
      return fs.readFileSync(path.join(made, path.basename(fileURLToPath(uri)).replace(".schema", ".7")), "utf8");
    },
  });
  language.configure({ validate: true, schemas: schemas.map(({ url, ...rest }) => ({ uri: url, ...rest })) });
  const parsed = language.parseJSONDocument(document);
  const offered = await language.doComplete(document, document.positionAt(Math.max(offset, 0)), parsed);
  const faults = await language.doValidation(document, parsed);
  return { offered: offered.items.map(({ label }) => label), faults: faults.map(({ message }) => message) };
}

test("the settings name the manifest and its schema", () => {
  assert.deepEqual(settings[0].fileMatch, ["candle-checkpoint.json"]);
  assert.equal(schema.$id, id);
});

test("members of the manifest", async () => {
  const { offered } = await asked(`${head}, "@"}`);
  assert.equal(offered.length, Object.keys(packaged("checkpoint").properties).length - 3);
  assert.ok(offered.length > 35);
});

test("roles of a file", async () => {
  const { offered } = await asked(`${head}, "files": [{"role": "@"}]}`);
  const roles = packaged("common/file").properties.role;
  const known = [...roles.anyOf[0].enum, ...roles.examples, ...packaged("common/text").$defs.own_value.examples];
  assert.deepEqual(offered.sort(), [...new Set(known)].map((role) => JSON.stringify(role)).sort());
  assert.ok(offered.length > 20);
});

test("members of an extension", async () => {
  const extension = id.replace("/checkpoint/", "/extensions/oncology/");
  const { offered } = await asked(`${head}, "extensions": {"${extension}": {"@"}}}`);
  assert.ok(offered.includes("cohort"));
  assert.equal(offered.length, Object.keys(packaged("extensions/oncology").properties).length);
});

test("a misspelt member is underlined, a sound manifest is not", async () => {
  const { sound, misspelt } = JSON.parse(fs.readFileSync(path.join(made, "manifests.json"), "utf8"));
  assert.deepEqual((await asked(fs.readFileSync(sound, "utf8"))).faults, []);
  assert.deepEqual((await asked(fs.readFileSync(misspelt, "utf8"))).faults, ["Property lisence is not allowed."]);
});

test("a file match alone is not enough: the manifest's $schema is a name, which an editor would fetch", async () => {
  const alone = [{ url: pathToFileURL(path.join(made, "checkpoint.schema.json")).href, fileMatch: settings[0].fileMatch }];
  const { faults } = await asked(`${head}}`, alone);
  assert.match(faults[0], /Unable to load schema/);
});
