/**
 * The one kind of error that these modules throw for bad input; its message is one line for the person who reads it.
 */
export class InputError extends Error {
  /** @param {string} message what came, what was expected, what to do. */
  constructor(message) {
    super(message);
    this.name = "InputError";
  }
}
