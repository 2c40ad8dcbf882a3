/**
 * The runtime LiteRT.js on the CPU: arrays in, named outputs out, by the signature of the row's length.
 *
 * `@litertjs/core` and its WebAssembly come from `node_modules`; a page names the package in its import map.
 */
import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";
import { InputError } from "./errors.js";

const NAMES = { token_ids: "input_word_ids", padding_mask: "input_mask", segment_ids: "input_type_ids" };
let loading = null;

/** @implements {import("./pipeline.js").Runtime} */
export class LiteRt {
  /** @param {import("@litertjs/core").CompiledModel} model */
  constructor(model) {
    this.model = model;
    const signatures = Object.values(model.signatures);
    this.byLength = new Map(signatures.map((one) => [one.getInputDetails()[0].shape[1], one]));
    this.lengths = [...this.byLength.keys()].sort((a, b) => a - b);
  }

  /**
   * Loads a model, and the runtime with the first.
   * @param {Uint8Array} content the whole `.tflite`.
   * @param {string} name what messages call it.
   * @param {string} folder the address of the package's `wasm` folder.
   * @returns {Promise<LiteRt>}
   */
  static async of(content, name, folder) {
    loading ??= loadLiteRt(folder).catch((error) => {
      loading = null;
      throw new InputError(`The runtime does not load from ${folder} (${error?.message ?? "no such file"}).`);
    });
    await loading;
    try {
      return new LiteRt(await loadAndCompile(content, { accelerator: "wasm" }));
    } catch (error) {
      throw new InputError(`${name} is no TFLite model that runs here: ${error?.message ?? error}`);
    }
  }

  /**
   * What the model gives for one row.
   * @param {Record<string, Int32Array>} arrays `token_ids`, `padding_mask` and `segment_ids`, as long as a signature.
   */
  async run(arrays) {
    const { length } = arrays.token_ids;
    const signature = this.byLength.get(length);
    const wanted = signature.getInputDetails().map(({ name }) => name);
    const inputs = {};
    for (const [name, row] of Object.entries(arrays)) {
      if (wanted.includes(NAMES[name])) inputs[NAMES[name]] = new Tensor(row, [1, length]);
    }
    const outputs = await signature.run(inputs);
    const found = {};
    for (const [name, tensor] of Object.entries(outputs)) {
      found[name] = { data: tensor.toTypedArray(), shape: Array.from(tensor.type.layout.dimensions) };
      tensor.delete();
    }
    Object.values(inputs).forEach((tensor) => tensor.delete());
    return found;
  }

  close() {
    this.model.delete();
  }
}
