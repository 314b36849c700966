/** Kernels that everybody should meet once, for windows of any size. */

type Maker = (rows: number, columns: number, now: number[]) => number[];

const each = (rows: number, columns: number, value: (row: number, column: number) => number) =>
  Array.from({ length: rows * columns }, (_, i) => value(Math.floor(i / columns), i % columns));
const middle = (length: number) => Math.floor((length - 1) / 2);
const slope = (place: number, length: number) => (length > 1 ? (2 * place) / (length - 1) - 1 : 0);
const isMiddle = (row: number, column: number, rows: number, columns: number) => row === middle(rows) && column === middle(columns);

export const presets: Record<string, Maker> = {
  "the same image": (rows, columns) => each(rows, columns, (row, column) => (isMiddle(row, column, rows, columns) ? 1 : 0)),
  mean: (rows, columns) => each(rows, columns, () => 1 / (rows * columns)),
  "vertical edges": (rows, columns) => each(rows, columns, (_, column) => slope(column, columns) / rows),
  "horizontal edges": (rows, columns) => each(rows, columns, (row) => slope(row, rows) / columns),
  sharpen: (rows, columns) => each(rows, columns, (row, column) => (isMiddle(row, column, rows, columns) ? 2 : 0) - 1 / (rows * columns)),
  "all zero": (rows, columns) => each(rows, columns, () => 0),
  "signs swapped": (_rows, _columns, now) => now.map((weight) => -weight),
};
