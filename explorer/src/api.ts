/** What the server answers, and how it is asked; in an exported page the answers lie in the page itself. */

export interface Packed { shape: number[]; type: "u1" | "i4" | "f4" | "f8"; data: string }
export type Numbers = Float32Array | Float64Array | Uint8Array | Int32Array;
export type Kind = "vector" | "lines" | "maps" | "volume" | "other" | "filters" | "image";

export interface Sample { id: string; name: string; label: number | null; thumb: Packed | null }
export interface WindowInfo { kind: string; size: number[]; strides: number[]; dilation: number[]; padding: number[][] }
export interface LayerInfo {
  name: string; layer: string; kind: string; family: string; colour: string; shape: (number | null)[];
  parameters: number; sources: number[]; sizes: string[]; count: string; flops: number; kernel: number[] | null;
  field: number[][] | null; window: WindowInfo | null;
}
export interface Info {
  name: string; nodes: LayerInfo[]; answer: number; classes: string[]; samples: Sample[];
  input: { shape: (number | null)[]; kind: string }; training: { said: string; batch: number } | null; whyNot: string;
  edited: string[];
}
/** Some maps of a layer; `largest` is the index of its largest number, empty where there is none. */
export interface Strip { kind: Kind; low: number; high: number; broken: number; count: number; maps: Packed; largest: number[] }
export interface Answer { index: number; name: string; share: number | null }
/** What the network says of an input, after so many steps of the training. */
export interface Verdict {
  said: string; input: Packed & { kind: Kind }; answer: Answer[]; edited: string[]; steps: number;
}
export interface Overview extends Verdict { layers: Strip[] }
export interface LayerMaps {
  kind: Kind; said: string; low: number; high: number; broken?: number; count: number; slice: number; maps: Packed; channels?: number;
}
export interface Summed {
  name: string; type: string; index: number[]; kind: "sum" | "max" | "l2"; bias: number; total: number;
  activation: string; value: number; engine: number; bound: number; count: number; note: string; places: Packed; taps: Packed;
  values: Packed; weights: Packed; products: Packed; sums: Packed;
  input: { kind: Kind; slice: number; channels: number }; channels: [number, number][];
  planes: (Packed & { channel: number })[];
}
export interface Lab {
  x: Packed; kernel: Packed; y: Packed | null; kind: Kind; formulas: string[]; same: number;
}
export interface Status {
  phase: "idle" | "preparing" | "running" | "paused" | "failed"; problem: string; steps: number;
  epochs: Record<string, number>[]; steps_per_epoch: number; rate: number; kept: number[];
  points: [number, number, number | null][]; edited?: string[];
}

interface Snapshot { image: string; at: string; answers: Record<string, unknown> }

const stored = document.getElementById("snapshot");
/** The answers of an exported page; null where there is a server. */
export const snapshot: Snapshot | null = stored ? (JSON.parse(stored.textContent ?? "null") as Snapshot) : null;

export type Asked = Record<string, string | number>;

function key(name: string, asked: Asked): string {
  const pairs = Object.keys(asked).sort().map((word): [string, string] => [word, String(asked[word])]);
  const query = new URLSearchParams(pairs).toString();
  return query ? `${name}?${query}` : name;
}

const REMEMBERED = 12;
const remembered = new Map<string, Promise<unknown>>();

/** Whether an answer is remembered. */
export function knows(name: string, asked: Asked): boolean { return remembered.has(key(name, asked)); }

/** Maps and overviews stay as they are until weights change: what was fetched is not fetched again. */
export function recall<T>(name: string, asked: Asked): Promise<T> {
  const word = key(name, asked), known = remembered.get(word);
  if (known) return known as Promise<T>;
  const found = get<T>(name, asked);
  remembered.set(word, found);
  found.catch(() => remembered.delete(word));
  for (const old of remembered.keys()) if (remembered.size > REMEMBERED) remembered.delete(old);
  return found;
}

/** Weights have changed: what is remembered is old. */
export function forget(): void { remembered.clear(); }

/** Asks for a view. Throws an Error with a sentence for people. */
export async function get<T>(name: string, asked: Asked = {}): Promise<T> {
  if (snapshot) {
    const found = snapshot.answers[key(name, asked)];
    if (found === undefined) throw new Error("This copy without a server does not hold this part. Numbers that it holds "
      + "are the largest of each layer and those chosen before it was made.");
    const problem = (found as { error?: string }).error;
    if (problem) throw new Error(problem);
    return found as T;
  }
  return answered<T>(await fetch(`/api/${key(name, asked)}`));
}

/** Asks for a change. */
export async function post<T>(name: string, content: object): Promise<T> {
  if (snapshot) throw new Error("This page is a copy without a server: nothing can be changed in it.");
  return answered<T>(await fetch(`/api/${name}`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(content),
  }));
}

async function answered<T>(response: Response): Promise<T> {
  const content = (await response.json()) as T & { error?: string };
  if (!response.ok || content.error) throw new Error(content.error ?? `The server answered ${response.status}.`);
  return content;
}

/** Bytes of base64 text. */
function bytes(text: string): Uint8Array {
  const { fromBase64 } = Uint8Array as unknown as { fromBase64?: (text: string) => Uint8Array };
  if (fromBase64) return fromBase64.call(Uint8Array, text);
  const raw = atob(text), found = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i);
  return found;
}

/** Base64 text of bytes. */
export function base64(content: Uint8Array): string {
  let text = "";
  for (let i = 0; i < content.length; i += 0x8000) text += String.fromCharCode(...content.subarray(i, i + 0x8000));
  return btoa(text);
}

const unpacked = new WeakMap<Packed, Numbers>();

/** The numbers of a packed array; unpacked once, so nobody may write into them. */
export function unpack(packed: Packed): Numbers {
  const known = unpacked.get(packed);
  if (known) return known;
  const raw = bytes(packed.data).buffer as ArrayBuffer;
  const found = packed.type === "u1" ? new Uint8Array(raw) : packed.type === "i4" ? new Int32Array(raw)
    : packed.type === "f4" ? new Float32Array(raw) : new Float64Array(raw);
  unpacked.set(packed, found);
  return found;
}

/** Planes (height, width) of a packed array of shape (..., height, width). */
export class Planes {
  readonly width: number;
  readonly height: number;
  readonly count: number;
  readonly numbers: Numbers;

  constructor(packed: Packed) {
    this.numbers = unpack(packed);
    this.width = packed.shape.at(-1) ?? 1;
    this.height = packed.shape.at(-2) ?? 1;
    this.count = packed.shape.slice(0, -2).reduce((product, n) => product * n, 1);
  }

  /** One plane, row by row. */
  at(index: number): Numbers {
    const size = this.width * this.height;
    return this.numbers.subarray(index * size, (index + 1) * size) as Numbers;
  }
}
