/**
 * Encodes texts with the modules of edge/web, for tests that compare them with Python: JSON from standard input,
 * `{tokenizer, files, unicode, texts}`, to JSON on standard output, a list of `{ids, offsets}`.
 */
import { readFileSync } from "node:fs";
import { Tokenizer } from "../../edge/web/lib/tokenizer.js";
import { Unicode } from "../../edge/web/lib/unicode.js";

const { tokenizer, files, unicode, texts } = JSON.parse(readFileSync(0, "utf8"));
const made = new Tokenizer(tokenizer, files, new Unicode(unicode));
const found = texts.map((text) => made.encode(text)).map(({ ids, offsets, words }) => ({ ids, offsets, words }));
process.stdout.write(JSON.stringify(found));
