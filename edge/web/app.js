/**
 * The page: loads a model from a file or from `?model=` of its own origin, and answers what is typed.
 *
 * After each answer the element `#answer` sends an event `answer` with `{input, answer, milliseconds}`.
 */
import { Pipeline } from "./lib/pipeline.js";
import { toUtf16 } from "./lib/text.js";

const WASM = new URL("node_modules/@litertjs/core/wasm/", import.meta.url).href;
const TABLES = new URL("unicode.json", import.meta.url);
const TAG_COLOURS = 6;
const SHOWN_SCORES = 10;
const TEXT = { name: "text", label: "Text", rows: 3 };
const LINES = { name: "choices", label: "Candidates, one a line", rows: 5 };
// What each task is asked, field by field.
const FIELDS = {
  classification: [TEXT, { name: "pair", label: "Second text, of a model of pairs", rows: 1 }],
  token_classification: [{ ...TEXT, rows: 4 }],
  intent_slots: [TEXT],
  question_answering: [{ ...TEXT, label: "Question", rows: 1 }, { name: "pair", label: "Passage", rows: 6 }],
  multiple_choice: [TEXT, { ...LINES, label: "Choices, one a line" }],
  ranking: [{ ...TEXT, label: "Query", rows: 1 }, LINES],
  similarity: [{ ...TEXT, rows: 1 }, LINES],
};
// What may be left empty.
const OPTIONAL = { classification: ["pair"] };

const page = Object.fromEntries(
  ["model", "about", "error", "form", "answer", "latency"].map((id) => [id, document.getElementById(id)]),
);
// The colour of each kind of entity that was shown, by its label: a kind keeps its colour while one types.
const colours = new Map();
let pipeline = null;
let answering = null;
let isChanged = false;

/** An element with a text or children, and attributes. */
function element(name, content = [], attributes = {}) {
  const made = document.createElement(name);
  made.append(...[content].flat());
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** Runs something, and says on the page what went wrong. */
async function saying(run) {
  page.error.textContent = "";
  try {
    await run();
  } catch (error) {
    page.answer.hidden = true;
    page.latency.textContent = "";
    page.error.textContent = error.message;
  }
}

async function load(content, name) {
  page.about.textContent = `Loading ${name} …`;
  page.model.disabled = true;
  try {
    const [tables, { LiteRt }] = await Promise.all([fetched(TABLES, "json"), runtime()]);
    const made = await Pipeline.of(content, name, tables, (model, called) => LiteRt.of(model, called, WASM));
    await answering;
    pipeline?.runtime.close();
    pipeline = made;
  } catch (error) {
    page.about.textContent = "";
    throw error;
  } finally {
    page.model.disabled = false;
  }
  const { task, maxLength, about } = pipeline;
  const size = (content.length / 1e6).toFixed(1);
  page.about.textContent =
    `${name}: ${task.name.replaceAll("_", " ")}, ${size} MB, ${about.quantization}, up to ${maxLength} ids a row.`;
  colours.clear();
  ask(task.name);
  await refresh();
}

async function runtime() {
  try {
    return await import("./lib/litert.js");
  } catch {
    throw new Error("The runtime is not there: run `npm install` in edge/web and load the page again.");
  }
}

async function fetched(address, kind) {
  const response = await fetch(address).catch(() => null);
  if (!response?.ok) {
    const status = response === null ? "no answer" : `status ${response.status}`;
    throw new Error(`${address} does not load (${status}); see edge/web/README.md.`);
  }
  return response[kind]();
}

/** Puts the fields of a task into the form; what was typed stays where the field does. */
function ask(task) {
  const typed = new FormData(page.form);
  page.answer.hidden = true;
  page.form.replaceChildren(
    ...FIELDS[task].map(({ name, label, rows }) => {
      const field = element("textarea", typed.get(name) ?? "", { id: name, name, rows, spellcheck: "false" });
      return element("p", [element("label", label, { for: name }), field], { class: "field" });
    }),
  );
  page.form.querySelector("textarea").focus();
}

/** The input that is typed, or null while a field is empty. */
function typedInput() {
  const input = {};
  for (const { name } of FIELDS[pipeline.task.name]) {
    const value = page.form.elements[name].value;
    const isOptional = OPTIONAL[pipeline.task.name]?.includes(name);
    if (!value.trim() && isOptional) continue;
    if (!value.trim()) return null;
    input[name] = name === "choices" ? value.split("\n").filter((line) => line.trim()) : value;
  }
  return input;
}

/** Answers what is typed; what is typed meanwhile is answered next. */
function refresh() {
  isChanged = true;
  answering ??= answerAll();
  return answering;
}

async function answerAll() {
  while (isChanged) {
    isChanged = false;
    await saying(answerOnce);
  }
  answering = null;
}

async function answerOnce() {
  const input = typedInput();
  if (input === null) {
    page.answer.hidden = true;
    page.latency.textContent = "";
    return;
  }
  const started = performance.now();
  const answer = await pipeline.answer(input);
  const milliseconds = performance.now() - started;
  page.answer.replaceChildren(...SHOW[pipeline.task.name](answer, input));
  if (answer.truncated) page.answer.append(element("p", "The text is longer than the model reads.", { class: "note" }));
  page.answer.hidden = false;
  page.latency.textContent = `Answered in ${milliseconds.toFixed(1)} ms.`;
  page.answer.dispatchEvent(new CustomEvent("answer", { bubbles: true, detail: { input, answer, milliseconds } }));
}

const SHOW = {
  classification: ({ label, labels, scores, value }) => {
    if (value !== undefined) return [heading(value.toPrecision(4))];
    return [heading(label ?? (labels.join(", ") || "none")), scoresOf(scores, labels ?? [label])];
  },
  token_classification: ({ entities }, { text }) => [
    highlighted(text, entities),
    ...(entities.length ? [] : [element("p", "No entities.", { class: "note" })]),
  ],
  intent_slots: ({ label, scores, entities }, { text }) => [
    heading(label), highlighted(text, entities), scoresOf(scores, [label]),
  ],
  question_answering: ({ answer, start, end, score, answers }, { pair }) => [
    heading(answer || "The passage has no answer."),
    highlighted(pair, answer ? [{ label: "answer", start, end, score }] : []),
    scoresOf(answers.map((one) => [one.answer, one.score]), []),
  ],
  multiple_choice: ({ choice, scores }, { choices }) => [
    heading(choices[choice]), scoresOf(choices.map((text, i) => [text, scores[i]]), [choices[choice]]),
  ],
  ranking: ranked,
  similarity: ranked,
};

function ranked({ ranking, scores }, { choices }) {
  const best = choices[ranking[0]];
  return [heading(best), scoresOf(ranking.map((place) => [choices[place], scores[place]]), [best])];
}

function heading(text) {
  return element("h2", element("output", text));
}

/** A table of scores, the highest first; of pairs of a name and a score, or of an object. */
function scoresOf(scores, best) {
  const pairs = Array.isArray(scores) ? scores : Object.entries(scores);
  const rows = pairs
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, SHOWN_SCORES)
    .map(([name, score]) => {
      const bar = element("meter", [], { min: 0, max: 1, value: score, "aria-label": name });
      return element(
        "tr",
        [
          element("th", name, { scope: "row" }),
          element("td", bar, { class: "bar" }),
          element("td", score.toFixed(3), { class: "number" }),
        ],
        best.includes(name) ? { class: "best" } : {},
      );
    });
  return element("table", element("tbody", rows), { "aria-label": "Scores" });
}

/** A text with its entities marked, each with its label. */
function highlighted(text, entities) {
  const unit = toUtf16(text);
  const parts = [];
  let done = 0;
  for (const { label, start, end, score } of entities) {
    if (!colours.has(label)) colours.set(label, colours.size % TAG_COLOURS);
    const content = [text.slice(unit(start), unit(end)), element("small", label)];
    const attributes = { class: `tag-${colours.get(label)}`, title: `${label}, ${score.toFixed(3)}` };
    parts.push(text.slice(unit(done), unit(start)), element("mark", content, attributes));
    done = end;
  }
  return element("p", [...parts, text.slice(unit(done))], { class: "text" });
}

/** Loads the model that the page's address names. */
async function loadNamed(name) {
  const address = new URL(name, location.href);
  if (address.origin !== location.origin) {
    throw new Error(`${address} is of another origin; put the model beside the page, or choose the file.`);
  }
  await load(new Uint8Array(await fetched(address, "arrayBuffer")), address.pathname.split("/").pop());
}

page.model.addEventListener("change", () => {
  const [file] = page.model.files;
  if (file) saying(async () => load(new Uint8Array(await file.arrayBuffer()), file.name));
});
page.form.addEventListener("input", refresh);
page.form.addEventListener("submit", (event) => event.preventDefault());
const named = new URLSearchParams(location.search).get("model");
if (named !== null) saying(() => loadNamed(named));
