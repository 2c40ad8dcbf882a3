/**
 * Text in, answers out: the file's tokenizer, a runtime that runs its model, and the decoding of its task.
 *
 *     const pipeline = await Pipeline.of(bytes, "model.tflite", tables, (model) => LiteRt.of(model, folder));
 *     await pipeline.answer({ text: "wake anna at six" });
 */
import { readArchive } from "./archive.js";
import { decode, TOKEN_OUTPUTS } from "./decoding.js";
import { InputError } from "./errors.js";
import { rowsOf } from "./inputs.js";
import { Tokenizer } from "./tokenizer.js";
import { Unicode } from "./unicode.js";

const TASKS = [
  "classification", "token_classification", "intent_slots", "question_answering", "multiple_choice", "ranking",
  "similarity",
];

/**
 * What a model gives, in the order of its axes, of which the first is 1.
 * @typedef {{data: Float32Array, shape: number[]}} Output
 */

/**
 * What runs a model.
 * @typedef {object} Runtime
 * @property {number[]} lengths the lengths of the rows that its signatures take, ascending.
 * @property {(arrays: Record<string, Int32Array>) => Promise<Record<string, Output>>} run what the model gives for one
 *     row, by output's name.
 * @property {() => void} close gives its memory back.
 */

export class Pipeline {
  /**
   * @param {object} about what `keras_bert_suite.json` of the file holds.
   * @param {Tokenizer} tokenizer
   * @param {Runtime} runtime
   */
  constructor(about, tokenizer, runtime) {
    Object.assign(this, { about, task: about.task, maxLength: about.max_length, tokenizer, runtime });
  }

  /**
   * The pipeline of a file.
   * @param {Uint8Array} content the whole `.tflite`.
   * @param {string} name what messages call it.
   * @param {object} tables what `unicode.json` holds.
   * @param {(content: Uint8Array, name: string) => Promise<Runtime>} makeRuntime
   * @returns {Promise<Pipeline>}
   */
  static async of(content, name, tables, makeRuntime) {
    const { about, files } = await readArchive(content, name);
    if (!TASKS.includes(about.task?.name)) {
      throw new InputError(`${name} has the task ${about.task?.name}; known here are ${TASKS.join(", ")}.`);
    }
    const tokenizer = new Tokenizer(about.tokenizer, files, new Unicode(tables));
    return new Pipeline(about, tokenizer, await makeRuntime(content, name));
  }

  /**
   * The answer to an input, as `decode` gives it.
   * @param {import("./inputs.js").Input} input
   */
  async answer(input) {
    const rows = rowsOf(this.task, this.tokenizer, input, this.maxLength);
    const outputs = [];
    for (const encoding of rows.encodings) outputs.push(await this.outputsOf(encoding));
    return decode(this.task, outputs, rows, input, this.tokenizer.unicode);
  }

  /** What the model gives for one row, cut to the row's own ids. */
  async outputsOf(encoding) {
    const count = encoding.ids.length;
    const length = this.runtime.lengths.find((one) => one >= count);
    if (length === undefined) {
      throw new InputError(`Received ${count} ids; the longest signature takes ${this.runtime.lengths.at(-1)}.`);
    }
    const arrays = Object.entries(this.tokenizer.arrays([encoding], length)).map(([name, [row]]) => [name, row]);
    const found = await this.runtime.run(Object.fromEntries(arrays));
    const ofTokens = TOKEN_OUTPUTS[this.task.name] ?? [];
    const start = this.tokenizer.placeOf(encoding, length);
    const outputs = {};
    for (const [name, { data, shape }] of Object.entries(found)) {
      if (!ofTokens.includes(name)) outputs[name] = data;
      else if (shape.length < 3) outputs[name] = data.subarray(start, start + count);
      else {
        const [, , labels] = shape;
        outputs[name] = encoding.ids.map((_, i) => data.subarray((start + i) * labels, (start + i + 1) * labels));
      }
    }
    return outputs;
  }
}
