// node validate.mjs SCHEMA MANIFEST: what anybody writes with ajv.
import fs from "node:fs";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const [schema, manifest] = process.argv.slice(2).map((name) => JSON.parse(fs.readFileSync(name, "utf8")));
const ajv = new Ajv2020({ strict: true, allErrors: true });
addFormats(ajv);
const valid = ajv.validate(schema, manifest);
for (const error of ajv.errors ?? []) console.log(error.instancePath || "/", error.message, JSON.stringify(error.params));
process.exitCode = valid ? 0 : 1;
