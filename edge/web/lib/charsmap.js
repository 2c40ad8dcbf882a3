/**
 * SentencePiece's compiled map of characters: a double-array trie with the texts that its keys become, in base 64.
 *
 * Layout: the trie's size in bytes, the trie's units of 32 bits, and the texts, each ended by a zero byte. All numbers
 * are little-endian. A unit holds the label of its byte, the offset of its children and whether a key ends there, as in
 * Darts-clone.
 */
import { InputError } from "./errors.js";
import { codePoints, textOf } from "./text.js";
import { IN } from "./unicode.js";

// A longer grapheme is not looked up as a whole.
const SMALL = 6;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
// What of cleaning's set is no control character to a grapheme: the replacement character.
const REPLACEMENT = 0xfffd;
const SEPARATORS = new Set([0x09, LINE_FEED, CARRIAGE_RETURN, 0x2028, 0x2029]);

export class Charsmap {
  /**
   * @param {string} base64 the map, as `tokenizer.json` has it.
   * @param {import("./unicode.js").Unicode} unicode
   */
  constructor(base64, unicode) {
    const broken = new InputError("tokenizer.json has a precompiled_charsmap that is cut off; expected it whole.");
    let bytes;
    try {
      bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    } catch {
      throw broken;
    }
    if (bytes.length < 4) throw broken;
    const view = new DataView(bytes.buffer);
    const size = view.getUint32(0, true);
    if (size < 4 || size % 4 || 4 + size > bytes.length) throw broken;
    this.units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.texts = bytes.subarray(4 + size);
    this.unicode = unicode;
    this.encoder = new TextEncoder();
    this.decoder = new TextDecoder();
  }

  /**
   * What the shortest known beginning of a text becomes, as code points; null where there is none.
   * @param {Uint8Array} bytes the text in UTF-8.
   */
  lookUp(bytes) {
    let place = offsetOf(this.units[0]);
    for (const byte of bytes) {
      if (byte === 0) return null;
      place ^= byte;
      const unit = this.units[place];
      if (unit === undefined || (unit & 0x800000ff) !== byte) return null;
      place ^= offsetOf(unit);
      if ((unit >>> 8) & 1) {
        const start = this.units[place] & 0x7fffffff;
        const end = this.texts.indexOf(0, start);
        return codePoints(this.decoder.decode(this.texts.subarray(start, end < 0 ? this.texts.length : end)));
      }
    }
    return null;
  }

  /**
   * Applies the map.
   * @param {import("./aligned.js").Aligned} text
   */
  apply(text) {
    const made = [];
    const { points } = text;
    let changed = false;
    const replace = (start, end) => {
      const found = this.lookUp(this.encoder.encode(textOf(points, start, end)));
      if (found === null) return false;
      changed = true;
      const old = end - start;
      for (let i = 0; i < found.length; i++) made.push([found[i], i < old ? 0 : 1]);
      // As in the library: where nothing was made yet, what goes is not counted.
      if (found.length < old && made.length) made[made.length - 1][1] += found.length - old;
      return true;
    };
    for (let start = 0; start < points.length; ) {
      const end = this.endOfGrapheme(points, start);
      const bytes = points.slice(start, end).reduce((sum, point) => sum + bytesOf(point), 0);
      if (bytes >= SMALL || !replace(start, end)) {
        for (let i = start; i < end; i++) if (!replace(i, i + 1)) made.push([points[i], 0]);
      }
      start = end;
    }
    if (changed) text.transform(made);
  }

  /** Where the grapheme that begins at `start` ends: a character with its marks, or a line's end. */
  endOfGrapheme(points, start) {
    const first = points[start];
    if (first === CARRIAGE_RETURN && points[start + 1] === LINE_FEED) return start + 2;
    if (this.isControl(first)) return start + 1;
    let end = start;
    while (end < points.length && this.unicode.has(points[end], IN.prepended)) end++;
    if (end === start || (end < points.length && !this.isControl(points[end]))) end++;
    while (end < points.length && this.unicode.has(points[end], IN.marks)) end++;
    return end;
  }

  /** Whether marks after a character are graphemes of their own. */
  isControl(point) {
    if (SEPARATORS.has(point)) return true;
    const joins = this.unicode.has(point, IN.marks | IN.prepended);
    return point !== REPLACEMENT && this.unicode.has(point, IN.removed) && !joins;
  }
}

function offsetOf(unit) {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

function bytesOf(point) {
  return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}
