/** One number: where its window lies, the window times the weights, what is added, and what becomes of it. */

import { Planes, post, recall, snapshot, unpack, type LayerInfo, type LayerMaps, type Numbers, type Summed } from "./api";
import type { App, Part } from "./app";
import { BLUE, colourOf, css, enlarged, grey, heat, isDark, ORANGE, range, readableOn, scaleFor, signed, type Scale } from "./colour";
import { announce, fill, h, say, short } from "./dom";
import { presets } from "./kernels";
import { PlaneView } from "./picker";

const BARS = 14, ROWS = 200, LARGEST_WINDOW = 13;

/** The products of one sum, as arrays. */
class Terms {
  readonly values: Numbers;
  readonly weights: Numbers;
  readonly products: Numbers;
  readonly sums: Numbers;
  readonly places: Numbers;
  readonly taps: Numbers;
  readonly depth: number;
  readonly width: number;

  constructor(readonly sum: Summed) {
    this.values = unpack(sum.values);
    this.weights = unpack(sum.weights);
    this.products = unpack(sum.products);
    this.sums = unpack(sum.sums);
    this.places = unpack(sum.places);
    this.taps = unpack(sum.taps);
    this.depth = sum.places.shape[1] ?? 0;
    this.width = sum.taps.shape[1] ?? 0;
  }

  get length(): number { return this.values.length; }
  /** Where in the input; null in the padding. */
  place(i: number): number[] | null {
    const found = [...this.places.subarray(i * this.depth, (i + 1) * this.depth)];
    return found.length && found[0] < 0 ? null : found;
  }
  tap(i: number): number[] { return [...this.taps.subarray(i * this.width, (i + 1) * this.width)]; }
}

export function neuronPart(app: App, node: LayerInfo): Part {
  const title = h("h3", {}), problem = h("p", { class: "lead" });
  const body = h("div", { class: "sum" }), ending = h("div", { class: "ending", "aria-live": "off" });
  const rest = h("div", { class: "rest" });
  const element = h("section", { class: "neuron", "aria-label": "The sum behind one number" }, title, problem, body, ending, rest);
  const output = new PlaneView("Output map of the layer; the arrow keys move the neuron", 190, 190, (row, column) => {
    const { index } = app.view, channel = index.at(-1)!;
    app.move({ index: index.length === 2 ? [column, channel] : [...index.slice(0, -3), row, column, channel] }, true);
  });
  const input = new PlaneView("Input of the layer, with the window of the neuron", 190, 190);
  const editor = new Editor(app, node);
  let channel = -1, last: Summed | null = null, look = "";

  const update = async () => {
    const { index } = app.view;
    if (!isWhole(node, index)) {
      fill(title, "Choose a map");
      return;
    }
    let sum: Summed;
    try {
      sum = await sumOf(app, index);
    } catch (error) {
      last = null;
      say(title, `${node.name}[${index.join(", ")}]`);
      fill(body);
      fill(ending);
      fill(rest);
      say(problem, error instanceof Error ? error.message : String(error));
      return;
    }
    app.visited.set(`${app.node}:${index.join(",")}`, "");
    const now = `${channel} ${enlarged()} ${isDark()}`;
    if (sum === last && now === look) return;
    await draw(sum, index);
    [last, look] = [sum, now];
  };
  const draw = async (sum: Summed, index: number[]) => {
    const terms = new Terms(sum);
    say(title, `${node.name}[${index.join(", ")}] = ${short(sum.engine, 4)}`);
    say(problem, `${sentence(sum, terms)} ${sum.note}`.trim());
    if (!sum.channels.some(([c]) => c === channel)) channel = -1;
    const shown = channel >= 0 && sum.planes.some((plane) => plane.channel === channel) ? channel : sum.planes[0]?.channel ?? -1;
    const window = windowOf(node, terms, shown);
    await drawOutput(app, output, index);
    if (window && shown >= 0) {
      drawInput(input, sum, terms, shown);
      editor.draw(window, sum, shown);
      const wanted = [input.element, editor.element, output.element];
      if (wanted.some((part, i) => body.children[i] !== part) || body.children.length !== 3) fill(body, ...wanted);
    } else {
      const sources = node.sources.map((i) => (i < 0 ? "the input" : app.info.nodes[i].name));
      const bars = contributions(terms, sum, sources.length > 1 && sources.length === terms.length ? sources : []);
      fill(body, bars, index.length > 1 ? output.element : null);
    }
    fill(ending, ...equation(sum));
    fill(rest, window && sum.channels.length > 1 ? channelBars(sum, shown, (chosen) => { channel = chosen; void update(); }) : null,
      table(terms, sum));
    announce(`${node.name} ${index.join(", ")}: ${short(sum.engine, 4)}`);
  };
  return { element, update };
}

/** Whether an index names a number of the layer, not only a channel. */
function isWhole(node: LayerInfo, index: number[]): boolean {
  return index.length === node.shape.length && index.every((i) => i >= 0);
}

function sumOf(app: App, index: number[]): Promise<Summed> {
  return recall<Summed>("number", { layer: app.node, index: index.join(","), ...app.asked });
}

/** Waits for the sum that will be shown: whatever goes wrong with it is told when it is drawn. */
export async function expectSum(app: App): Promise<void> {
  if (isWhole(app.layer!, app.view.index)) await sumOf(app, app.view.index).catch(() => {});
}

function hasBias(sum: Summed): boolean { return sum.bias !== 0 || /Conv|Dense/.test(sum.type); }

/** Whether all weights are 1: nothing is weighed, only added. */
function isPlain(terms: Terms): boolean { return terms.weights.every((weight) => weight === 1); }

function sentence(sum: Summed, terms: Terms): string {
  const count = sum.count.toLocaleString("en");
  if (sum.kind === "max") return `The largest of ${count} numbers of the input.`;
  if (sum.kind === "l2") return `The root of the sum of ${count} squares.`;
  if (sum.kind === "sum" && sum.count > 1 && isPlain(terms)) return `${count} numbers are added.`;
  if (/Average/.test(sum.type)) return `The mean of ${count} numbers: each is weighed with one part in ${count}.`;
  const after = sum.activation === "linear" ? "" : `, then ${sum.activation}`;
  if (sum.count === 1) return `One number of the input${isPlain(terms) ? "" : ", times one factor"}${after}.`;
  return `${count} products of an input and a weight are added${hasBias(sum) ? ", and a bias" : ""}${after}.`;
}

async function drawOutput(app: App, view: PlaneView, index: number[]): Promise<void> {
  if (index.length < 2) return;
  const maps = await recall<LayerMaps>("layer", { layer: app.node, ...app.asked, what: "maps" });
  const planes = new Planes(maps.maps), channel = index.at(-1)!;
  if (channel >= planes.count || (maps.kind === "volume" && index[0] !== maps.slice)) return;
  const place: [number, number] = maps.kind === "lines" ? [0, index[0]] : [index.at(-3)!, index.at(-2)!];
  view.draw(planes.at(channel), planes.height, planes.width, scaleFor(maps.low, maps.high),
    [{ row: place[0], column: place[1], rows: 1, columns: 1, colour: ORANGE }],
    `output, map ${channel}: choose a place`, place);
}

function drawInput(view: PlaneView, sum: Summed, terms: Terms, channel: number): void {
  const plane = sum.planes.find((found) => found.channel === channel)!;
  const numbers = unpack(plane), [rows, columns] = plane.shape, [low, high] = range(numbers);
  let top = Infinity, left = Infinity, bottom = -1, right = -1;
  for (let i = 0; i < terms.length; i++) {
    const place = terms.place(i);
    if (!place) continue;
    const [row, column] = sum.input.kind === "lines" ? [0, place[0]] : [place.at(-3) ?? 0, place.at(-2)!];
    [top, left, bottom, right] = [Math.min(top, row), Math.min(left, column), Math.max(bottom, row), Math.max(right, column)];
  }
  const boxes = bottom < 0 ? [] : [{ row: top, column: left, rows: bottom - top + 1, columns: right - left + 1, colour: BLUE }];
  view.draw(numbers, rows, columns, low < 0 ? scaleFor(low, high) : grey(0, high), boxes,
    sum.input.channels > 1 ? `input of the layer, channel ${channel}` : "input of the layer");
}

interface Window {
  rows: number; columns: number; values: (number | null)[]; weights: (number | null)[]; products: (number | null)[];
  outside: boolean[];
}

/** The terms of one input channel laid out as the window; null if the layer slides none. */
function windowOf(node: LayerInfo, terms: Terms, channel: number): Window | null {
  if (!node.window || node.window.size.length > 2) return null;
  const [rows, columns] = node.window.size.length === 2 ? node.window.size : [1, node.window.size[0]];
  if (Math.max(rows, columns) > LARGEST_WINDOW) return null;
  const axes = node.window.size.length, blank = () => new Array<number | null>(rows * columns).fill(null);
  const found: Window = { rows, columns, values: blank(), weights: blank(), products: blank(), outside: new Array(rows * columns).fill(false) };
  for (let i = 0; i < terms.length; i++) {
    const tap = terms.tap(i), place = terms.place(i);
    const own = place ? place.at(-1)! : tap.length > axes ? tap[axes] : channel;
    if (own !== channel) continue;
    const at = axes === 2 ? tap[0] * columns + tap[1] : tap[0];
    found.values[at] = terms.values[i];
    found.weights[at] = terms.weights[i];
    found.products[at] = terms.products[i];
    found.outside[at] = place === null;
  }
  return found;
}

/** The grids of the window: values times weights gives products; the weights can be changed by hand. */
class Editor {
  readonly element = h("div", { class: "grids" });
  private inputs: HTMLInputElement[] = [];
  /** The weights themselves; the fields show them rounded. */
  private weights: number[] = [];
  private key = "";
  private channel = 0;

  constructor(private readonly app: App, private readonly node: LayerInfo) {}

  draw(window: Window, sum: Summed, channel: number): void {
    this.channel = channel;
    const isSum = sum.kind === "sum", convolves = isSum && this.node.kernel !== null;
    const values = numberGrid(window, window.values, window.values.every((v) => (v ?? 0) >= 0) ? (largest) => heat(0, largest) : signed,
      sum.kind === "max" ? indexOfLargest(window) : -1);
    if (!convolves) {
      this.key = "";
      fill(this.element, block("window", values));
      return;
    }
    const products = numberGrid(window, window.products, signed);
    const total = window.products.reduce<number>((all, product) => all + (product ?? 0), 0);
    const key = `${window.rows} ${window.columns}`;
    if (this.key !== key) {
      this.key = key;
      this.inputs = window.weights.map((_, i) => this.cell(i, window.columns));
      fill(this.element, h("div", { class: "grid-row" }), this.tools());
    }
    this.colour(window);
    const row = this.element.firstElementChild as HTMLElement;
    row.style.setProperty("--middle", `${(window.rows * cellSide(window.rows, window.columns)) / 2 - 17}px`);
    const weights = row.querySelector(".weights") ?? block(this.editable() ? "weights: type to change them" : "weights",
      gridOf(window.rows, window.columns, this.inputs), "weights");
    const wanted = [block("window", values), sign("×"), weights, sign("="), block(`products, Σ = ${short(total, 4)}`, products)];
    if (weights.parentElement === row) {
      row.children[0].replaceWith(wanted[0]);
      row.children[4].replaceWith(wanted[4]);
    } else fill(row, ...wanted);
    fit(weights.querySelector(".grid")!, cellSide(window.rows, window.columns));
  }

  private editable(): boolean { return snapshot === null && this.node.window?.kind !== "transposed"; }

  private cell(i: number, columns: number): HTMLInputElement {
    return h("input", {
      type: "number", step: "0.05", class: "cell", readOnly: !this.editable(),
      "aria-label": `weight ${Math.floor(i / columns)}, ${i % columns}`,
      onchange: (event: Event) => {
        this.weights[i] = Number((event.target as HTMLInputElement).value) || 0;
        void this.send();
      },
    });
  }

  private colour(window: Window): void {
    this.weights = window.weights.map((weight) => weight ?? 0);
    const largest = Math.max(...this.weights.map(Math.abs)), scale = signed(largest), digits = decimals(largest);
    this.inputs.forEach((input, i) => {
      if (document.activeElement !== input || input.dataset.sent) input.value = Math.abs(this.weights[i]) < 1e6 ? this.weights[i].toFixed(digits) : this.weights[i].toExponential(1);
      input.title = String(this.weights[i]);
      const colour = colourOf(scale, this.weights[i]);
      input.style.background = css(colour);
      input.style.color = readableOn(colour);
    });
  }

  private tools(): HTMLElement | null {
    if (!this.editable()) return null;
    const { rows, columns } = { rows: this.node.window!.size.length === 2 ? this.node.window!.size[0] : 1, columns: this.node.window!.size.at(-1)! };
    const choice = h("select", {
      "aria-label": "Replace the weights by a known kernel",
      onchange: () => {
        const made = presets[choice.value]?.(rows, columns, this.weights);
        choice.value = "";
        if (!made) return;
        this.weights = made;
        void this.send();
      },
    }, h("option", { value: "" }, "replace by …"), ...Object.keys(presets).map((name) => h("option", { value: name }, name)));
    return h("div", { class: "tools" }, choice, h("button", {
      type: "button",
      onclick: () => void this.app.attempt(async () => {
        await post("reset", { name: this.node.layer });
        announce("The kernels of this layer are as they were learnt.");
        await this.app.renew();
      }),
    }, "Reset this layer"));
  }

  private async send(): Promise<void> {
    await this.app.attempt(async () => {
      this.inputs.forEach((input) => { input.dataset.sent = "yes"; });
      await post("edit", {
        layer: String(this.app.node), channel: this.channel, filter: this.app.view.index.at(-1), values: this.weights,
      });
      await this.app.renew();
    });
    this.inputs.forEach((input) => { delete input.dataset.sent; });
  }
}

function indexOfLargest(window: Window): number {
  let best = -1;
  window.values.forEach((value, i) => {
    if (value !== null && !window.outside[i] && (best < 0 || value > window.values[best]!)) best = i;
  });
  return best;
}

function block(caption: string, grid: Element, name = ""): HTMLElement {
  return h("figure", { class: `grid-block ${name}` }, grid, h("figcaption", {}, caption));
}

function sign(text: string): HTMLElement { return h("span", { class: "sign", "aria-hidden": "true" }, text); }

function gridOf(rows: number, columns: number, cells: HTMLElement[]): HTMLElement {
  const grid = h("div", { class: "grid", role: "group" }, ...cells);
  const side = cellSide(rows, columns);
  grid.style.gridTemplateColumns = `repeat(${columns}, ${side}px)`;
  grid.style.gridAutoRows = `${side}px`;
  fit(grid, side);
  return grid;
}

/** Letters as large as the longest number of a grid allows. */
function fit(grid: HTMLElement, side: number): void {
  const usual = side < 36 ? 10 : side < 42 ? 11 : side < 54 ? 12.5 : 15;
  const widths = [...grid.children].map((cell) => widthOf(cell instanceof HTMLInputElement ? cell.value : cell.textContent ?? ""));
  grid.style.setProperty("--cell", `${Math.min(usual, (side - 3) / Math.max(...widths)).toFixed(1)}px`);
}

/** How wide a number is, in sizes of its letters. */
function widthOf(text: string): number {
  return [...text].reduce((width, sign) => width + (sign === "." || sign === "-" ? 0.36 : sign === "−" ? 0.84 : 0.64), 0.01);
}

function cellSide(rows: number, columns: number): number {
  return Math.round(enlarged() * Math.max(34, Math.min(44, Math.floor(176 / Math.max(rows, columns)))));
}

function numberGrid(window: Window, numbers: (number | null)[], scaled: (largest: number) => Scale, marked = -1): HTMLElement {
  const largest = Math.max(...numbers.map((value) => Math.abs(value ?? 0))), scale = scaled(largest), digits = decimals(largest);
  return gridOf(window.rows, window.columns, numbers.map((value, i) => {
    const cell = h("span", {
      class: `cell${window.outside[i] || value === null ? " outside" : ""}${i === marked ? " marked" : ""}`,
      title: value === null ? "no term" : `${value}${window.outside[i] ? " (padding)" : ""}`,
    }, value === null ? "" : brief(value, digits));
    const colour = colourOf(scale, value ?? 0);
    cell.style.background = css(colour);
    cell.style.color = readableOn(colour);
    return cell;
  }));
}

/** How many decimals a grid needs: enough for two figures of its largest number. */
function decimals(largest: number): number {
  return largest >= 100 ? 0 : largest >= 10 ? 1 : largest >= 0.1 || largest === 0 ? 2 : 3;
}

function brief(value: number, digits: number): string {
  if (!(Math.abs(value) < 1e6)) return short(value);
  const text = value.toFixed(digits);
  return Number(text) === 0 ? "0" : text.replace("-", "−");
}

/** "2·10⁻⁵": at most one figure is worth saying of a bound. */
function exponent(value: number): string {
  if (!Number.isFinite(value)) return "nothing: some numbers are NaN";
  const [figure, power] = value.toExponential(0).split("e");
  return value === 0 ? "0" : `${figure}·10${[...power.replace("+", "")].map((sign) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(sign)] ?? "⁻").join("")}`;
}

/** From the sum of the products to the number. */
function equation(sum: Summed): (HTMLElement | string)[] {
  const piece = (text: string, caption: string) => h("span", { class: "piece" }, h("b", {}, text), h("small", {}, caption));
  const engine = piece(short(sum.engine, 5), `the engine, in float32: rounds within ${exponent(sum.bound)}`);
  engine.classList.add("engine");
  engine.dataset.value = String(sum.engine);
  if (sum.kind !== "sum") return [piece(short(sum.value, 5), sum.kind === "max" ? "largest" : "root of squares"), sign("→"), engine];
  const pieces: HTMLElement[] = [piece(short(sum.total - sum.bias, 5), `Σ of ${sum.count.toLocaleString("en")} products`)];
  if (hasBias(sum)) {
    pieces.push(sign(sum.bias < 0 ? "−" : "+"), piece(short(Math.abs(sum.bias), 5), "bias"), sign("="),
      piece(short(sum.total, 5), sum.activation === "linear" ? "sum" : "before activation"));
  }
  if (sum.activation !== "linear") pieces.push(sign("→"), piece(short(sum.value, 5), sum.activation));
  return [...pieces, sign("≈"), engine];
}

/** What each input channel adds; choosing one shows its window. */
function channelBars(sum: Summed, shown: number, choose: (channel: number) => void): HTMLElement {
  const largest = Math.max(...sum.channels.map(([, value]) => Math.abs(value))) || 1;
  const open = new Set(sum.planes.map((plane) => plane.channel)), head = sum.channels.slice(0, 32);
  const left = sum.channels.length - head.length;
  return h("div", { class: "channels" }, h("h4", {}, "What each input channel adds"),
    h("div", { class: "channel-bars" }, ...head.map(([channel, value]) => {
      const bar = h("i", { class: value < 0 ? "below" : "above" });
      bar.style.height = `${Math.max(2, (44 * Math.abs(value)) / largest)}px`;
      return h("button", {
        type: "button", disabled: !open.has(channel), "aria-pressed": String(channel === shown), title: `channel ${channel}: ${short(value, 4)}`,
        "aria-label": `channel ${channel} adds ${short(value, 4)}`, onclick: () => choose(channel),
      }, bar, h("span", {}, String(channel)));
    })), h("p", { class: "lead" }, `Strongest first; the windows of the first ${open.size} can be opened.${left > 0 ? ` ${left} more add less.` : ""}`));
}

/** The largest products of a sum that is no window. */
function contributions(terms: Terms, sum: Summed, sources: string[]): HTMLElement {
  const order = [...terms.products.keys()].sort((a, b) => Math.abs(terms.products[b]) - Math.abs(terms.products[a]));
  const largest = Math.abs(terms.products[order[0]] ?? 0) || 1;
  const row = (name: string, value: number) => {
    const bar = h("i", { class: value < 0 ? "below" : "above" });
    bar.style.width = `${Math.min(100, (100 * Math.abs(value)) / largest)}%`;
    return h("div", { class: "bar-row" }, h("span", { class: "bar-name" }, name), h("span", { class: "bar-box" }, bar), h("span", { class: "bar-value" }, short(value, 4)));
  };
  const plain = isPlain(terms);
  const rows = order.slice(0, BARS).map((i) => row(`${sources[i] ?? ""}[${(terms.place(i) ?? ["padding"]).join(", ")}]${plain ? "" : `  ${short(terms.values[i])} × ${short(terms.weights[i])}`}`, terms.products[i]));
  const others = order.slice(BARS).reduce((total, i) => total + terms.products[i], 0);
  return h("div", { class: "bars" }, h("h4", {}, sum.kind === "sum" && !plain ? "The largest products" : "The numbers"), ...rows,
    order.length > BARS ? row(`${(sum.count - BARS).toLocaleString("en")} others`, others) : null);
}

function table(terms: Terms, sum: Summed): HTMLElement {
  const details = h("details", {}, h("summary", {}, `All ${sum.count.toLocaleString("en")} ${sum.kind === "sum" ? "products" : "numbers"}, in the order of the sum`));
  details.addEventListener("toggle", () => {
    if (!details.open || details.childElementCount > 1) return;
    const heads = sum.kind === "sum" ? ["input", "value", "weight at", "weight", "product", "sum so far"] : ["input", "value"];
    const rows = Array.from({ length: Math.min(ROWS, terms.length) }, (_, i) => {
      const place = terms.place(i), cells = [place ? `[${place.join(", ")}]` : "padding", terms.values[i].toFixed(6)];
      if (sum.kind === "sum") cells.push(`[${terms.tap(i).join(", ")}]`, terms.weights[i].toFixed(6), terms.products[i].toFixed(6), terms.sums[i].toFixed(6));
      return h("tr", {}, ...cells.map((cell) => h("td", {}, cell.replace("-", "−"))));
    });
    details.append(h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Table of products" }, h("table", {},
      h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, ...rows))));
    if (sum.count > rows.length) details.append(h("p", { class: "lead" }, `The first ${rows.length} are shown; striate.see.number gives all of them.`));
  });
  return details;
}
