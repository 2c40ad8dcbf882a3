/**
 * Added tokens: pieces such as `[SEP]` or `<mask>` that are matched whole in a text, before or after normalizing.
 */
import { Aligned } from "./aligned.js";
import { InputError } from "./errors.js";
import { codePoints } from "./text.js";
import { IN } from "./unicode.js";

export class AddedTokens {
  /**
   * @param {object[]} tokens `added_tokens` of a `tokenizer.json`.
   * @param {(text: Aligned) => void} normalize
   * @param {import("./unicode.js").Unicode} unicode
   */
  constructor(tokens, normalize, unicode) {
    const odd = tokens.find((token) => token.single_word);
    if (odd !== undefined) {
      throw new InputError(`tokenizer.json has the token ${odd.content} with single_word; expected tokens without.`);
    }
    this.normalize = normalize;
    this.unicode = unicode;
    this.ofGiven = byFirst(tokens.filter((token) => !token.normalized), (points) => points);
    this.ofNormalized = byFirst(tokens.filter((token) => token.normalized), (points) => {
      const text = Aligned.of(points);
      normalize(text);
      return text.points;
    });
  }

  /**
   * A text as normalized parts, of which some are tokens.
   * @param {number[]} points
   * @returns {Aligned[]}
   */
  split(points) {
    return this.cut(Aligned.of(points), this.ofGiven).flatMap((part) => {
      if (part.token !== null) return [part];
      this.normalize(part);
      return this.cut(part, this.ofNormalized);
    });
  }

  cut(text, tokens) {
    const { points } = text;
    const isSpace = (i) => this.unicode.has(points[i], IN.regex_spaces);
    const parts = [];
    let done = 0;
    for (let at = 0; at < points.length; ) {
      const token = tokens.get(points[at])?.find(({ wanted }) => wanted.every((point, i) => points[at + i] === point));
      if (token === undefined) {
        at++;
        continue;
      }
      let start = at;
      let end = at + token.wanted.length;
      while (token.lstrip && start > done && isSpace(start - 1)) start--;
      while (token.rstrip && end < points.length && isSpace(end)) end++;
      if (done < start) parts.push(text.slice(done, start));
      parts.push(text.slice(start, end, token.id));
      done = at = end;
    }
    if (done < points.length) parts.push(done === 0 ? text : text.slice(done, points.length));
    return parts;
  }
}

/** Tokens by their first code point, the longest first. */
function byFirst(tokens, change) {
  const found = new Map();
  for (const token of tokens) {
    const wanted = change(codePoints(token.content));
    if (wanted.length === 0) continue;
    found.set(wanted[0], [...(found.get(wanted[0]) ?? []), { ...token, wanted }]);
  }
  for (const list of found.values()) list.sort((a, b) => b.wanted.length - a.wanted.length);
  return found;
}
