/**
 * The normalizers of `tokenizer.json`: what is done to a text before it is cut into words.
 *
 * `normalizer(state, unicode)` gives a function that changes an `Aligned` text in place.
 */
import { Charsmap } from "./charsmap.js";
import { InputError } from "./errors.js";
import { codePoints } from "./text.js";
import { IN } from "./unicode.js";

const SPACE = 0x20;
// The patterns that SentencePiece's families have, with the ranges that they match.
const PATTERNS = { " {2,}": runsOfSpaces, "\\A +| +\\z": spacesAtEnds, "\\A ": firstSpace };

/**
 * @param {object | null} state the normalizer of a `tokenizer.json`.
 * @param {import("./unicode.js").Unicode} unicode
 * @returns {(text: import("./aligned.js").Aligned) => void}
 */
export function normalizer(state, unicode) {
  if (state === null || state === undefined) return () => {};
  const make = MAKERS[state.type];
  if (make === undefined) {
    throw new InputError(
      `tokenizer.json has the normalizer ${state.type}; known here are ${Object.keys(MAKERS).join(", ")}.`,
    );
  }
  return make(state, unicode);
}

const MAKERS = {
  Sequence: (state, unicode) => {
    const steps = state.normalizers.map((step) => normalizer(step, unicode));
    return (text) => steps.forEach((step) => step(text));
  },
  BertNormalizer: (state, unicode) => {
    const accents = state.strip_accents ?? state.lowercase;
    return (text) => {
      if (state.clean_text) clean(text, unicode);
      if (state.handle_chinese_chars) spaceChinese(text, unicode);
      if (accents) {
        decompose(text, unicode, "nfd");
        text.filter((point) => !unicode.has(point, IN.accents));
      }
      if (state.lowercase) text.replaceEach((point) => unicode.changed(point, "lowercase"));
    };
  },
  Lowercase: (_, unicode) => (text) => text.replaceEach((point) => unicode.changed(point, "lowercase")),
  NFD: (_, unicode) => (text) => decompose(text, unicode, "nfd"),
  NFKD: (_, unicode) => (text) => decompose(text, unicode, "nfkd"),
  StripAccents: (_, unicode) => (text) => text.filter((point) => !unicode.has(point, IN.nonspacing)),
  Precompiled: (state, unicode) => {
    const map = new Charsmap(state.precompiled_charsmap, unicode);
    return (text) => map.apply(text);
  },
  Replace: (state) => {
    const content = codePoints(state.content);
    if (state.pattern.String) {
      const wanted = codePoints(state.pattern.String);
      return (text) => text.replaceRanges(placesOf(text.points, wanted), content);
    }
    const ranges = PATTERNS[state.pattern.Regex];
    if (ranges !== undefined) return (text) => text.replaceRanges(ranges(text.points), content);
    throw new InputError(
      `tokenizer.json replaces ${JSON.stringify(state.pattern)}; known here are a text and the expressions ` +
        `${Object.keys(PATTERNS).map((pattern) => JSON.stringify(pattern)).join(", ")}.`,
    );
  },
  Prepend: (state) => {
    const added = codePoints(state.prepend).reverse();
    return (text) => added.forEach((point) => text.prepend(point));
  },
};

function clean(text, unicode) {
  text.filter((point) => !unicode.has(point, IN.removed));
  text.points = text.points.map((point) => (unicode.has(point, IN.spaces) ? SPACE : point));
}

function spaceChinese(text, unicode) {
  text.replaceEach((point) => (unicode.has(point, IN.chinese) ? [SPACE, point, SPACE] : [point]));
}

/** Decomposes each character, and puts marks in a row in the order of their classes. */
function decompose(text, unicode, name) {
  const made = [];
  let marks = [];
  const settle = () => {
    for (const mark of marks.sort((a, b) => unicode.classOf(a[0]) - unicode.classOf(b[0]))) made.push(mark);
    marks = [];
  };
  for (const point of text.points) {
    unicode.changed(point, name).forEach((part, i) => {
      if (unicode.classOf(part) === 0) settle();
      (unicode.classOf(part) === 0 ? made : marks).push([part, i > 0 ? 1 : 0]);
    });
  }
  settle();
  text.transform(made);
}

function placesOf(points, wanted) {
  const ranges = [];
  for (let i = 0; i + wanted.length <= points.length; ) {
    if (wanted.every((point, j) => points[i + j] === point)) {
      ranges.push([i, i + wanted.length]);
      i += wanted.length;
    } else i++;
  }
  return ranges;
}

function spacesAtEnds(points) {
  const first = points.findIndex((point) => point !== SPACE);
  if (first < 0) return points.length ? [[0, points.length]] : [];
  const end = points.findLastIndex((point) => point !== SPACE) + 1;
  return [[0, first], [end, points.length]].filter(([from, to]) => from < to);
}

function firstSpace(points) {
  return points[0] === SPACE ? [[0, 1]] : [];
}

function runsOfSpaces(points) {
  const ranges = [];
  for (let i = 0; i < points.length; ) {
    let end = i;
    while (points[end] === SPACE) end++;
    if (end - i > 1) ranges.push([i, end]);
    i = Math.max(end, i + 1);
  }
  return ranges;
}
