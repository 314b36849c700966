/** One layer: its facts, all its maps (or their gradients, or its filters), and the neuron that is chosen. */

import { Planes, recall, snapshot, type LayerInfo, type LayerMaps } from "./api";
import type { App, Part } from "./app";
import { enlarged, isDark, scaleFor } from "./colour";
import { announce, fill, h, mark, say, shape, short } from "./dom";
import { expectSum, neuronPart } from "./neuron";
import { curve, paint, surface, type Tile } from "./paint";
import type { What } from "./state";

const FIRST_TILES = 64, GAP = 3, BORDER = 5;
const WORDS: Record<What, string> = {
  maps: "Feature maps", gradients: "Gradients", filters: "Filters", "filter-gradients": "Filter gradients",
};

export function layerPart(app: App): Part {
  const node = app.layer!;
  const tiles = new Tiles(app, node), neuron = neuronPart(app, node);
  const said = h("p", { class: "lead" });
  const compare = h("label", { class: "compare" });
  const buttons = kinds(node).map((what) => h("button", { type: "button", onclick: () => app.move({ what }) },
    what === "maps" && node.shape.length === 1 ? "Outputs" : WORDS[what]));
  const choices = h("div", { class: "segments", role: "group", "aria-label": "What the tiles show" }, ...buttons);
  const element = h("section", { class: "page", "aria-label": `Layer ${node.name}` },
    h("nav", { class: "crumbs", "aria-label": "Way back" },
      h("button", { type: "button", onclick: () => app.move({ page: "network" }) }, "Network"), neighbours(app)),
    h("h2", {}, node.name, h("small", {}, `${node.kind}, ${shape(node.shape)}`)), facts(app, node),
    h("div", { class: "bar" }, choices, compare), said, tiles.element, neuron.element);
  const update = async () => {
    const id = app.node, { what } = app.view;
    buttons.forEach((button, i) => mark(button, "aria-pressed", String(kinds(node)[i] === what)));
    const compared = app.view.compare && app.status?.kept.includes(Number(app.view.compare));
    // All is asked for at once and drawn at once: every picture in between would cost as much as the last one.
    const [maps, other] = await Promise.all([
      recall<LayerMaps>("layer", { layer: id, ...app.asked, what }),
      compared ? recall<LayerMaps>("layer", { layer: id, image: app.view.image, at: app.view.compare, what }) : null,
      expectSum(app),
    ]);
    say(said, sentence(maps, what, node));
    comparison(app, compare);
    if (fixIndex(app, maps, what)) app.move({ index: app.view.index }, true);
    tiles.draw(maps, other);
    await neuron.update();
  };
  return { element, update };
}

function kinds(node: LayerInfo): What[] {
  const all: What[] = node.kernel ? ["maps", "gradients", "filters", "filter-gradients"] : ["maps", "gradients"];
  return snapshot ? all.filter((what) => !what.includes("gradients")) : all;
}

function neighbours(app: App): HTMLElement {
  const place = app.node, { nodes } = app.info;
  const button = (step: number, word: string) => h("button", {
    type: "button", disabled: !nodes[place + step],
    onclick: () => app.move({ layer: nodes[place + step].name, index: [], what: "maps" }),
  }, word);
  return h("span", { class: "steps" }, button(-1, "← layer before"), button(1, "layer after →"));
}

function facts(app: App, node: LayerInfo): HTMLElement {
  const sources = node.sources.map((i) => (i < 0 ? "the input" : app.info.nodes[i].name)).join(" and ");
  const lines: [string, string][] = [["Fed by", sources]];
  if (node.sizes.length) lines.push(["Size", merged(node.sizes).map(typeset).join("\n")]);
  if (node.count) lines.push(["Parameters", typeset(node.count)]);
  if (node.field) lines.push(["A number sees", `${shape(node.field.map(([size]) => size))} elements of the input`]);
  if (node.flops) lines.push(["Operations", node.flops.toLocaleString("en")]);
  return h("dl", { class: "facts" }, ...lines.map(([word, text]) => h("div", {}, h("dt", {}, word), h("dd", {}, text))));
}

/** A formula as it stands on a blackboard. */
function typeset(formula: string): string {
  return formula.replace(/floor\((.*?)\) \+ 1/, "⌊$1⌋ + 1").replace(/ \* /g, " · ").replace(/ - /g, " − ");
}

/** Height and width that are counted alike share one line. */
function merged(formulas: string[]): string[] {
  const [first, second] = formulas.map((text) => text.split(": ")[1]);
  return formulas.length > 1 && first === second ? [`height and width: ${first}`, ...formulas.slice(2)] : formulas;
}

function sentence(maps: LayerMaps, what: What, node: LayerInfo): string {
  const broken = maps.broken ? ` (${maps.broken.toLocaleString("en")} more are NaN or infinite)` : "";
  const span = `${short(maps.low)} to ${short(maps.high)}${broken}`;
  if (what === "maps") {
    const deep = maps.kind === "volume" ? ` Shown is slice ${maps.slice} of ${node.shape[0]}.` : "";
    const next = maps.kind === "vector" ? "Choose one to see its sum." : "Choose a map, then a place in it.";
    return `All on one scale, from ${span}.${deep} ${next}`;
  }
  const mean = (maps.channels ?? 1) > 1 && what.startsWith("filter") ? ` Each tile is the mean over ${maps.channels} channels.` : "";
  if (what === "filters") return `The weights, from ${span}: blue above zero, orange below.${mean}`;
  return `How ${maps.said} changes with each ${what === "gradients" ? "number of the maps" : "weight"}, ${span}: `
    + `blue where more would make it larger.${mean}`;
}

function comparison(app: App, label: HTMLElement): void {
  const kept = app.status?.kept ?? [];
  label.hidden = kept.length < 2 || snapshot !== null;
  const wanted = ["", ...kept.map(String)];
  const select = label.querySelector("select");
  if (select && [...select.options].map((option) => option.value).join() === wanted.join()) return;
  fill(label, "compare with ", h("select", {
    onchange: (event: Event) => app.move({ compare: (event.target as HTMLSelectElement).value }, true),
  }, ...wanted.map((epoch) => h("option", { value: epoch, selected: epoch === app.view.compare },
    epoch === "" ? "nothing" : epoch === "0" ? "the start" : `epoch ${epoch}`))));
}

/** Chooses the strongest place where none (or only a channel) is chosen; says whether the index changed. */
function fixIndex(app: App, maps: LayerMaps, what: What): boolean {
  const { index } = app.view, planes = new Planes(maps.maps);
  // A length that the network leaves open is that of the maps; of volumes only the slice in the middle is there.
  const open = { lines: [planes.width], maps: [planes.height, planes.width], volume: [2 * maps.slice + 1, planes.height, planes.width] }[maps.kind as string] ?? [];
  const lengths = app.layer!.shape.map((n, axis) => n ?? open[axis] ?? planes.count);
  const known = index.length === lengths.length && index.every((i, axis) => i >= 0 && i < Math.max(1, lengths[axis]));
  if (known || what !== "maps" || maps.kind === "other") return false;
  const wanted = index.length === lengths.length ? index.at(-1)! : -1;
  let best = -Infinity, place = 0;
  const size = planes.width * planes.height, [from, to] = wanted >= 0 && wanted < planes.count
    ? [wanted * size, (wanted + 1) * size] : [0, planes.numbers.length];
  for (let i = from; i < to; i++) if (planes.numbers[i] > best) [best, place] = [planes.numbers[i], i];
  const channel = Math.floor(place / size), row = Math.floor((place % size) / planes.width), column = place % planes.width;
  app.view.index = maps.kind === "vector" ? [channel] : maps.kind === "lines" ? [column, channel]
    : maps.kind === "volume" ? [maps.slice, row, column, channel] : [row, column, channel];
  return String(app.view.index) !== String(index);
}

/** The tiles: one a channel, all in one group that the arrow keys walk through, all painted on one canvas below them. */
class Tiles {
  readonly element = h("div", { class: "tiles", role: "group", "aria-label": "Channels; the arrow keys move" });
  private readonly canvas = h("canvas", { "aria-hidden": "true" });
  private readonly more = h("button", { type: "button", class: "more", onclick: () => { this.all = true; this.redraw(); } });
  private all = false;
  private buttons: HTMLButtonElement[] = [];
  private last: [LayerMaps, LayerMaps | null] | null = null;
  private look = "";
  private width = 0;

  constructor(private readonly app: App, private readonly node: LayerInfo) {
    this.element.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => { if (this.last && this.element.isConnected && this.element.clientWidth !== this.width) this.paint(...this.last); }).observe(this.element);
  }

  private redraw(): void { if (this.last) this.draw(...this.last); }

  private key(event: KeyboardEvent): void {
    const at = this.buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (at < 0) return;
    const across = this.buttons.filter((button) => button.offsetTop === this.buttons[0].offsetTop).length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[event.key];
    const next = step === undefined ? undefined : this.buttons[at + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  /** Paints what is new, and marks the chosen tile. */
  draw(maps: LayerMaps, other: LayerMaps | null): void {
    const look = `${enlarged()} ${isDark()} ${this.all}`;
    if (this.last?.[0] !== maps || this.last[1] !== other || this.look !== look) this.paint(maps, other);
    this.look = look;
    const chosen = this.app.view.index.at(-1);
    this.buttons.forEach((button, i) => {
      const first = i === 0 && (chosen === undefined || chosen >= this.buttons.length);
      mark(button, "aria-pressed", String(i === chosen));
      mark(button, "tabindex", i === chosen || first ? "0" : "-1");
    });
  }

  private paint(maps: LayerMaps, other: LayerMaps | null): void {
    this.last = [maps, other];
    const planes = new Planes(maps.maps), parts = other ? [planes, new Planes(other.maps)] : [planes];
    const count = Math.min(planes.count, this.all ? planes.count : maps.kind === "vector" ? 256 : FIRST_TILES);
    const [side, height] = sizeOf(maps, planes, count);
    this.element.style.setProperty("--side", `${side}px`);
    this.element.style.setProperty("--tall", `${parts.length * (height + GAP) - GAP}px`);
    if (this.buttons.length !== count) this.build(count, maps.count);
    this.name(maps, planes);
    // Where the tiles lie is asked once; then all is painted at once.
    const tiles = this.buttons.flatMap((button, i) => {
      const left = button.offsetLeft + BORDER, top = button.offsetTop + BORDER;
      return parts.map((part, row): Tile => ({
        numbers: part.at(i), rows: part.height, columns: part.width, place: [left, top + row * (height + GAP), side, height],
      }));
    });
    const { clientWidth: width, clientHeight: tall } = this.element;
    this.width = width;
    if (!width) return;  // Another page was chosen meanwhile. Should this one come back, the observer paints it.
    if (maps.kind === "lines") {
      const context = surface(this.canvas, width, tall), [low, high] = [Math.min(0, maps.low), Math.max(0, maps.high)];
      for (const { numbers, place } of tiles) curve(context, numbers, low, high, place);
    } else {
      const scale = scaleFor(Math.min(maps.low, other?.low ?? 0), Math.max(maps.high, other?.high ?? 0));
      paint(this.canvas, width, tall, scale, tiles, true);
    }
  }

  private name(maps: LayerMaps, planes: Planes): void {
    const word = maps.kind === "vector" ? "unit" : maps.kind === "filters" ? "filter" : "map";
    this.buttons.forEach((button, i) => mark(button, "aria-label",
      maps.kind === "vector" ? `${word} ${i}: ${short(planes.numbers[i])}` : `${word} ${i}`));
  }

  private build(count: number, whole: number): void {
    this.buttons = Array.from({ length: count }, (_, i) => h("button", {
      type: "button", class: "tile", onclick: () => this.choose(i),
    }, String(i)));
    this.more.textContent = `all ${whole}`;
    fill(this.element, ...this.buttons, count < whole && count <= FIRST_TILES ? this.more : null, this.canvas);
  }

  private choose(channel: number): void {
    const { index } = this.app.view, rank = this.node.shape.length;
    const places = index.length === rank ? index.slice(0, -1) : this.node.shape.slice(0, -1).map((n) => Math.floor((n ?? 1) / 2));
    announce(`Channel ${channel}`);
    this.app.move({ index: [...places, channel] }, true);
  }
}

/** Width and height of a tile's picture. */
function sizeOf(maps: LayerMaps, planes: Planes, count: number): [number, number] {
  const usual = maps.kind === "vector" ? 30 : maps.kind === "lines" ? 120 : maps.kind === "filters" || count > 32 ? 54 : 66;
  const side = Math.round(usual * enlarged());
  if (maps.kind === "lines") return [side, Math.round(side * 0.46)];
  return [side, maps.kind === "vector" ? side : Math.max(10, Math.min(130, Math.round(side * (planes.height / planes.width))))];
}
