/** Elements without innerHTML: text from models and files is never markup. */

type Child = Node | string | null | undefined | false;
type Props = Record<string, unknown>;

/** An element. `on...` are listeners, `class` and `aria-...` attributes; other names that the element has are set. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value as EventListener);
    else if (name === "class") element.className = String(value);
    else if (name in element && !name.includes("-") && name !== "list") (element as unknown as Props)[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

/** An SVG element. */
export function svg(tag: string, attributes: Record<string, string | number>, ...children: Child[]): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  append(element, children);
  return element;
}

function append(element: Element, children: Child[]): void {
  for (const child of children) if (child) element.append(child);
}

/** Takes out what is inside and puts other things in. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  append(element, children);
}

/** Sets text only where it differs, so that screen readers and selections are not disturbed. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute only where it differs: to set it again would cost the page as much as a change. */
export function mark(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** A number as briefly as a picture needs it. */
export function short(value: number, digits = 3): string {
  // In JSON what is no number comes as null.
  if (!Number.isFinite(value)) return value === Infinity ? "∞" : value === -Infinity ? "−∞" : "NaN";
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return value.toLocaleString("en").replace("-", "−");
  const size = Math.abs(value);
  const text = size >= 1e9 || size < 10 ** -digits ? value.toExponential(1).replace("+", "") : size >= 1000 ? Math.round(value).toLocaleString("en")
    : size >= 100 ? value.toFixed(0) : value.toFixed(digits);
  return text.replace("-", "−");
}

/** "28 × 28 × 64". */
export function shape(lengths: (number | null)[]): string {
  return lengths.map((n) => (n === null ? "?" : n.toLocaleString("en"))).join(" × ");
}

let speaker: HTMLElement | null = null;

/** The region by which screen readers are told what happened. */
export function speakerElement(): HTMLElement {
  speaker ??= h("div", { class: "unseen", role: "status", "aria-live": "polite" });
  return speaker;
}

/** Tells screen readers. */
export function announce(text: string): void {
  say(speakerElement(), text);
}
