/**
 * Runs the vectors of `edge/conformance` against the modules in `lib/`: `node conformance.js [FOLDER]`.
 *
 * Prints a line a file, the first differences of it, and exits with 1 where there is any.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { decode } from "./lib/decoding.js";
import { rowsOf } from "./lib/inputs.js";
import { Tokenizer } from "./lib/tokenizer.js";
import { Unicode } from "./lib/unicode.js";

const SHOWN = 3;
const TOLERANCE = 1e-6;
const folder = process.argv[2] ?? path.join(import.meta.dirname, "../conformance");
const read = (name) => JSON.parse(readFileSync(path.join(folder, name), "utf8"));
const unicode = new Unicode(read("unicode.json"));
const tokenizerOf = (vectors) => new Tokenizer(vectors.tokenizer, vectors.files, unicode);

/** An encoding as the vectors have it. */
function plain({ ids, segmentIds, offsets, words, sequenceIds, truncated }) {
  return { ids, segment_ids: segmentIds, offsets, words, sequence_ids: sequenceIds, truncated };
}

/** Where two values differ, as a path; null where they do not. Numbers of answers may differ by a little. */
function difference(found, expected, tolerance, at = "") {
  if (typeof found === "number" && typeof expected === "number") {
    return Math.abs(found - expected) <= tolerance ? null : `${at}: ${found}, expected ${expected}`;
  }
  if (found === null || expected === null || typeof found !== "object" || typeof expected !== "object") {
    return found === expected ? null : `${at}: ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`;
  }
  const [ours, theirs] = [found, expected].map((value) => Object.keys(value).sort().join());
  if (ours !== theirs) return `${at}: ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`;
  for (const key of Object.keys(expected)) {
    const inner = difference(found[key], expected[key], tolerance, `${at}.${key}`);
    if (inner !== null) return inner;
  }
  return null;
}

/** The checks of a tokenizer's file: what each is called, what it finds and what is expected. */
function* ofTokenizer(vectors) {
  const tokenizer = tokenizerOf(vectors);
  for (const { text, pair, max_length: most, encoding } of vectors.cases) {
    yield [`encode ${JSON.stringify(text)}`, () => plain(tokenizer.encode(text, pair, most)), encoding, 0];
  }
  for (const { text, pair = null, max_length: most, stride, encodings } of vectors.windows) {
    const found = () => tokenizer.windows(text, pair, most, stride).map(plain);
    yield [`windows ${JSON.stringify(text)}`, found, encodings, 0];
  }
  for (const { texts, max_length: most, length, arrays } of vectors.arrays) {
    const found = () => {
      const made = tokenizer.arrays(texts.map((text) => tokenizer.encode(text, null, most)), length);
      return Object.fromEntries(Object.entries(made).map(([name, rows]) => [name, rows.map((row) => [...row])]));
    };
    yield [`arrays of ${length}`, found, arrays, 0];
  }
}

function* ofDecoders(vectors) {
  const tokenizer = tokenizerOf(read(`tokenizer_${vectors.tokenizer}.json`));
  for (const { task, max_length: most, cases } of vectors.groups) {
    for (const { text, pair, choices, rows, outputs, answer } of cases) {
      const input = { text, pair, choices };
      const found = rowsOf(task, tokenizer, input, most);
      const name = `${task.name} ${JSON.stringify(text)}`;
      const own = () => found.encodings.map(({ ids, segmentIds }) => ({ ids, segment_ids: segmentIds }));
      yield [`rows of ${name}`, own, rows, 0];
      yield [`answer of ${name}`, () => decode(task, outputs, found, input, unicode), answer, TOLERANCE];
    }
  }
}

const CHECKS = { tokenizer: ofTokenizer, decoders: ofDecoders };
let failed = 0;
for (const file of readdirSync(folder).filter((name) => /^(tokenizer_.*|decoders)\.json$/.test(name)).sort()) {
  const vectors = read(file);
  const wrong = [];
  let count = 0;
  for (const [name, found, expected, tolerance] of CHECKS[vectors.kind](vectors)) {
    count++;
    let where;
    try {
      where = difference(found(), expected, tolerance);
    } catch (error) {
      where = ` ${error.stack}`;
    }
    if (where !== null) wrong.push(`  ${name}${where}`);
  }
  console.log(`${file}: ${count - wrong.length} of ${count}`);
  wrong.slice(0, SHOWN).forEach((line) => console.log(line));
  failed += wrong.length;
}
process.exitCode = failed ? 1 : 0;
