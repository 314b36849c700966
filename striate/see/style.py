"""The style sheet of striate's pages: light and dark by the reader's setting, light and without shadows on paper."""

STYLE = """
:root { color-scheme: light dark; --paper:#f4f6f8; --card:#ffffff; --ink:#17212d; --muted:#5d6a79; --line:#dce2e9;
  --accent:#1f5fbf; --second:#cf5a12; --third:#1d8562; --warn:#fff3d6; --warn-ink:#6b4300; }
@media (prefers-color-scheme: dark) { :root { --paper:#0f141a; --card:#171e27; --ink:#e7edf3; --muted:#97a4b3;
  --line:#2b3643; --accent:#74acff; --second:#ff9f61; --third:#5fd0a6; --warn:#3a2c0c; --warn-ink:#ffdf9c; } }
* { box-sizing: border-box; }
body { margin:0; background:var(--paper); color:var(--ink);
  font:16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width:1120px; margin:0 auto; padding:28px 20px 60px; }
.mark { margin:0; color:var(--muted); font-weight:600; letter-spacing:.04em; display:flex;
  align-items:center; gap:9px; }
.mark i { width:22px; height:22px; border-radius:5px; transform:skewX(-8deg);
  background:repeating-linear-gradient(90deg, var(--accent) 0 4px, transparent 4px 7px); }
h1 { margin:6px 0 0; font-size:30px; line-height:1.2; letter-spacing:-.01em; }
h2 { margin:0 0 10px; font-size:19px; }
.subtitle { margin:6px 0 0; color:var(--muted); }
.note { margin:-4px 0 12px; color:var(--muted); }
.warning { margin:18px 0 0; padding:12px 16px; border-radius:8px; background:var(--warn); color:var(--warn-ink);
  font-weight:600; }
.headline { display:grid; grid-template-columns:repeat(auto-fit, minmax(150px, 1fr)); gap:12px; margin:20px 0; }
.headline div, section { background:var(--card); border:1px solid var(--line); border-radius:10px; }
.headline div { padding:12px 16px; }
.headline b { display:block; font-size:26px; line-height:1.25; font-variant-numeric:tabular-nums; white-space:nowrap; }
.headline div:first-child b { color:var(--accent); }
.headline span { color:var(--muted); font-size:14px; }
nav { display:flex; flex-wrap:wrap; gap:6px 10px; margin:14px 0; }
nav a { color:var(--accent); text-decoration:none; font-size:14.5px; border:1px solid var(--line); border-radius:999px;
  padding:3px 12px; background:var(--card); }
nav a:hover, nav a:focus-visible { border-color:var(--accent); }
.drawing { background:#fff; border-radius:8px; padding:6px; margin:8px 0; }
details { margin:4px 0 14px; } summary { color:var(--muted); cursor:pointer; font-size:14.5px; }
details pre { margin-top:8px; white-space:pre; overflow-x:auto; font-size:13px; }
section { padding:18px 20px 20px; margin:14px 0; overflow-x:auto; }
.charts { display:grid; grid-template-columns:repeat(auto-fit, minmax(380px, 1fr)); gap:18px; }
.charts figure { max-width:620px; }
figure { margin:0; }
figcaption { font-weight:600; }
svg { display:block; width:100%; height:auto; font-size:12.5px; }
svg.matrix { margin:0 auto; }
svg.chart text, svg.matrix text { fill:var(--muted); font-variant-numeric:tabular-nums; }
table { border-collapse:collapse; width:100%; font-size:15px; font-variant-numeric:tabular-nums; }
th { text-align:left; font-weight:500; }
thead th { color:var(--muted); font-size:13.5px; border-bottom:1px solid var(--line); }
th, td { padding:5px 12px 5px 0; vertical-align:top; }
tbody tr + tr > * , .facts tr + tr > * { border-top:1px solid var(--line); }
.facts th { color:var(--muted); width:260px; }
.facts td { overflow-wrap:anywhere; }
.classes td:last-child, .classes th:last-child { text-align:right; padding-right:0; }
.bar { position:relative; min-width:150px; }
.bar i { position:absolute; left:0; top:1px; bottom:1px; border-radius:3px; background:var(--accent); opacity:.2; }
.bar span { position:relative; padding-left:7px; }
.mistakes { display:grid; grid-template-columns:repeat(auto-fill, minmax(104px, 1fr)); gap:14px; }
.mistakes img { width:100%; image-rendering:pixelated; border-radius:6px; background:#000; display:block; }
.mistakes figcaption { font-size:13px; line-height:1.35; margin-top:5px; font-weight:500; }
.mistakes em { color:var(--second); font-style:normal; }
pre { margin:0; padding:12px 14px; border-radius:8px; background:var(--paper); border:1px solid var(--line);
  white-space:pre-wrap; overflow-wrap:anywhere; font:14px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
@media print { :root { color-scheme:light; --paper:#fff; --card:#fff; --ink:#000; --muted:#444; --line:#bbb;
  --accent:#1f5fbf; --second:#cf5a12; --third:#1d8562; --warn:#fff; --warn-ink:#000; }
  * { print-color-adjust:exact; -webkit-print-color-adjust:exact; }
  body { font-size:11pt; } main { max-width:none; padding:0; } section, .headline div { break-inside:avoid; } }
"""
