"""Compares pixels with Pillow's, on generated images.

    cargo build --workspace --example data_peer
    python tests/peers/pixels.py target/debug/examples/data_peer

Prints one line a kind: equal of total, and the first that differ. What two versions of a JPEG library make of
changed bytes differs between them: such images are counted and bind nobody. Exit code 0 when all others are equal.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import tempfile

import numpy
from PIL import Image

SIZE = 224
CHANGED = "jpeg, bytes changed"


def content(generator, width, height):
    """Noise over gradients: hard edges and smooth parts."""
    rows, columns = numpy.mgrid[0:height, 0:width]
    smooth = numpy.stack([rows * 255 // max(height - 1, 1), columns * 255 // max(width - 1, 1), (rows + columns) % 256], -1)
    noise = generator.integers(0, 256, (height, width, 3))
    mask = generator.integers(0, 2, (height // 9 + 1, width // 9 + 1)).repeat(9, 0).repeat(9, 1)[:height, :width, None]
    return numpy.where(mask == 1, noise, smooth).astype(numpy.uint8)


def write_images(folder, generator, count):
    """Writes images of every kind and yields (kind, path)."""
    palette = Image.Palette.ADAPTIVE

    def grey16(pixels):
        high = pixels[..., 0].astype(numpy.uint16)
        # Values on both sides of 255, which Pillow clips.
        return Image.fromarray(numpy.where(high % 2 == 0, high // 2, high * 257).astype(numpy.uint16))

    kinds = {
        "jpeg 4:4:4": ("jpg", lambda i, p: (i, dict(quality=90, subsampling=0))),
        "jpeg 4:2:2": ("jpg", lambda i, p: (i, dict(quality=80, subsampling=1))),
        "jpeg 4:2:0": ("jpg", lambda i, p: (i, dict(quality=75, subsampling=2))),
        "jpeg progressive": ("jpg", lambda i, p: (i, dict(quality=70, progressive=True))),
        "jpeg grey": ("jpg", lambda i, p: (i.convert("L"), dict(quality=85))),
        "jpeg cmyk": ("jpg", lambda i, p: (Image.merge("CMYK", (*i.split(), i.convert("L"))), dict(quality=90))),
        "png rgb": ("png", lambda i, p: (i, {})),
        "png rgba": ("png", lambda i, p: (Image.merge("RGBA", (*i.split(), i.convert("L"))), {})),
        "png palette": ("png", lambda i, p: (i.convert("P", palette=palette, colors=200), {})),
        "png palette, clear": ("png", lambda i, p: (i.convert("P", palette=palette, colors=12), dict(transparency=3))),
        "png grey": ("png", lambda i, p: (i.convert("L"), {})),
        "png grey, alpha": ("png", lambda i, p: (Image.merge("LA", i.split()[:2]), {})),
        "png 1 bit": ("png", lambda i, p: (i.convert("1"), {})),
        "png grey 16": ("png", lambda i, p: (grey16(p), {})),
        "webp lossy": ("webp", lambda i, p: (i, dict(quality=80))),
        "webp lossy, alpha": ("webp", lambda i, p: (Image.merge("RGBA", (*i.split(), i.convert("L"))), dict(quality=70))),
        "webp lossless": ("webp", lambda i, p: (i, dict(lossless=True))),
    }
    for kind, (extension, make) in kinds.items():
        for number in range(count):
            width, height = (int(generator.integers(1, 700)) for _ in range(2))
            pixels = content(generator, width, height)
            image, options = make(Image.fromarray(pixels), pixels)
            path = folder / f"{kind.replace(' ', '_').replace(':', '').replace(',', '')}-{number}.{extension}"
            image.save(path, **options)
            yield kind, path
    for bits, channels in ((16, 3), (16, 4), (16, 2), (8, 3)):
        kind = f"png {bits} bit, {channels} channels, own writer"
        for number in range(count):
            path = folder / f"raw-{bits}-{channels}-{number}.png"
            path.write_bytes(raw_png(generator, bits, channels))
            yield kind, path
    kind = CHANGED
    for number in range(count):
        width, height = (int(generator.integers(20, 300)) for _ in range(2))
        path = folder / f"changed-{number}.jpg"
        Image.fromarray(content(generator, width, height)).save(path, quality=80)
        data = bytearray(path.read_bytes())
        for _ in range(1 + number % 3):
            data[int(generator.integers(len(data) // 3, len(data) - 2))] ^= int(generator.integers(1, 256))
        path.write_bytes(data)
        yield kind, path
    kind = "jpeg, cut"
    for number in range(count):
        path = folder / f"cut-{number}.jpg"
        Image.fromarray(content(generator, 120, 90)).save(path, quality=80)
        path.write_bytes(path.read_bytes()[: -int(generator.integers(3, 2000))])
        yield kind, path


def raw_png(generator, bits, channels):
    """A PNG that Pillow cannot write: 16-bit colours, with a `tRNS` on every second RGB."""
    import struct
    import zlib

    width, height = (int(generator.integers(1, 300)) for _ in range(2))
    row = width * channels * bits // 8
    raw = b"".join(b"\0" + generator.integers(0, 256, row).astype(numpy.uint8).tobytes() for _ in range(height))

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    clear = chunk(b"tRNS", struct.pack(">3H", 1, 2, 3)) if channels == 3 and width % 2 else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + clear + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def expected_pixels(path):
    """Pillow's pixels and torchvision's evaluation crop of them, or the error."""
    try:
        image = Image.open(path).convert("RGB")
    except Exception as error:  # whatever Pillow raises, it refuses the file
        return {"error": f"{type(error).__name__}: {error}"}
    width, height = image.size
    short, long = min(width, height), max(width, height)
    new_long = int(SIZE * long / short)
    shape = (SIZE, new_long) if width <= height else (new_long, SIZE)
    resized = image.resize(shape, Image.Resampling.BICUBIC) if shape != image.size else image
    left, top = (int(round((side - SIZE) / 2.0)) for side in shape)
    crop = resized.crop((left, top, left + SIZE, top + SIZE))
    digest = lambda picture: hashlib.sha256(picture.tobytes()).hexdigest()
    return {"width": width, "height": height, "pixels": digest(image), "crop": digest(crop)}


def compare_pixels(peer, folder, count, seed):
    listed = list(write_images(folder, numpy.random.default_rng(seed), count))
    lines = []
    for start in range(0, len(listed), 100):
        files = [str(path) for _, path in listed[start : start + 100]]
        out = subprocess.run([peer, "pixels", str(SIZE), *files], check=True, capture_output=True, text=True).stdout
        lines += map(json.loads, out.splitlines())
    tally = {}
    for (kind, path), found in zip(listed, lines, strict=True):
        expected = expected_pixels(path)
        refused = "error" in expected, "error" in found
        equal = all(refused) or (not any(refused) and all(found[name] == value for name, value in expected.items()))
        row = tally.setdefault(kind, [0, 0, 0, []])
        row[0] += equal
        row[1] += 1
        row[2] += all(refused)
        if not equal:
            row[3].append(f"{path.name} ours {found.get('error', 'decoded')}, Pillow {expected.get('error', 'decoded')}")
    for kind, (equal, total, refused, differing) in tally.items():
        print(f"{kind}: {equal} of {total} equal" + (f", {refused} refused by both" if refused else ""))
        for line in differing[:3]:
            print(f"  differs: {line}")
    equal, total = (sum(row[at] for row in tally.values()) for at in range(2))
    print(f"pixels: {equal} of {total} equal (Pillow {Image.__version__})")
    return tally


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", help="the built example `data_peer`")
    parser.add_argument("--images", type=int, default=20, help="images a kind")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = compare_pixels(options.peer, pathlib.Path(folder), options.images, options.seed)
    return int(any(equal < total for kind, (equal, total, *_) in tally.items() if kind != CHANGED))


if __name__ == "__main__":
    raise SystemExit(main())
