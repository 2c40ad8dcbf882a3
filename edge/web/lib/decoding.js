/**
 * Scores to answers, for every task, as Python's `keras_bert_suite.tasks.decoding` does.
 *
 * An output is a list of numbers, or where it has an axis of ids and one of labels a list of lists.
 */
import { owners, piecesOf } from "./inputs.js";
import { codePoints, textOf } from "./text.js";

/** The outputs that have an axis of ids, by task; it is as long as the row's ids. */
export const TOKEN_OUTPUTS = {
  token_classification: ["scores"],
  intent_slots: ["tag_scores"],
  question_answering: ["start_scores", "end_scores"],
};
const ANSWERS = 20;
// By how much "no answer" is above the best span where there is no span.
const NO_SPAN = 1e4;
// Probabilities are kept so far from 0 and 1 before their logits are taken.
const TINY = 1e-7;

/**
 * The answer to one input.
 *
 * Classification: `{label, score, scores}`; with several labels `{labels, scores}`; a number `{value}`. Token
 * classification: `{entities: [{label, text, start, end, score}]}`. Intent and slots: both together. Question
 * answering: `{answer, start, end, score, null_score, answers}`, code points of the passage. Multiple choice:
 * `{choice, score, scores}`. Ranking: `{score}`, or with choices `{scores, ranking}`. Similarity: `{embedding}`, of a
 * pair `{score}`, with choices `{scores, ranking}`. With `truncated: true` where a text was not read to its end.
 * @param {object} task the task's config.
 * @param {Record<string, ArrayLike<number> | ArrayLike<number>[]>[]} outputs what the model gives for each row.
 * @param {import("./inputs.js").Rows} rows
 * @param {import("./inputs.js").Input} input
 * @param {import("./unicode.js").Unicode} unicode
 * @returns {object}
 */
export function decode(task, outputs, rows, input, unicode) {
  const answer = DECODERS[task.name](task, outputs, rows, input, unicode);
  return rows.encodings.some((encoding) => encoding.truncated) ? { ...answer, truncated: true } : answer;
}

const DECODERS = {
  classification: (task, outputs) => {
    const scores = outputs.length > 1 ? pooled(task, outputs) : Array.from(outputs[0].scores);
    if (task.problem === "regression") return { value: scores[0] };
    if (task.problem === "ordinal") {
      const above = [1, ...scores.map((_, i) => Math.min(...scores.slice(0, i + 1))), 0];
      const chances = task.labels.map((_, i) => above[i] - above[i + 1]);
      return best(task.labels, chances, scores.filter((score) => score > 0.5).length);
    }
    if (task.problem === "multi_label") {
      return { labels: task.labels.filter((_, i) => scores[i] >= 0.5), scores: byLabel(task.labels, scores) };
    }
    return best(task.labels, scores);
  },
  token_classification: (task, outputs, rows, input, unicode) =>
    tagged(task.labels, "scores", task, outputs, rows, input, unicode),
  intent_slots: (task, outputs, rows, input, unicode) => ({
    ...best(task.labels, Array.from(outputs[0].scores)),
    ...tagged(task.tags, "tag_scores", task, outputs, rows, input, unicode),
  }),
  question_answering: questionAnswering,
  multiple_choice: (task, outputs) => {
    const scores = softmax(outputs.map((output) => output.scores[0]));
    const choice = argmax(scores);
    return { choice, score: scores[choice], scores };
  },
  ranking: (task, outputs, rows, { choices = null }) => {
    const scores = outputs.map((output) => output.scores[0]);
    return choices === null ? { score: scores[0] } : ranked(scores);
  },
  similarity: (task, outputs, rows, { pair = null, choices = null }) => {
    const vectors = outputs.map((output) => Array.from(output.embedding));
    if (pair === null && choices === null) return { embedding: vectors[0] };
    const unit = vectors.map((vector) => {
      const length = Math.max(Math.sqrt(dot(vector, vector)), 1e-12);
      return vector.map((value) => value / length);
    });
    const cosines = unit.slice(1).map((vector) => dot(vector, unit[0]));
    return choices === null ? { score: cosines[0] } : ranked(cosines);
  },
};

function best(labels, scores, place = argmax(scores)) {
  return { label: labels[place], score: scores[place], scores: byLabel(labels, scores) };
}

function byLabel(labels, scores) {
  return Object.fromEntries(labels.map((label, i) => [label, scores[i]]));
}

/** The scores of a text from those of its windows: their logits are pooled, as in training. */
function pooled(task, outputs) {
  const { problem } = task;
  const logit = {
    single_label: (score) => Math.log(Math.max(score, TINY)),
    regression: (score) => score,
  }[problem] ?? ((score) => {
    const kept = Math.min(Math.max(score, TINY), 1 - TINY);
    return Math.log(kept / (1 - kept));
  });
  const logits = outputs.map((output) => Array.from(output.scores, logit));
  const weights = task.pool === "max" ? [] : softmax(outputs.map((output) => output.weight?.[0] ?? 0));
  const found = logits[0].map((_, i) =>
    task.pool === "max"
      ? Math.max(...logits.map((row) => row[i]))
      : logits.reduce((sum, row, window) => sum + weights[window] * row[i], 0),
  );
  if (problem === "single_label") return softmax(found);
  return problem === "regression" ? found : found.map((value) => 1 / (1 + Math.exp(-value)));
}

function tagged(labels, name, task, outputs, rows, input, unicode) {
  const encoding = rows.whole ?? rows.encodings[0];
  const scores = rows.whole === null ? outputs[0][name] : joined(task, outputs, rows, name);
  return { entities: entities(scores, encoding, input.text, labels, unicode) };
}

/** The scores of a whole text's ids, each from the window that has most context. */
function joined(task, outputs, rows, name) {
  const places = rows.encodings.map(piecesOf);
  const own = owners(places.map((place) => place.length), task.stride);
  const found = [];
  piecesOf(rows.whole).forEach((place, i) => {
    const [window, inside] = own[i];
    found[place] = outputs[window][name][places[window][inside]];
  });
  return found;
}

/** The n best spans over all windows, as in BERT's SQuAD code, and whether the passage answers at all. */
function questionAnswering(task, outputs, rows, input, unicode) {
  const passage = codePoints(input.pair);
  const spans = new Map();
  let nullScore = Infinity;
  outputs.forEach(({ start_scores: starts, end_scores: ends }, row) => {
    const encoding = rows.encodings[row];
    // The first id that belongs to no text stands for "no answer".
    const none = encoding.sequenceIds.indexOf(null);
    nullScore = Math.min(nullScore, starts[none] + ends[none]);
    const places = piecesOf(encoding).filter((place) => encoding.sequenceIds[place] === 1);
    const bestOf = (scores) => places.toSorted((a, b) => scores[b] - scores[a]).slice(0, ANSWERS);
    const bestEnds = bestOf(ends);
    for (const start of bestOf(starts)) {
      for (const end of bestEnds) {
        if (end < start || end >= start + task.max_answer_pieces) continue;
        const last = encoding.offsets[end][1];
        const first = unicode.afterBlanks(passage, encoding.offsets[start][0], last);
        const score = starts[start] + ends[end];
        const key = `${first} ${last}`;
        if (first < last && score > (spans.get(key)?.score ?? -Infinity)) spans.set(key, { first, last, score });
      }
    }
  });
  const ordered = [...spans.values()].sort((a, b) => b.score - a.score).slice(0, ANSWERS);
  const chances = softmax([...ordered.map(({ score }) => score), ...(task.null_answers ? [nullScore] : [])]);
  const answers = ordered.map(({ first, last }, i) => ({
    answer: textOf(passage, first, last), start: first, end: last, score: chances[i],
  }));
  const difference = ordered.length ? nullScore - ordered[0].score : NO_SPAN;
  const none = { answer: "", start: 0, end: 0, score: task.null_answers ? chances[chances.length - 1] : 0 };
  const isNone = !answers.length || (task.null_answers && difference > task.null_threshold);
  return { ...(isNone ? none : answers[0]), null_score: difference, answers };
}

/**
 * The entities of a text, from the tags of the first piece of each word.
 * @param {ArrayLike<number>[]} scores probabilities of the tags, for each id.
 * @param {import("./tokenizer.js").Encoding} encoding
 * @param {string} text
 * @param {string[]} labels the tags, `O`, `B-X` and `I-X`.
 * @param {import("./unicode.js").Unicode} unicode
 */
export function entities(scores, encoding, text, labels, unicode) {
  const points = codePoints(text);
  const places = wordsOf(encoding);
  const tags = places.length ? bestTags(places.map(([first]) => scores[first]), labels) : [];
  const found = [];
  let open = null;
  places.forEach(([first, last], i) => {
    const tag = labels[tags[i]];
    const dash = tag.indexOf("-");
    const prefix = dash < 0 ? tag : tag.slice(0, dash);
    const label = dash < 0 ? "" : tag.slice(dash + 1);
    const end = encoding.offsets[last][1];
    // Pieces of some tokenizers begin with the space before the word.
    const start = unicode.afterBlanks(points, encoding.offsets[first][0], end);
    const score = scores[first][tags[i]];
    if (prefix === "O") open = null;
    else if (prefix === "B" || label !== open) found.push({ label, start, end, scores: [score] });
    else {
      found[found.length - 1].end = end;
      found[found.length - 1].scores.push(score);
    }
    if (prefix !== "O") open = label;
  });
  return found.map(({ label, start, end, scores: parts }) => ({
    label, text: textOf(points, start, end), start, end, score: parts.reduce((a, b) => a + b) / parts.length,
  }));
}

/** The words of an encoding, each as the places of its first and last piece. */
function wordsOf(encoding) {
  const words = [];
  let before = null;
  encoding.words.forEach((word, i) => {
    if (word !== null && word !== before) words.push([i, i]);
    else if (word !== null) words[words.length - 1][1] = i;
    before = word;
  });
  return words;
}

/**
 * The likeliest tags of words, of those sequences in which an entity begins with its `B-`: Viterbi, where all
 * transitions that may be weigh the same.
 * @param {ArrayLike<number>[]} scores probabilities, a row for each word.
 * @param {string[]} labels
 * @returns {number[]} numbers of tags.
 */
export function bestTags(scores, labels) {
  // The tag that an entity of this tag begins with: another for `I-X`, where there is a `B-X`.
  const begins = labels.map((label, i) => {
    const begin = label.startsWith("I-") ? labels.lastIndexOf(`B-${label.slice(2)}`) : -1;
    return begin < 0 ? i : begin;
  });
  const isInside = begins.map((begin, i) => begin !== i);
  const logs = scores.map((row) => Array.from(row, (score) => Math.log(Math.max(score, TINY))));
  let state = logs[0].map((value, i) => (isInside[i] ? -Infinity : value));
  const origins = [];
  for (const row of logs.slice(1)) {
    const top = argmax(state);
    const origin = begins.map((begin, i) => (isInside[i] ? (state[begin] > state[i] ? begin : i) : top));
    state = row.map((value, i) => state[origin[i]] + value);
    origins.push(origin);
  }
  const tags = [argmax(state)];
  for (const origin of origins.reverse()) tags.push(origin[tags[tags.length - 1]]);
  return tags.reverse();
}

function ranked(scores) {
  return { scores, ranking: [...scores.keys()].sort((a, b) => scores[b] - scores[a]) };
}

function softmax(values) {
  const most = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

function argmax(values) {
  return values.reduce((top, value, i) => (value > values[top] ? i : top), 0);
}

function dot(a, b) {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}
