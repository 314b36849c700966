/** A plane of numbers in which one place is chosen: by pointer, or with the arrow keys. */

import { enlarged, type Scale } from "./colour";
import { h, say } from "./dom";
import type { Numbers } from "./api";
import { paint } from "./paint";

export interface Box { row: number; column: number; rows: number; columns: number; colour: string }

/** A canvas that shows a plane; with `pick` it takes the focus and tells which place was chosen. */
export class PlaneView {
  readonly canvas = h("canvas", {});
  readonly caption = h("figcaption", {});
  readonly element: HTMLElement;
  private rows = 1;
  private columns = 1;
  private place: [number, number] = [0, 0];

  constructor(label: string, private readonly room: number, private readonly tallest: number,
              private readonly pick?: (row: number, column: number) => void) {
    this.canvas.setAttribute("aria-label", label);
    this.canvas.setAttribute("role", pick ? "application" : "img");
    if (pick) {
      this.canvas.tabIndex = 0;
      this.canvas.className = "picking";
      this.canvas.addEventListener("pointerdown", (event) => {
        const box = this.canvas.getBoundingClientRect();
        this.choose(Math.floor(((event.clientY - box.top) / box.height) * this.rows), Math.floor(((event.clientX - box.left) / box.width) * this.columns));
      });
      this.canvas.addEventListener("keydown", (event) => this.key(event));
    }
    this.element = h("figure", { class: "plane" }, this.canvas, this.caption);
  }

  private choose(row: number, column: number): void {
    this.pick?.(Math.min(this.rows - 1, Math.max(0, row)), Math.min(this.columns - 1, Math.max(0, column)));
  }

  private key(event: KeyboardEvent): void {
    const steps: Record<string, [number, number]> = {
      ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
    };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    this.choose(this.place[0] + step[0], this.place[1] + step[1]);
  }

  /** Draws `numbers` (rows, columns); `boxes` lie over them, and `place` is the chosen one. */
  draw(numbers: Numbers, rows: number, columns: number, scale: Scale, boxes: Box[] = [], caption = "",
       place: [number, number] = [0, 0]): void {
    this.rows = rows;
    this.columns = columns;
    this.place = place;
    const room = this.room * enlarged();
    // Large planes get a pixel a number as long as the page has room for them.
    const most = Math.min(2 * room, document.documentElement.clientWidth - 50);
    const cell = Math.max(Math.min(1, most / columns), Math.min(room / columns, (this.tallest * enlarged()) / rows, 44 * enlarged()));
    // Lines have one row, which is drawn as a bar.
    const tall = rows === 1 ? Math.max(cell, 26) : cell;
    const wide = rows === 1 ? room / columns : cell;
    const width = Math.round(wide * columns), height = Math.round(tall * rows);
    const context = paint(this.canvas, width, height, scale, [{ numbers, rows, columns, place: [0, 0, width, height] }]);
    for (const box of boxes) {
      const x = box.column * wide, y = box.row * tall, width = box.columns * wide, height = box.rows * tall;
      context.lineWidth = 4;
      context.strokeStyle = "#ffffff";
      context.strokeRect(x, y, width, height);
      context.lineWidth = 2;
      context.strokeStyle = box.colour;
      context.strokeRect(x, y, width, height);
    }
    say(this.caption, caption);
  }
}
