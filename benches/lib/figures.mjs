// @ts-check
/** From samples to the lines that are printed. */

/** Nearest rank. @param {number[]} sorted @param {number} part */
const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * part) - 1))] ?? NaN;

/** @param {number[]} samples */
export function summary(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  return {
    n: sorted.length,
    median: quantile(sorted, 0.5),
    p10: quantile(sorted, 0.1),
    p25: quantile(sorted, 0.25),
    p75: quantile(sorted, 0.75),
    p90: quantile(sorted, 0.9),
    p99: quantile(sorted, 0.99),
    min: quantile(sorted, 0),
    max: quantile(sorted, 1),
  };
}

/**
 * @param {string[][]} rows the first is the head
 * @param {number} [texts] so many columns stand to the left; the others are numbers and stand to the right
 */
export function table(rows, texts = 3) {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) => row.map((cell, i) => (i < texts ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ').trimEnd())
    .join('\n');
}

/** The same for a Markdown file. @param {string[][]} rows the first is the head @param {number} [texts] */
export function markdown(rows, texts = 1) {
  const line = (/** @type {string[]} */ cells) => `| ${cells.join(' | ')} |`;
  const [head = [], ...rest] = rows;
  return [line(head), line(head.map((_, i) => (i < texts ? '---' : '--:'))), ...rest.map(line)].join('\n');
}

/** By how much y grows with each x, by least squares. @param {[x: number, y: number][]} points */
export function slope(points) {
  const mean = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map((point) => point[0])), mean(points.map((point) => point[1]))];
  const across = mean(points.map((point) => (point[0] - x) ** 2));
  return mean(points.map((point) => (point[0] - x) * (point[1] - y))) / across;
}

/** @param {number} value */
export const ms = (value) => value.toFixed(1);

/** @param {number} value */
export const two = (value) => value.toFixed(2);

/** @param {number} value @param {number} most */
export const verdict = (value, most) => (value <= most ? 'PASS' : 'FAIL');
