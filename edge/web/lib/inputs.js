/**
 * What a model is asked, and how it becomes the rows that the encoder reads.
 *
 * A task's config says how: one row for a text or a pair; one a choice; or, where it has a `stride`, one a window of a
 * text that is longer than the model reads.
 */
import { InputError } from "./errors.js";
import { codePoints, textOf } from "./text.js";

// A longer question is cut, as in BERT's SQuAD code, so that there is room for the passage.
const QUESTION_PIECES = 64;

/**
 * One question to a model.
 * @typedef {object} Input
 * @property {string} text the text; of question answering the question, of ranking the query.
 * @property {string | null} [pair] the second text; of question answering the passage.
 * @property {string[] | null} [choices] several second texts: answers, or candidates.
 */

/**
 * An input as rows.
 * @typedef {object} Rows
 * @property {import("./tokenizer.js").Encoding[]} encodings the rows.
 * @property {import("./tokenizer.js").Encoding | null} whole for windows of a token task the whole text's encoding.
 */

/**
 * An input as the rows that the encoder reads.
 * @param {object} task the task's config.
 * @param {import("./tokenizer.js").Tokenizer} tokenizer
 * @param {Input} input
 * @param {number} maxLength ids of a row at most.
 * @returns {Rows}
 */
export function rowsOf(task, tokenizer, input, maxLength) {
  const { text, pair = null, choices = null } = input;
  if (task.name === "question_answering") return questionRows(task, tokenizer, text, pair, maxLength);
  if (choices !== null || task.name === "multiple_choice") {
    return choiceRows(task, tokenizer, text, pair, choices, maxLength);
  }
  if (task.name === "similarity" && pair !== null) {
    return choiceRows(task, tokenizer, text, null, [pair], maxLength);
  }
  if (task.name === "ranking" && pair === null) {
    throw new InputError("A ranking model scores a query with a text; the input has a single text.");
  }
  const encoding = tokenizer.encode(text, pair, maxLength);
  if ((task.stride ?? null) === null || !encoding.truncated) return { encodings: [encoding], whole: null };
  return {
    encodings: tokenizer.windows(text, pair, maxLength, task.stride),
    whole: task.name === "token_classification" ? tokenizer.encode(text, pair) : null,
  };
}

function questionRows(task, tokenizer, text, pair, maxLength) {
  if (pair === null) {
    throw new InputError("Question answering reads a question and a passage; the input has no passage.");
  }
  // Half of a row is the passage's.
  const room = Math.min(QUESTION_PIECES, Math.max(1, Math.floor(maxLength / 2) - 4));
  const encoding = tokenizer.encode(text);
  const pieces = piecesOf(encoding).map((place) => encoding.offsets[place]);
  const question = pieces.length > room ? textOf(codePoints(text), 0, pieces[room - 1][1]) : text;
  const stride = Math.min(task.stride, Math.floor(maxLength / 4));
  return { encodings: tokenizer.windows(question, pair, maxLength, stride), whole: null };
}

function choiceRows(task, tokenizer, text, pair, choices, maxLength) {
  if (choices === null || choices.length === 0) {
    throw new InputError(`The task ${task.name} needs choices; the input has none.`);
  }
  if (task.name === "similarity") {
    return { encodings: [text, ...choices].map((one) => tokenizer.encode(one, null, maxLength)), whole: null };
  }
  if (task.name === "multiple_choice" || task.name === "ranking") {
    // SWAG's form: the choice goes on where the second text, or a question, breaks off.
    const seconds = choices.map((choice) => (pair === null ? choice : `${pair} ${choice}`));
    return { encodings: seconds.map((second) => tokenizer.encode(text, second, maxLength)), whole: null };
  }
  throw new InputError(`The task ${task.name} takes no choices.`);
}

/**
 * Which window each piece of a text is read in: the one in which it has most context, as in BERT's SQuAD code.
 * @param {number[]} lengths the number of pieces of each window, without special ones.
 * @param {number} stride pieces that a window shares with the one before.
 * @returns {[number, number][]} for each piece of the text `[window, place in the window]`.
 */
export function owners(lengths, stride) {
  const step = lengths[0] - stride;
  const best = [];
  lengths.forEach((length, window) => {
    for (let place = 0; place < length; place++) {
      const piece = window * step + place;
      const context = Math.min(place, length - 1 - place) + 0.01 * length;
      if (best[piece] === undefined || context > best[piece].context) best[piece] = { context, window, place };
    }
  });
  return best.map(({ window, place }) => [window, place]);
}

/**
 * The places of an encoding's ids that are no special ones.
 * @param {import("./tokenizer.js").Encoding} encoding
 * @returns {number[]}
 */
export function piecesOf(encoding) {
  return [...encoding.ids.keys()].filter((place) => encoding.sequenceIds[place] !== null);
}
