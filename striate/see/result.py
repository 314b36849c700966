"""What every function of `striate.see` returns: an object that prints, shows itself in a notebook and saves itself."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from fractions import Fraction
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.files import write_bytes, write_text
from striate.see.canvas import Canvas
from striate.see.pdf import pages


def plain(value: Any) -> Any:
    """Arrays, NumPy numbers, tuples and mappings as JSON knows them."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def aligned(rows: Sequence[Sequence[object]], head: Sequence[str] | None = None) -> str:
    """Rows as text in columns: numbers (and what looks like them) to the right, words to the left.

    Example:
        >>> print(aligned([["a", 1], ["bc", 20]], ["name", "count"]))
        name  count
        a         1
        bc       20
    """
    body = [[str(cell) for cell in row] for row in rows]
    table = ([list(head)] if head else []) + body
    if not table:
        return ""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    right = [all(_numeric(row[column]) for row in body) and bool(body) for column in range(len(table[0]))]
    lines = ["  ".join(cell.rjust(width) if to_right else cell.ljust(width)
                       for cell, width, to_right in zip(row, widths, right, strict=True)).rstrip() for row in table]
    return "\n".join(lines)


def _numeric(text: str) -> bool:
    return not text or text[0].isdigit() or (text[0] in "+-.−" and any(letter.isdigit() for letter in text))


COLOURS_OF_A_GIF = 64
"""Enough for every flat colour of a film of numbers, and few enough for a small file."""


def film(images: Sequence[Any], seconds: float, kind: str) -> bytes:
    """Pictures as a GIF, or (kind "PNG") as an APNG, that begins anew at its end."""
    small = _of_common_colours(images, COLOURS_OF_A_GIF) if kind == "GIF" else images
    memory = io.BytesIO()
    options: dict[str, Any] = {"disposal": 1, "optimize": True} if kind == "GIF" else {}
    small[0].save(memory, kind, save_all=True, append_images=small[1:], duration=round(1000 * seconds), loop=0,
                  **options)
    return memory.getvalue()


def _of_common_colours(images: Sequence[Any], count: int) -> list[Any]:
    """RGB pictures with one table of the `count` colours that most of their pixels have; others take the nearest.

    Areas of one colour keep it exactly, whichever frame they are in; only the soft rims of letters and lines change.
    """
    from PIL import Image

    numbers = [np.asarray(image, np.uint32) @ np.array([65536, 256, 1], np.uint32) for image in images]
    found, often = np.unique(np.concatenate([part.ravel() for part in numbers]), return_counts=True)
    apart = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.int32)
    table = apart[np.argsort(-often, kind="stable")[:count]]
    nearest = np.array([((table - colour) ** 2).sum(axis=1).argmin() for colour in apart], np.uint8)
    indexed = []
    for part in numbers:
        indexed.append(Image.fromarray(nearest[np.searchsorted(found, part)], "P"))
        indexed[-1].putpalette(table.astype(np.uint8).tobytes())
    return indexed


def mp4(images: Sequence[Any], seconds: float) -> bytes:
    """Pictures as an MP4 film (H.264), `seconds` each.

    Raises:
        ArgumentError: the package `av` is not installed.
    """
    try:
        import av
    except ImportError:
        raise ArgumentError("Films are written as MP4 with the package `av`: pip install 'striate[film]'. "
                                  "Without it: save as .gif, .apng, .svg or .html.") from None
    memory, each = io.BytesIO(), Fraction(seconds).limit_denominator(1000)
    with av.open(memory, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=1 / each)
        # Players want even lengths.
        stream.width, stream.height = (-(-length // 2) * 2 for length in images[0].size)
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "18", "tune": "stillimage"}
        for image in images:
            whole = image.crop((0, 0, stream.width, stream.height))
            container.mux(stream.encode(av.VideoFrame.from_image(whole)))
        container.mux(stream.encode())
    return memory.getvalue()


class Result:
    """The base of all results: `data()` says what it holds, `figure()` draws it, `__str__` tells it.

    seconds: how long a frame of a film stays; here of the film of one still picture.
    """

    seconds = 3.0

    def __init_subclass__(cls, **keywords):
        super().__init_subclass__(**keywords)
        cls.__repr__ = Result.__repr__  # Before `dataclass` makes one: a prompt shows the text, not all arrays.

    def __repr__(self) -> str:
        return str(self)

    def data(self) -> dict[str, Any]:
        """Everything that the result says, as lists, numbers and text."""
        raise NotImplementedError

    def figure(self) -> Canvas:
        """The drawing."""
        raise NotImplementedError

    def json(self) -> str:
        """`data()` as JSON."""
        return json.dumps(plain(self.data()), indent=2, ensure_ascii=False)

    def _repr_svg_(self) -> str:
        return self.figure().svg()

    def _repr_png_(self) -> bytes:
        return self.figure().png()

    def _repr_html_(self) -> str:
        return f"<figure style='margin:0'>{self.figure().svg()}</figure>"

    def html(self) -> str:
        """A page that needs nothing but itself: the drawing, and the same as text."""
        figure = self.figure()
        return _page(figure.describe, f"{figure.svg()}<pre>{escape(str(self))}</pre>")

    def save(self, path) -> Path:
        """Writes the result; the file's ending says as what: svg, png, gif, apng, mp4, pdf, html, json, txt.

        Some results can also be written as tex.

        Raises:
            ArgumentError: another ending, an mp4 file without the package `av`, or a pdf file without matplotlib.

        Example:
            see.architecture(model).save("network.svg")
        """
        path = Path(path)
        writers = self._writers()
        if path.suffix.lower() not in writers:
            raise ArgumentError(f"The file's ending says how it is written: {', '.join(writers)}. "
                                + received(path=str(path)))
        content = writers[path.suffix.lower()]()
        write_bytes(path, content) if isinstance(content, bytes) else write_text(path, content)
        return path

    def _writers(self) -> dict[str, Any]:
        writers = {".svg": lambda: self.figure().svg(), ".png": lambda: self.figure().png(),
                   ".gif": lambda: film(self.rasters(), self.seconds, "GIF"),
                   ".apng": lambda: film(self.rasters(), self.seconds, "PNG"),
                   ".mp4": lambda: mp4(self.rasters(), self.seconds),
                   ".pdf": lambda: pages(self.canvases()), ".html": self.html,
                   ".json": lambda: self.json() + "\n", ".txt": lambda: str(self) + "\n"}
        if hasattr(self, "latex"):
            writers[".tex"] = lambda: self.latex() + "\n"
        return writers

    def canvases(self) -> list[Canvas]:
        """The drawing alone, or of a film all frames."""
        return [self.figure()]

    def rasters(self, scale: float = 1.0) -> list[Any]:
        """The drawing as Pillow images, `scale` pixels a unit: one, or of a film all frames."""
        return [canvas.image(scale) for canvas in self.canvases()]


class Animation(Result):
    """A film: `count` frames, each drawn by `frame(index)`. `seconds` is how long a frame stays."""

    seconds = 0.5

    @property
    def count(self) -> int:
        """How many frames there are."""
        raise NotImplementedError

    def frame(self, index: int) -> Canvas:
        """One frame."""
        raise NotImplementedError

    def figure(self) -> Canvas:
        """The frame in the middle, for places where nothing moves."""
        return self.frame(self.count // 2)

    def _repr_html_(self) -> str:
        return f"<iframe style='border:0;width:100%;height:{round(self.frame(0).height) + 90}px' " \
               f"srcdoc=\"{escape(self.html())}\"></iframe>"

    def html(self) -> str:
        """A page with all frames, a slider, and keys: space plays and stops, the arrows step."""
        frames = "".join(f"<div class='frame'{'' if index == 0 else ' hidden'}>{self.frame(index).svg()}</div>"
                         for index in range(self.count))
        return _page(self.frame(0).describe, frames + _PLAYER.replace("MILLISECONDS", str(round(self.seconds * 1000)))
                     .replace("LAST", str(self.count - 1)))

    def moving_svg(self) -> str:
        """All frames in one SVG file that plays by itself, in browsers and slides that show SVG."""
        first, total = self.frame(0), self.seconds * self.count
        groups = []
        for index in range(self.count):
            begin, end = index / self.count, (index + 1) / self.count
            shown = f"<animate attributeName='display' dur='{total:g}s' repeatCount='indefinite' calcMode='discrete' " \
                    f"values='none;inline;none' keyTimes='0;{begin:.5f};{min(end, 1):.5f}'/>"
            groups.append(f"<g display='{'inline' if index == 0 else 'none'}'>{shown}"
                          f"{self.frame(index).svg_shapes()}</g>")
        head, _, _ = first.svg().partition("<title>")
        return f"{head}<title>{escape(first.describe)}</title>{''.join(groups)}</svg>"

    def save_frames(self, folder) -> list[Path]:
        """Writes each frame as an SVG file into a folder, for slides that are stepped through by hand."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"frame-{index + 1:04d}.svg" for index in range(self.count)]
        for index, path in enumerate(paths):
            write_text(path, self.frame(index).svg())
        return paths

    def _writers(self) -> dict[str, Any]:
        writers = super()._writers()
        return {**writers, ".svg": self.moving_svg, ".png": writers[".apng"]}

    def canvases(self) -> list[Canvas]:
        """Every frame, all of the size of the largest."""
        drawn = [self.frame(index) for index in range(self.count)]
        width, height = max(canvas.width for canvas in drawn), max(canvas.height for canvas in drawn)
        for canvas in drawn:
            canvas.width, canvas.height = width, height
        return drawn


def _page(title: str, body: str) -> str:
    return (f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
            "<meta name='viewport' content='width=device-width,initial-scale=1'><style>body{margin:16px;"
            "font:15px/1.5 'DejaVu Sans',Verdana,system-ui,sans-serif;color:#17212d;background:#fff}"
            "svg{max-width:100%;height:auto}pre{overflow-x:auto}</style></head>"
            f"<body>{body}</body></html>\n")


_PLAYER = """<p><button id='play' aria-pressed='true'>stop</button>
<input id='at' type='range' min='0' max='LAST' value='0' style='width:60%' aria-label='frame'>
<output id='said'></output>
</p><script>
const frames = document.querySelectorAll('.frame'), at = document.getElementById('at');
const play = document.getElementById('play'), said = document.getElementById('said');
let playing = true;
function show(index) {
  frames.forEach((frame, i) => { frame.hidden = i !== index; });
  at.value = index; said.textContent = (index + 1) + ' of ' + frames.length;
}
function set(on) { playing = on; play.textContent = on ? 'stop' : 'play'; play.setAttribute('aria-pressed', on); }
function step(by) { show((Number(at.value) + by + frames.length) % frames.length); }
play.onclick = () => set(!playing);
at.oninput = () => { set(false); show(Number(at.value)); };
document.onkeydown = event => {
  if (event.key === 'ArrowRight') { set(false); step(1); event.preventDefault(); }
  if (event.key === 'ArrowLeft') { set(false); step(-1); event.preventDefault(); }
  if (event.key === ' ' && event.target !== play) { set(!playing); event.preventDefault(); }
};
if (matchMedia('(prefers-reduced-motion: reduce)').matches) { set(false); }
setInterval(() => { if (playing) step(1); }, MILLISECONDS);
show(0);
</script>"""
