/**
 * Reads a `.tflite` that `kbs-export` wrote: a flatbuffer with a ZIP archive behind it, whose files are stored as they
 * are: `keras_bert_suite.json`, `labels.txt`, and `vocab.txt` or the files of another tokenizer.
 */
import { InputError } from "./errors.js";

export const ABOUT = "keras_bert_suite.json";
const VERSION = 1;
const END = { mark: 0x06054b50, size: 22 };
const ENTRY = { mark: 0x02014b50, size: 46 };
const LOCAL = { mark: 0x04034b50, size: 30 };
const LONGEST_COMMENT = 0xffff;
const STORED = 0;

/**
 * @param {Uint8Array} content the whole file.
 * @param {string} name what messages call it.
 * @returns {Promise<{about: object, files: Record<string, string>}>} `keras_bert_suite.json`, parsed, and all files.
 */
export async function readArchive(content, name) {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  let files;
  let about;
  try {
    files = filesOf(view, content);
    about = JSON.parse(files[ABOUT]);
  } catch {
    throw new InputError(
      `${name} is cut off, or is no file that kbs-export wrote: its metadata are not there. Export or fetch it again.`,
    );
  }
  if (about.version !== VERSION) {
    throw new InputError(`${name} has metadata of version ${about.version}; expected version ${VERSION}.`);
  }
  await checkModel(about, content, name);
  return { about, files };
}

function filesOf(view, content) {
  const end = endOf(view);
  const count = view.getUint16(end + 10, true);
  let at = end - view.getUint32(end + 12, true);
  // What was put before the archive after it was written, if anything.
  const shift = at - view.getUint32(end + 16, true);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const files = {};
  for (let i = 0; i < count; i++) {
    check(view.getUint32(at, true) === ENTRY.mark && view.getUint16(at + 10, true) === STORED);
    const [sum, size] = [view.getUint32(at + 16, true), view.getUint32(at + 20, true)];
    const lengths = [28, 30, 32].map((place) => view.getUint16(at + place, true));
    const local = view.getUint32(at + 42, true) + shift;
    check(view.getUint32(local, true) === LOCAL.mark);
    const start = local + LOCAL.size + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const bytes = content.subarray(start, start + size);
    check(bytes.length === size && crc32(bytes) === sum);
    const key = decoder.decode(content.subarray(at + ENTRY.size, at + ENTRY.size + lengths[0]));
    files[key] = decoder.decode(bytes);
    at += ENTRY.size + lengths[0] + lengths[1] + lengths[2];
  }
  return files;
}

/** Where the archive's last record begins. */
function endOf(view) {
  const last = view.byteLength - END.size;
  for (let at = last; at >= Math.max(0, last - LONGEST_COMMENT); at--) {
    if (view.getUint32(at, true) === END.mark && at + END.size + view.getUint16(at + 20, true) === view.byteLength) {
      return at;
    }
  }
  return check(false);
}

/** Throws what `readArchive` turns into its message. */
function check(isSo) {
  if (!isSo) throw new RangeError("not the form of a ZIP archive");
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? 0xedb88320 ^ (sum >>> 1) : sum >>> 1;
  return sum;
});

function crc32(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 0xff] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

/** Checks the model against its SHA-256, where the file says it and the page may compute it (not over plain HTTP). */
async function checkModel(about, content, name) {
  if (!about.model || globalThis.crypto?.subtle === undefined) return;
  const digest = await crypto.subtle.digest("SHA-256", content.subarray(0, about.model.bytes));
  const found = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== about.model.sha256) {
    throw new InputError(`${name} is damaged: its model is not the one that kbs-export wrote. Fetch it again.`);
  }
}
