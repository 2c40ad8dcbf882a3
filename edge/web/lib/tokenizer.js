/**
 * `Tokenizer`: a text to token ids with offsets, from the files that a `.tflite` carries.
 *
 * A BERT tokenizer is a vocabulary and a few settings; any other is a `tokenizer.json`, of which anything that is not
 * known here is refused. The steps: added tokens are matched, the rest is normalized, cut into words, and these into
 * pieces; then the pieces are cut to a length and framed by special pieces.
 */
import { AddedTokens } from "./added.js";
import { InputError } from "./errors.js";
import { frame, specialsOf } from "./frames.js";
import { model } from "./models.js";
import { normalizer } from "./normalizers.js";
import { BYTES, preTokenizer } from "./pre_tokenizers.js";
import { codePoints } from "./text.js";
import { IN } from "./unicode.js";
import { numberWords } from "./words.js";

const BERT = { pad: "[PAD]", unknown: "[UNK]", cls: "[CLS]", sep: "[SEP]", mask: "[MASK]" };
const REPLACEMENT = 0xfffd;
const BYTE_SPACE = BYTES[0x20];

/**
 * One text, or a pair, as token ids.
 * @typedef {object} Encoding
 * @property {number[]} ids token ids, with the special ones.
 * @property {number[]} segmentIds 0 for the first text, 1 for the second; all 0 where the family has no segments.
 * @property {[number, number][]} offsets of each id the code points of its text, `[0, 0]` for special ones.
 * @property {(number | null)[]} words the number of the word in its text, null for special ones.
 * @property {(0 | 1 | null)[]} sequenceIds the text that an id is of, null for special ones.
 * @property {boolean} truncated whether the text went on.
 */

export class Tokenizer {
  /**
   * @param {object} about what `keras_bert_suite.json` says under `tokenizer`.
   * @param {Record<string, string>} files the files of the archive, by name.
   * @param {import("./unicode.js").Unicode} unicode
   */
  constructor(about, files, unicode) {
    const { state, config } = about.files === undefined ? ofVocabulary(about, files) : ofFiles(about.files, files);
    this.unicode = unicode;
    this.added = new AddedTokens(state.added_tokens ?? [], normalizer(state.normalizer, unicode), unicode);
    this.preTokenize = preTokenizer(state.pre_tokenizer, unicode);
    this.model = model(state.model);
    this.frame = frame(state.post_processor);
    this.hasOwnWords = state.model.type === "WordPiece" && state.pre_tokenizer?.type === "BertPreTokenizer";
    const padding = config.pad_token;
    this.padId = state.added_tokens?.find((token) => token.content === padding)?.id ?? this.model.ids.get(padding) ?? 0;
    this.paddingSide = config.padding_side ?? "right";
  }

  /**
   * A text, or a pair, as an encoding.
   * @param {string} text lone surrogates count as the replacement character.
   * @param {string | null} [pair]
   * @param {number | null} [maxLength] ids at most, special ones included; of a pair the longer text is cut first.
   * @returns {Encoding}
   */
  encode(text, pair = null, maxLength = null) {
    const sequences = this.sequences(text, pair);
    const lengths = sequences.map(({ pieces }) => pieces.length);
    const cut = maxLength === null ? lengths : truncated(lengths, this.room(maxLength, pair !== null));
    return this.framed(
      sequences.map((sequence, i) => this.part(sequence, 0, cut[i])),
      cut.some((length, i) => length < lengths[i]),
    );
  }

  /**
   * A text, however long, as encodings that overlap.
   * @param {string} text
   * @param {string | null} pair cut into windows, where there is one: the text then stands whole in each.
   * @param {number} maxLength ids of a window, special ones included.
   * @param {number} stride pieces that a window shares with the one before.
   * @returns {Encoding[]}
   */
  windows(text, pair, maxLength, stride) {
    const room = this.room(maxLength, pair !== null);
    if (!(stride >= 0 && stride < room)) {
      throw new InputError(
        `Received a stride of ${stride}; expected 0 to ${room - 1}: a window of ${maxLength} ids has ${room} pieces.`,
      );
    }
    const sequences = this.sequences(text, pair);
    const last = sequences.pop();
    const first = sequences.map((sequence) => this.part(sequence, 0, sequence.pieces.length));
    const own = room - first.reduce((sum, pieces) => sum + pieces.length, 0);
    const count = last.pieces.length;
    if (count > own && own <= stride) {
      throw new InputError(`A first text leaves no room for windows of the second in ${maxLength} ids; shorten it.`);
    }
    const found = [];
    for (let start = 0; ; start += own - stride) {
      found.push(this.framed([...first, this.part(last, start, start + own)], false));
      if (start + own >= count) return found;
    }
  }

  /**
   * Encodings as the arrays that a model takes, padded on the tokenizer's side.
   * @param {Encoding[]} encodings
   * @param {number} length
   * @returns {Record<"token_ids" | "segment_ids" | "padding_mask", Int32Array[]>} a row for each encoding.
   */
  arrays(encodings, length) {
    const rows = (values, fill) =>
      encodings.map((encoding) => {
        const row = new Int32Array(length).fill(fill);
        row.set(values(encoding), this.placeOf(encoding, length));
        return row;
      });
    return {
      token_ids: rows(({ ids }) => ids, this.padId),
      segment_ids: rows(({ segmentIds }) => segmentIds, 0),
      padding_mask: rows(({ ids }) => ids.map(() => 1), 0),
    };
  }

  /** Where the ids of an encoding begin in a row of this length. */
  placeOf(encoding, length) {
    return this.paddingSide === "right" ? 0 : length - encoding.ids.length;
  }

  /** The pieces that a row of so many ids has room for. */
  room(maxLength, isPair) {
    const special = specialsOf(isPair ? this.frame.pair : this.frame.single);
    if (maxLength <= special) {
      throw new InputError(
        `Received a length of ${maxLength} ids; expected ${special + 1} or more, as ${special} are special.`,
      );
    }
    return maxLength - special;
  }

  /** The pieces of a text, and of its pair. */
  sequences(text, pair) {
    return pair === null ? [this.piecesOf(text)] : [this.piecesOf(text), this.piecesOf(pair)];
  }

  piecesOf(text) {
    if (typeof text !== "string") throw new InputError(`Received a text of type ${typeof text}; expected a string.`);
    const points = codePoints(text).map((point) => (point >= 0xd800 && point < 0xe000 ? REPLACEMENT : point));
    const found = [];
    let word = 0;
    for (const part of this.added.split(points)) {
      if (part.token !== null) {
        found.push(this.piece(part.token, part, 0, part.length, word++));
        continue;
      }
      for (const own of this.preTokenize(part)) {
        for (const [id, start, end] of this.model.pieces(own.points)) {
          found.push(this.piece(id, own, start, end, word));
        }
        word++;
      }
    }
    return { pieces: found, points };
  }

  /** The pieces of a text from `start` to `end`, as those of a row: words and trimming go by the row. */
  part({ pieces, points }, start, end) {
    const found = pieces.slice(start, end).map((piece) => ({ ...piece }));
    if (this.frame.trims) found.forEach((piece, i) => this.trim(piece, i));
    if (!this.hasOwnWords) numberWords(found, points, this.unicode);
    return found;
  }

  piece(id, part, start, end, word) {
    return { id, offset: part.offsets(start, end), word, points: part.points.slice(start, end) };
  }

  /** Takes the spaces that a byte-level piece begins or ends with out of its offsets. */
  trim(piece, i) {
    const isSpace = (point) => point === BYTE_SPACE || this.unicode.has(point, IN.white);
    const isWord = (point) => !isSpace(point);
    let leading = piece.points.findIndex(isWord);
    const trailing = piece.points.length - 1 - piece.points.findLastIndex(isWord);
    if (leading < 0) leading = piece.points.length;
    let [start, end] = piece.offset;
    if (leading > 0) {
      // The space that was put before the text is none of its own.
      if (this.frame.prefix && (i === 0 || start === 0)) leading--;
      start = Math.min(start + leading, end);
    }
    if (trailing > 0 && end >= trailing) end = Math.max(end - trailing, start);
    piece.offset = [start, end];
  }

  /** Pieces with special ones around them. */
  framed(sequences, isTruncated) {
    const found = { ids: [], segmentIds: [], offsets: [], words: [], sequenceIds: [], truncated: isTruncated };
    const add = (id, segment, offset, word, sequence) => {
      found.ids.push(id);
      found.segmentIds.push(segment);
      found.offsets.push(offset);
      found.words.push(word);
      found.sequenceIds.push(sequence);
    };
    for (const { id, sequence, segment } of sequences.length > 1 ? this.frame.pair : this.frame.single) {
      if (sequence === undefined) add(id, segment, [0, 0], null, null);
      else {
        for (const piece of sequences[sequence]) {
          add(piece.id, segment, piece.offset, piece.word, sequence);
        }
      }
    }
    return found;
  }
}

/** The lengths of a text and its pair that fit: the longer is cut to the other's length, then both alike. */
function truncated(lengths, most) {
  if (lengths.reduce((a, b) => a + b) <= most) return lengths;
  if (lengths.length === 1) return [most];
  const short = Math.min(...lengths);
  const half = Math.floor(most / 2);
  const [less, more] = 2 * short > most ? [half, most - half] : [short, most - short];
  return lengths[0] > lengths[1] ? [more, less] : [less, more];
}

/** A BERT vocabulary as what a `tokenizer.json` would say. */
function ofVocabulary(about, files) {
  if (about.convention !== "bert") {
    throw new InputError(`The file's tokenizer has the convention ${about.convention}; expected bert.`);
  }
  const pieces = fileOf(files, "vocab.txt").replace(/\n$/, "").split("\n");
  const ids = new Map(pieces.map((piece, id) => [piece, id]));
  const lacking = [BERT.pad, BERT.unknown, BERT.cls, BERT.sep].filter((piece) => !ids.has(piece));
  if (lacking.length) throw new InputError(`vocab.txt lacks ${lacking.join(", ")}; expected them.`);
  const special = [...new Set([...Object.values(BERT), ...about.added_tokens])].filter((piece) => ids.has(piece));
  const state = {
    added_tokens: special.map((content) => ({ id: ids.get(content), content })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: about.split_chinese,
      strip_accents: about.strip_accents,
      lowercase: about.lowercase,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    model: {
      type: "WordPiece",
      vocab: Object.fromEntries(ids),
      unk_token: BERT.unknown,
      max_input_chars_per_word: about.max_word_characters,
    },
    post_processor: {
      type: "BertProcessing", cls: [BERT.cls, ids.get(BERT.cls)], sep: [BERT.sep, ids.get(BERT.sep)],
    },
  };
  return { state, config: { pad_token: BERT.pad } };
}

function ofFiles(names, files) {
  if (!names.includes("tokenizer.json")) {
    throw new InputError(`The file's tokenizer is kept in ${names.join(", ")}; expected tokenizer.json among them.`);
  }
  const parsed = (name) => {
    try {
      return JSON.parse(fileOf(files, name));
    } catch (error) {
      if (error instanceof InputError) throw error;
      throw new InputError(`${name} in the file is no JSON; export the model again with kbs-export.`);
    }
  };
  return { state: parsed("tokenizer.json"), config: parsed("tokenizer_config.json") };
}

function fileOf(files, name) {
  if (files[name] === undefined) {
    throw new InputError(`The file has no ${name}, which its tokenizer needs; export it again with kbs-export.`);
  }
  return files[name];
}
