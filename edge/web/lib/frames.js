/**
 * The post-processors of `tokenizer.json`: what special pieces are put around a text or a pair, and which segment
 * each piece is of.
 *
 * `frame(state)` gives `{single, pair, trims, prefix}`: templates, lists of `{sequence}` or `{id}` with
 * `segment`; whether offsets leave out the spaces that a byte-level piece begins or ends with; and whether a space was
 * put before the text.
 */
import { InputError } from "./errors.js";

const of = (sequence, segment) => ({ sequence, segment });

/** @param {object | null} state the post-processor of a `tokenizer.json`. */
export function frame(state) {
  const make = MAKERS[state?.type];
  if (make === undefined) {
    throw new InputError(
      `tokenizer.json has the post-processor ${state?.type ?? null}; known here are ${Object.keys(MAKERS).join(", ")}.`,
    );
  }
  return make(state);
}

const MAKERS = {
  TemplateProcessing: (state) => {
    const template = (parts) =>
      parts.flatMap(({ Sequence, SpecialToken }) =>
        Sequence !== undefined
          ? [of(Sequence.id === "A" ? 0 : 1, Sequence.type_id)]
          : state.special_tokens[SpecialToken.id].ids.map((id) => ({ id, segment: SpecialToken.type_id })),
      );
    const [single, pair] = [template(state.single), template(state.pair)];
    return { single, pair, trims: false, prefix: false };
  },
  BertProcessing: ({ cls, sep }) => {
    const special = ([, id], segment) => ({ id, segment });
    const single = [special(cls, 0), of(0, 0), special(sep, 0)];
    return { single, pair: [...single, of(1, 1), special(sep, 1)], trims: false, prefix: false };
  },
  RobertaProcessing: ({ cls, sep, trim_offsets: trims, add_prefix_space: prefix }) => {
    const [begin, end] = [cls, sep].map(([, id]) => ({ id, segment: 0 }));
    const single = [begin, of(0, 0), end];
    return { single, pair: [...single, end, of(1, 0), end], trims, prefix };
  },
};

/** How many special pieces a template has. */
export function specialsOf(template) {
  return template.filter((part) => part.sequence === undefined).length;
}
