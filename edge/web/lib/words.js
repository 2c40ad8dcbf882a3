/**
 * Which word of its text a piece belongs to, by one rule for all tokenizers but BERT's, whose own words are the same.
 *
 * Words end at spaces, at punctuation and around CJK characters, whatever the pieces are.
 */
import { IN } from "./unicode.js";

/**
 * Numbers the words of a text's pieces, in place.
 * @param {{word: number, offset: [number, number]}[]} pieces their words are those of the pre-tokenizer.
 * @param {number[]} points the code points of the text.
 * @param {import("./unicode.js").Unicode} unicode
 */
export function numberWords(pieces, points, unicode) {
  const isWord = (i) => i < points.length && unicode.has(points[i], IN.words);
  const parts = (end, start) => start >= end && ((end > 0 && isWord(end - 1)) || isWord(start));
  let before = null;
  let number = 0;
  for (const piece of pieces) {
    const { word, offset } = piece;
    if (before !== null && (word !== before.word || parts(before.end, offset[0]))) number++;
    before = { word, end: offset[1] };
    piece.word = number;
  }
}
