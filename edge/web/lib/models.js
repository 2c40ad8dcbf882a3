/**
 * The models of `tokenizer.json`: how a word becomes pieces of a vocabulary. WordPiece, BPE and Unigram; the latter two
 * may spell characters that no piece covers in bytes.
 *
 * `model(state)` gives an object with `ids`, a map from pieces to ids, and `pieces(points)`, which cuts a word's code
 * points into a list of `[id, start, end]`.
 */
import { InputError } from "./errors.js";
import { BYTES } from "./pre_tokenizers.js";
import { textOf } from "./text.js";

// Settings of BPE that no family here has.
const OTHER_BPE = ["dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges"];
// By how much an unknown character scores worse than the worst piece.
const UNKNOWN_PENALTY = 10;

/**
 * @param {object} state the model of a `tokenizer.json`.
 * @returns {{ids: Map<string, number>, pieces: (points: number[]) => [number, number, number][]}}
 */
export function model(state) {
  const make = { WordPiece, BPE, Unigram }[state?.type];
  if (make === undefined) {
    throw new InputError(
      `tokenizer.json has the model ${state?.type ?? null}; known here are WordPiece, BPE and Unigram.`,
    );
  }
  return new make(state);
}

/** The longest pieces of a vocabulary, from a word's beginning on. */
class WordPiece {
  constructor(state) {
    this.ids = new Map(Object.entries(state.vocab));
    this.prefix = state.continuing_subword_prefix ?? "##";
    this.most = state.max_input_chars_per_word ?? 100;
    this.unknown = idOf(this.ids, state.unk_token);
    this.longest = longestOf(this.ids.keys());
  }

  pieces(points) {
    const whole = [[this.unknown, 0, points.length]];
    if (points.length > this.most) return whole;
    const found = [];
    for (let start = 0; start < points.length; ) {
      let end = Math.min(points.length, start + this.longest);
      let id;
      for (; end > start; end--) {
        id = this.ids.get((start > 0 ? this.prefix : "") + textOf(points, start, end));
        if (id !== undefined) break;
      }
      if (id === undefined) return whole;
      found.push([id, start, end]);
      start = end;
    }
    return found;
  }
}

/** Pairs of pieces are merged, the pair that was learned first before all others, of equals the leftmost. */
class BPE {
  constructor(state) {
    const set = OTHER_BPE.find((name) => state[name]);
    if (set !== undefined) {
      throw new InputError(`tokenizer.json has BPE with ${set} ${JSON.stringify(state[set])}; expected none.`);
    }
    this.ids = new Map(Object.entries(state.vocab));
    this.bytes = byteIds(state, this.ids);
    this.unknown = state.unk_token ? idOf(this.ids, state.unk_token) : null;
    this.fuses = state.fuse_unk ?? false;
    const missing = BYTES.findIndex((point) => !this.ids.has(String.fromCodePoint(point)));
    if (missing >= 0 && this.bytes === null && this.unknown === null) {
      throw new InputError(
        `tokenizer.json has BPE without a piece for the byte ${missing}; expected byte-level BPE or an unk_token.`,
      );
    }
    this.merges = new Map();
    state.merges.forEach((merge, rank) => {
      const [left, right] = Array.isArray(merge) ? merge : merge.split(" ");
      const [a, b, whole] = [left, right, left + right].map((piece) => idOf(this.ids, piece));
      this.merges.set(`${a} ${b}`, { rank, whole });
    });
  }

  /** The characters of a word before any are merged, as `[id, start, end]`; several for one that is spelled in bytes. */
  characters(points) {
    const found = [];
    let isUnknown = false;
    points.forEach((point, i) => {
      const character = String.fromCodePoint(point);
      const id = this.ids.get(character);
      if (id === undefined && this.bytes === null && isUnknown && this.fuses) {
        found[found.length - 1][2] = i + 1;
        return;
      }
      isUnknown = id === undefined && this.bytes === null;
      if (id !== undefined) found.push([id, i, i + 1]);
      else if (isUnknown) found.push([this.unknown, i, i + 1]);
      else found.push(...spelled(character, this.bytes, i, i + 1));
    });
    return found;
  }

  pieces(points) {
    const parts = this.characters(points).map(([id, start, end], place) => ({
      id, start, end, place, before: null, after: null,
    }));
    const queue = new Queue();
    const offer = (left, right) => {
      const merge = left && right && this.merges.get(`${left.id} ${right.id}`);
      if (merge) queue.push({ ...merge, place: left.place, left, right, ids: [left.id, right.id] });
    };
    parts.forEach((part, i) => {
      part.before = parts[i - 1] ?? null;
      part.after = parts[i + 1] ?? null;
    });
    parts.forEach((part) => offer(part, part.after));
    for (let best = queue.pop(); best !== undefined; best = queue.pop()) {
      const { left, right, ids, whole } = best;
      // One of the two may have been merged since.
      if (left.id !== ids[0] || right.id !== ids[1] || left.after !== right) continue;
      Object.assign(left, { id: whole, end: right.end, after: right.after });
      if (right.after) right.after.before = left;
      right.id = null;
      offer(left.before, left);
      offer(left, left.after);
    }
    return parts.filter((part) => part.id !== null).map((part) => [part.id, part.start, part.end]);
  }
}

/** A heap of merges: the lowest rank first, of equals the leftmost. */
class Queue {
  constructor() {
    this.items = [];
  }

  isBefore(i, j) {
    const [a, b] = [this.items[i], this.items[j]];
    return a.rank < b.rank || (a.rank === b.rank && a.place < b.place);
  }

  swap(i, j) {
    [this.items[i], this.items[j]] = [this.items[j], this.items[i]];
  }

  push(item) {
    let i = this.items.push(item) - 1;
    for (let parent = (i - 1) >> 1; i > 0 && this.isBefore(i, parent); parent = (i - 1) >> 1) {
      this.swap(i, parent);
      i = parent;
    }
  }

  pop() {
    if (this.items.length < 2) return this.items.pop();
    this.swap(0, this.items.length - 1);
    const best = this.items.pop();
    for (let i = 0; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < this.items.length && this.isBefore(child, least)) least = child;
      }
      if (least === i) return best;
      this.swap(i, least);
      i = least;
    }
  }
}

/** The pieces whose scores have the largest sum; neighbouring unknown characters are one piece, or bytes. */
class Unigram {
  constructor(state) {
    this.ids = new Map(state.vocab.map(([piece], id) => [piece, id]));
    this.bytes = byteIds(state, this.ids);
    this.scores = state.vocab.map(([, score]) => score);
    this.unknown = state.unk_id;
    if (this.scores[this.unknown] === undefined) {
      throw new InputError(`tokenizer.json has Unigram with unk_id ${this.unknown}; expected the id of a piece.`);
    }
    this.unknownScore = this.scores.reduce((a, b) => Math.min(a, b)) - UNKNOWN_PENALTY;
    this.longest = longestOf(this.ids.keys());
  }

  pieces(points) {
    const best = Array.from({ length: points.length + 1 }, () => ({ score: 0, start: -1, id: -1 }));
    const offer = (end, start, id, score) => {
      if (best[end].start < 0 || score > best[end].score) best[end] = { score, start, id };
    };
    for (let start = 0; start < points.length; start++) {
      const { score } = best[start];
      let piece = "";
      let isKnown = false;
      for (let end = start + 1; end <= Math.min(points.length, start + this.longest); end++) {
        piece += String.fromCodePoint(points[end - 1]);
        const id = this.ids.get(piece);
        if (id === undefined) continue;
        offer(end, start, id, score + this.scores[id]);
        if (end === start + 1) isKnown = true;
      }
      if (!isKnown) offer(start + 1, start, this.unknown, score + this.unknownScore);
    }
    const found = [];
    for (let end = points.length; end > 0; end = best[end].start) {
      const { id, start } = best[end];
      const next = found[found.length - 1];
      if (id === this.unknown && next?.[0] === id) next[1] = start;
      else found.push([id, start, end]);
    }
    return found.reverse().flatMap(([id, start, end]) => {
      const text = textOf(points, start, end);
      if (id !== this.unknown || this.bytes === null || this.ids.has(text)) return [[id, start, end]];
      return spelled(text, this.bytes, start, end);
    });
  }
}

/** The ids of the pieces `<0x00>` to `<0xFF>`; null where the model spells nothing in bytes. */
function byteIds(state, ids) {
  if (!state.byte_fallback) return null;
  const pieceOf = (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
  return Array.from({ length: 256 }, (_, byte) => idOf(ids, pieceOf(byte)));
}

/** A text as the pieces of its bytes; each has the place of the whole. */
function spelled(text, bytes, start, end) {
  return Array.from(new TextEncoder().encode(text), (byte) => [bytes[byte], start, end]);
}

function idOf(ids, piece) {
  const id = ids.get(piece);
  if (id === undefined) throw new InputError(`The tokenizer's vocabulary lacks ${piece}; expected all its pieces.`);
  return id;
}

function longestOf(pieces) {
  let longest = 0;
  for (const piece of pieces) longest = Math.max(longest, piece.length);
  return longest;
}
