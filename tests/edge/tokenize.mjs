/**
 * Encodes texts with the modules of edge/web, for tests that compare them with Python.
 *
 * Reads JSON from standard input, `{tokenizer, files, unicode, cases}`, each case `[text, pair, max_length]`, and
 * writes a list of encodings to standard output.
 */
import { readFileSync } from "node:fs";
import { Tokenizer } from "../../edge/web/lib/tokenizer.js";
import { Unicode } from "../../edge/web/lib/unicode.js";

const { tokenizer, files, unicode, cases } = JSON.parse(readFileSync(0, "utf8"));
const made = new Tokenizer(tokenizer, files, new Unicode(unicode));
process.stdout.write(JSON.stringify(cases.map((given) => made.encode(...given))));
