/**
 * The pre-tokenizers of `tokenizer.json`: how a normalized text is cut into the words that a model splits.
 *
 * `preTokenizer(state, unicode)` gives a function from an `Aligned` text to a list of them.
 */
import { InputError } from "./errors.js";
import { codePoints } from "./text.js";
import { IN } from "./unicode.js";

const SPACE = 0x20;
const CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map(codePoints);

/**
 * The printable character that stands for each byte in byte-level pieces, by byte: those that print stand for
 * themselves, the others for the characters from U+0100 on.
 * @type {number[]}
 */
export const BYTES = (() => {
  const prints = (byte) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => (prints(byte) ? byte : next++));
})();

/**
 * @param {object | null} state the pre-tokenizer of a `tokenizer.json`.
 * @param {import("./unicode.js").Unicode} unicode
 * @returns {(text: import("./aligned.js").Aligned) => import("./aligned.js").Aligned[]}
 */
export function preTokenizer(state, unicode) {
  if (state === null || state === undefined) return (text) => [text];
  const make = MAKERS[state.type];
  if (make === undefined) {
    throw new InputError(
      `tokenizer.json has the pre-tokenizer ${state.type}; known here are ${Object.keys(MAKERS).join(", ")}.`,
    );
  }
  return make(state, unicode);
}

const MAKERS = {
  Sequence: (state, unicode) => {
    const steps = state.pretokenizers.map((step) => preTokenizer(step, unicode));
    return (text) => steps.reduce((parts, step) => parts.flatMap(step), [text]);
  },
  BertPreTokenizer: (_, unicode) => (text) => cut(text, unicode, IN.alone),
  WhitespaceSplit: (_, unicode) => (text) => cut(text, unicode, 0),
  Metaspace: (state) => {
    const mark = state.replacement.codePointAt(0);
    const scheme = state.prepend_scheme ?? (state.add_prefix_space === false ? "never" : "always");
    const splits = state.split ?? true;
    return (text) => {
      text.points = text.points.map((point) => (point === SPACE ? mark : point));
      const begins = scheme === "always" || (scheme === "first" && text.origin === 0);
      if (begins && text.points[0] !== mark) text.prepend(mark);
      return splits ? beforeEach(text, mark) : [text];
    };
  },
  ByteLevel: (state, unicode) => {
    if (state.use_regex === false) {
      throw new InputError("tokenizer.json has ByteLevel without its expression; expected use_regex true.");
    }
    return (text) => {
      if (state.add_prefix_space && text.points[0] !== SPACE) text.prepend(SPACE);
      const words = byteLevelWords(text, unicode);
      const encoder = new TextEncoder();
      const bytesOf = (point) => Array.from(encoder.encode(String.fromCodePoint(point)), (byte) => BYTES[byte]);
      words.forEach((word) => word.replaceEach(bytesOf));
      return words;
    };
  },
};

/** Cuts a text at spaces, which are dropped, and around the characters of sets. */
function cut(text, unicode, around) {
  const parts = [];
  let start = 0;
  const close = (end) => {
    if (start < end) parts.push(text.slice(start, end));
    start = end;
  };
  text.points.forEach((point, i) => {
    if (unicode.has(point, IN.white)) {
      close(i);
      start = i + 1;
    } else if (unicode.has(point, around)) {
      close(i);
      close(i + 1);
    }
  });
  close(text.length);
  return parts;
}

function beforeEach(text, mark) {
  const starts = [...text.points.keys()].filter((i) => i === 0 || text.points[i] === mark);
  return starts.map((start, i) => text.slice(start, starts[i + 1] ?? text.length));
}

/** GPT-2's words: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`. */
function byteLevelWords(text, unicode) {
  const { points } = text;
  const kinds = IN.letters | IN.numbers | IN.regex_spaces;
  const kindOf = (i) => unicode.bits[points[i]] & kinds;
  const words = [];
  for (let start = 0; start < points.length; ) {
    const contraction = CONTRACTIONS.find((wanted) => wanted.every((point, i) => points[start + i] === point));
    let end;
    if (contraction !== undefined) {
      end = start + contraction.length;
    } else {
      const first = points[start] === SPACE && start + 1 < points.length ? start + 1 : start;
      const isSpace = kindOf(first) === IN.regex_spaces;
      const from = isSpace ? start : first;
      end = from + 1;
      while (end < points.length && kindOf(end) === kindOf(from)) end++;
      // The last space before a word is the word's own.
      if (isSpace && end < points.length && end - start > 1) end--;
    }
    words.push(text.slice(start, end));
    start = end;
  }
  return words;
}
