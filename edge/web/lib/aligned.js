/**
 * A text that is changed step by step and knows, of each of its characters, which of the given text it comes from.
 *
 * The rules are those of the `tokenizers` library: a character that replaces another has its place, and one that is
 * put in has the place of the one before it. So offsets are the same as in Python, to the last odd case.
 */
import { textOf } from "./text.js";

export class Aligned {
  /**
   * @param {number[]} points the characters, code points.
   * @param {number[]} starts where each begins in the given text.
   * @param {number[]} ends where each ends.
   * @param {number} origin where the whole begins.
   * @param {number | null} token the id of the piece that this is, if it was matched whole.
   */
  constructor(points, starts, ends, origin, token = null) {
    Object.assign(this, { points, starts, ends, origin, token });
  }

  /**
   * A text as it was given.
   * @param {number[]} points
   */
  static of(points) {
    return new Aligned(points, points.map((_, i) => i), points.map((_, i) => i + 1), 0);
  }

  get length() {
    return this.points.length;
  }

  /** The characters from `start` to `end` as a text of their own. */
  slice(start, end, token = null) {
    const starts = this.starts.slice(start, end);
    return new Aligned(this.points.slice(start, end), starts, this.ends.slice(start, end), starts[0] ?? 0, token);
  }

  /**
   * Puts other characters in place of all.
   * @param {[number, number][]} characters each with 0 where it replaces one character, 1 where it is put in, and -n
   *     where it replaces one and n more behind it go.
   */
  transform(characters) {
    const points = [];
    const starts = [];
    const ends = [];
    let at = 0;
    for (const [point, change] of characters) {
      const from = change > 0 ? at - 1 : at;
      points.push(point);
      starts.push(from < 0 ? this.origin : this.starts[from]);
      ends.push(from < 0 ? this.origin : this.ends[from]);
      if (change <= 0) at += 1 - change;
    }
    Object.assign(this, { points, starts, ends });
  }

  /**
   * Puts something in place of each character, or leaves it out.
   * @param {(point: number) => number[]} change
   */
  replaceEach(change) {
    this.transform(this.points.flatMap((point) => change(point).map((made, i) => [made, i > 0 ? 1 : 0])));
  }

  /** Leaves out the characters of which `keep` says no. */
  filter(keep) {
    const places = [...this.points.keys()].filter((i) => keep(this.points[i]));
    const kept = (values) => places.map((i) => values[i]);
    Object.assign(this, { points: kept(this.points), starts: kept(this.starts), ends: kept(this.ends) });
  }

  /**
   * Puts a text in place of ranges; it has the place of the last character of the range.
   * @param {[number, number][]} ranges in order, apart from each other, none of them empty.
   * @param {number[]} content
   */
  replaceRanges(ranges, content) {
    const points = [];
    const starts = [];
    const ends = [];
    let at = 0;
    const keep = (until) => {
      for (; at < until; at++) {
        points.push(this.points[at]);
        starts.push(this.starts[at]);
        ends.push(this.ends[at]);
      }
    };
    for (const [start, end] of ranges) {
      keep(start);
      for (const point of content) {
        points.push(point);
        starts.push(this.starts[end - 1]);
        ends.push(this.ends[end - 1]);
      }
      at = end;
    }
    keep(this.length);
    Object.assign(this, { points, starts, ends });
  }

  /** Puts a character before the first, with the place of that. */
  prepend(point) {
    if (this.length === 0) return;
    this.points = [point, ...this.points];
    this.starts = [this.starts[0], ...this.starts];
    this.ends = [this.ends[0], ...this.ends];
  }

  /** The given text's `[start, end]` of the characters from `start` to `end`. */
  offsets(start, end) {
    return [this.starts[start], this.ends[end - 1]];
  }

  toString() {
    return textOf(this.points);
  }
}
