/**
 * Texts as arrays of Unicode code points, and offsets between these and the UTF-16 units of JavaScript strings.
 *
 * All offsets in these modules count code points, as those of Python do.
 */

/**
 * The code points of a text; a lone surrogate is one.
 * @param {string} text
 * @returns {number[]}
 */
export function codePoints(text) {
  const points = [];
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i);
    if (point > 0xffff) i++;
    points.push(point);
  }
  return points;
}

/**
 * The text of code points.
 * @param {number[]} points
 * @param {number} [start] the first of them.
 * @param {number} [end] the one after the last.
 * @returns {string}
 */
export function textOf(points, start = 0, end = points.length) {
  let text = "";
  for (let i = start; i < end; i++) text += String.fromCodePoint(points[i]);
  return text;
}

/**
 * Offsets in code points as offsets in UTF-16 units, those of `String.prototype.slice` and of the DOM.
 * @param {string} text
 * @returns {(offset: number) => number} what takes an offset of 0 to the number of code points.
 */
export function toUtf16(text) {
  const units = [0];
  for (const point of codePoints(text)) units.push(units[units.length - 1] + (point > 0xffff ? 2 : 1));
  return (offset) => units[offset];
}
