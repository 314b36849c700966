"""Folders of drawn "photographs": mixed sizes and formats, several classes, told apart by shape and not by colour."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

CLASSES = ("circles", "stripes", "triangles")


def draw(kind, random):
    """One picture as a PIL image: background, gradient, one or more objects, noise."""
    width, height = (int(n) for n in random.integers(70, 260, 2))
    tint = random.integers(30, 225, 3)
    ramp = np.linspace(-40, 40, width)[None, :, None] * random.choice([-1, 1])
    image = Image.fromarray(np.clip(tint + ramp + np.zeros((height, width, 3)), 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    colour = tuple(int(c) for c in (tint + random.integers(90, 160, 3)) % 256)
    side = min(width, height)
    x, y = random.uniform(0.3, 0.7, 2) * (width, height)
    radius = side * random.uniform(0.15, 0.3)
    if kind == "circles":
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)
    elif kind == "triangles":
        turn = random.uniform(0, 2 * np.pi)
        pen.polygon([(x + radius * np.cos(turn + k * 2.094), y + radius * np.sin(turn + k * 2.094)) for k in range(3)],
                    fill=colour)
    else:
        for k in range(-2, 3):
            pen.line([x - radius, y + k * radius / 2.2, x + radius, y + k * radius / 2.2], fill=colour,
                     width=max(2, int(side / 25)))
    image = image.filter(ImageFilter.GaussianBlur(random.uniform(0, 1.2)))
    noisy = np.asarray(image, np.float32) + random.normal(scale=random.uniform(2, 14), size=(height, width, 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def folder(place, count, classes=CLASSES, seed=0):
    """A folder of class folders with `count` pictures in all, as JPEG and PNG in turn."""
    random = np.random.default_rng(seed)
    for index in range(count):
        kind = classes[index % len(classes)]
        (place / kind).mkdir(parents=True, exist_ok=True)
        suffix = "jpg" if index % 2 else "png"
        draw(kind, random).save(place / kind / f"{index:04d}.{suffix}")
    return place
