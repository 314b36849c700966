/** What is being looked at. It lives in the part of the address behind #, so that an address can be shared. */

export type What = "maps" | "gradients" | "filters" | "filter-gradients";

export interface View {
  page: "network" | "layer" | "lab";
  /** Name of the layer (of its call). */
  layer: string;
  /** Of the number in the layer's output, channel last; empty: none chosen yet. */
  index: number[];
  image: string;
  /** "live", or an epoch. */
  at: string;
  what: What;
  /** An epoch to compare with; empty: none. */
  compare: string;
  /** Of the lab: size, stride, padding, dilation, channel. */
  lab: { size: number; stride: number; padding: number; dilation: number; channel: number; kernel: string };
}

const PAGES = ["network", "layer", "lab"], WHATS = ["maps", "gradients", "filters", "filter-gradients"];

export function first(): View {
  return {
    page: "network", layer: "", index: [], image: "", at: "live", what: "maps", compare: "",
    lab: { size: 3, stride: 1, padding: 0, dilation: 1, channel: 0, kernel: "own" },
  };
}

/** The view that an address means; what it does not say is as at first. */
export function read(hash: string): View {
  const words = new URLSearchParams(hash.replace(/^#/, "")), view = first();
  const page = words.get("page") ?? "", what = words.get("what") ?? "";
  if (PAGES.includes(page)) view.page = page as View["page"];
  if (WHATS.includes(what)) view.what = what as What;
  view.layer = words.get("layer") ?? "";
  view.image = words.get("image") ?? "";
  view.at = words.get("at") ?? "live";
  view.compare = words.get("compare") ?? "";
  view.index = (words.get("index") ?? "").split(",").filter(Boolean).map(Number).filter(Number.isInteger);
  const numbers = (words.get("lab") ?? "").split(",");
  const names = ["size", "stride", "padding", "dilation", "channel"] as const;
  names.forEach((name, i) => { if (/^\d{1,3}$/.test(numbers[i] ?? "")) view.lab[name] = Number(numbers[i]); });
  view.lab.kernel = words.get("kernel") ?? "own";
  return view;
}

/** The address of a view, without what is as at first. */
export function write(view: View): string {
  const words = new URLSearchParams(), plain = first();
  for (const name of ["page", "layer", "image", "at", "what", "compare"] as const) {
    if (view[name] !== plain[name]) words.set(name, view[name]);
  }
  if (view.index.length) words.set("index", view.index.join(","));
  if (view.page === "lab") {
    const { size, stride, padding, dilation, channel, kernel } = view.lab;
    words.set("lab", [size, stride, padding, dilation, channel].join(","));
    if (kernel !== "own") words.set("kernel", kernel);
  }
  return `#${words.toString().replaceAll("%2C", ",")}`;
}
