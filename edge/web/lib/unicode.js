/**
 * What the tokenizers need of Unicode, from `unicode.json`: browsers differ in their version of it.
 *
 * Each set of the file is one bit of a table with an entry a code point; each map goes from a code point to others.
 */
import { InputError } from "./errors.js";
import { codePoints } from "./text.js";

const SETS = [
  "nonspacing", "accents", "removed", "spaces", "white", "blank", "alone", "chinese", "words", "letters", "numbers",
  "regex_spaces", "marks", "prepended",
];
const CODE_POINTS = 0x110000;
const HANGUL = { first: 0xac00, count: 11172, lead: 0x1100, vowel: 0x1161, tail: 0x11a7, vowels: 21, tails: 28 };

/** Names of sets, each a bit: `unicode.has(point, IN.letters)`. */
export const IN = Object.freeze(Object.fromEntries(SETS.map((name, i) => [name, 1 << i])));

export class Unicode {
  /** @param {object} tables what `unicode.json` holds. */
  constructor(tables) {
    if (tables.version !== 1) {
      throw new InputError(`unicode.json has version ${tables.version}; expected 1. Take that of edge/conformance.`);
    }
    this.bits = new Uint16Array(CODE_POINTS);
    for (const name of SETS) {
      for (const [first, last] of tables[name]) {
        for (let point = first; point <= last; point++) this.bits[point] |= IN[name];
      }
    }
    this.classes = new Uint8Array(CODE_POINTS);
    for (const [number, ranges] of Object.entries(tables.combining)) {
      for (const [first, last] of ranges) this.classes.fill(Number(number), first, last + 1);
    }
    const map = (name) =>
      new Map(Object.entries(tables[name]).map(([point, text]) => [Number.parseInt(point, 16), codePoints(text)]));
    this.maps = { lowercase: map("lowercase"), nfd: map("nfd"), nfkd: map("nfkd") };
  }

  /**
   * Whether a code point is in one of some sets.
   * @param {number} point
   * @param {number} sets of `IN`, joined by `|`.
   */
  has(point, sets) {
    return (this.bits[point] & sets) !== 0;
  }

  /**
   * What a code point becomes in lower case or decomposed.
   * @param {number} point
   * @param {"lowercase" | "nfd" | "nfkd"} name
   * @returns {number[]}
   */
  changed(point, name) {
    const found = this.maps[name].get(point);
    if (found !== undefined) return found;
    const syllable = point - HANGUL.first;
    if (name === "lowercase" || syllable < 0 || syllable >= HANGUL.count) return [point];
    const tail = syllable % HANGUL.tails;
    const rest = (syllable - tail) / HANGUL.tails;
    const jamo = [HANGUL.lead + Math.floor(rest / HANGUL.vowels), HANGUL.vowel + (rest % HANGUL.vowels)];
    return tail ? [...jamo, HANGUL.tail + tail] : jamo;
  }

  /** The canonical combining class of a code point. */
  classOf(point) {
    return this.classes[point];
  }

  /**
   * Where a range of a text begins once its blank start is left out, as Python's `lstrip` does.
   * @param {number[]} points the code points of the text.
   * @param {number} start
   * @param {number} end
   */
  afterBlanks(points, start, end) {
    while (start < end && this.has(points[start], IN.blank)) start++;
    return start;
  }
}
