"""Compares pixels with Pillow's and tokens with open_clip's, on generated images and texts.

    cargo build --workspace --example data_peer
    python tests/peers/data.py target/debug/examples/data_peer

Needs Pillow 9.3 to 12 and numpy; for tokens also open_clip_torch, ftfy, regex and torch. What is missing
is said and its part skipped. Prints one line a kind: equal of total, and the first that differ.
Exit code 0 when every image and every text is equal.
"""

import argparse
import hashlib
import json
import pathlib
import random
import subprocess
import tempfile
import unicodedata

import numpy
from PIL import Image

SIZE = 224
CONTEXT = 77


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
    kind = "jpeg, bytes changed"
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


WORDS = (
    "a photo of the red cat dog's they're I'll we've 3 42 1,000 C++ it's e-mail naïve café über Straße ПРИВЕТ Ελληνικά 東京 "
    "ひらがな 한국어 مرحبا שלום 👍🏽 👨‍👩‍👧 🇩🇪 ½ ² Ⅷ ﬁnance ﬂuﬃeﬆ ŉ Ǆ ĳ ｆｕｌｌ ｶﾞ ￣ ￥ “quoted” ‘single’ don’t … – — • № ™ © « » "
    "&amp; &AMP; &amp &ampx &lt;b&gt; &quot; &amp;amp;amp; &#38;#39; &#39; &#x2019; &#X41 &#0; &#128; &#129; &#xD800; &#59; &#12a; "
    "&notit; &notin; &eacute; &EACUTE; &SZLIG; &nbsp; &CounterClockwiseContourIntegral; < <b> <start_of_text> <end_of_text> "
    "http://example.org/a?b=c&d=e @name #tag $9.99 100% cafÃ© â€œhiâ€\x9d donâ€™t Ã¼ber voilÃ ,le àquele às El Niño Ærø İstanbul ΣΊΣΥΦΟΣ "
    "ǅ A\u0301 e\u0301 q\u0307\u0323 \u1100\u1161\u11a8 \u200b \u200d \ufeff \xa0 \xad \u3000 \u2028 \x85 \x1b[1;31m \x1b[0m \x1b[ "
    "\x1b[٣m \x00 \x07 \x1a \x1c \x7f \ufffc \ufff9 \u206a \ufffd tab\there new\nline \r\n \r"
).split(" ")
MARKS = list(".,;:!?()[]{}/\\|-_=+*&^%$#@~`'\" \n\t\x0b\x0c")
# Of these, two to six in a row are what rules about mojibake look at.
GARBLE = "ÃÂâ€™œž \xa0Ãƒ‚Ä√≈ØÙ°µ²³×вЂГўВЂВaZ.βΒΓΞΟàе¤§«»“”™®£¥½÷═║▒ëőÜ"
ENCODINGS = "latin-1 sloppy-windows-1252 sloppy-windows-1251 sloppy-windows-1250 sloppy-windows-1253 sloppy-windows-1254 iso-8859-2 macroman cp437".split()


def misread(source, text):
    """UTF-8 read in a single-byte encoding, some of it with a byte damaged on the way."""
    data = bytearray(text.encode())
    if data and source.random() < 0.3:
        data[source.randrange(len(data))] = source.choice([0x1A, 0x3F, 0x20, 0x80, 0xED, 0xC0])
    if source.random() < 0.2:
        data = data.replace(b"\xa0", b" ")
    read = bytes(data).decode(source.choice(ENCODINGS))
    return read.replace("\x1a", "\ufffd") if source.random() < 0.3 else read


def surrogates(text):
    """UTF-8 of UTF-16: what high characters become where they are encoded half by half."""
    halves = "".join(map(chr, memoryview(text.encode("utf-16-le")).cast("H")))
    return halves.encode("utf-8", "surrogatepass").replace(b"\0", b"\xc0\x80")


def scalar(source):
    """A character of Unicode 13: younger ones are letters to one version of `regex` and not to another."""
    low, high = source.choice([(32, 126), (0x80, 0xFF), (0, 0x24FF), (0xFB00, 0xFB06), (0xFF01, 0xFFEF), (0x3040, 0x9FFF), (0x1F300, 0x1F64F), (0, 0x2FFFF)])
    while True:
        char = chr(source.randint(low, high))
        if unicodedata.category(char) not in ("Cn", "Cs"):
            return char


def texts(count, seed):
    """Captions of several levels of nastiness."""
    from html.entities import html5

    source = random.Random(seed)
    names = sorted(html5)
    some = lambda make, most: (make() for _ in range(source.randint(1, most)))
    word = lambda: source.choice(WORDS)
    kinds = [
        lambda: " ".join(source.choice(WORDS[:16]) for _ in range(source.randint(0, 12))),
        lambda: source.choice(["", " "]).join(some(lambda: source.choice(WORDS + MARKS), 15)),
        lambda: " ".join(some(word, 60)),
        lambda: "".join(some(lambda: scalar(source), 40)),
        lambda: misread(source, " ".join(some(word, 8))),
        lambda: misread(source, misread(source, " ".join(some(word, 3)))),
        lambda: " ".join(some(lambda: misread(source, word()) if source.random() < 0.5 else word(), 8)),
        lambda: misread(source, "".join(some(lambda: scalar(source), 10))),
        lambda: "".join(some(lambda: source.choice(GARBLE), 10)),
        lambda: "é™ " + surrogates("".join(some(lambda: source.choice(["👍", "é", "\0", "a", "한", "\n"]), 6))).decode(source.choice(ENCODINGS)),
        lambda: source.choice([" ", "œ¦"]) + bytes(some(lambda: source.choice([source.randint(0x80, 0xF7), 0x20, 0x1A, 0x3F, 0xED, 0xA0, 0xB0]), 9)).decode(source.choice(ENCODINGS)),
        lambda: "".join(some(lambda: "&" + source.choice([source.choice(names), source.choice(names).upper(), f"#{ord(scalar(source))};", f"#{source.randint(0, 300)}", f"#{source.randint(0x10FFF0, 0x120000)};", f"#x{source.randint(0, 0x300):x} "]), 5)),
        lambda: "".join(some(lambda: source.choice(["A", "a", "Σ", "ς", " ", ".", "'", "\u0345", "ʰ", "1", "İ", "\u0307", "\xad", "ẞ"]), 12)),
    ]
    for number in range(count):
        yield kinds[number % len(kinds)]()


def compare_tokens(peer, count, seed):
    try:
        from open_clip.tokenizer import basic_clean, tokenize, whitespace_clean
    except ImportError as error:
        print(f"tokens: skipped, {error}")
        return 0
    listed = list(texts(count, seed))
    sent = "".join(json.dumps(text) + "\n" for text in listed)
    out = subprocess.run([peer, "tokens", str(CONTEXT)], input=sent, check=True, capture_output=True, text=True).stdout
    lines = [json.loads(line) for line in out.splitlines()]
    expected = tokenize(listed, context_length=CONTEXT).tolist()
    clean = [whitespace_clean(basic_clean(text)).lower() for text in listed]
    differing = [at for at, line in enumerate(lines) if line["tokens"] != expected[at]]
    encoder = sum(lines[at]["clean"] == clean[at] for at in differing)
    print(f"tokens: {len(listed) - len(differing)} of {len(listed)} equal; of those that differ {encoder} were cleaned alike")
    for at in differing[:8]:
        print(f"  differs: {listed[at]!a}\n    ours      {lines[at]['clean']!a}\n    open_clip {clean[at]!a}")
    return len(differing)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", help="the built example `data_peer`")
    parser.add_argument("--images", type=int, default=20, help="images a kind")
    parser.add_argument("--texts", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = compare_pixels(options.peer, pathlib.Path(folder), options.images, options.seed)
    differing = compare_tokens(options.peer, options.texts, options.seed)
    return int(differing > 0 or any(equal < total for kind, (equal, total, *_) in tally.items() if "changed" not in kind))


if __name__ == "__main__":
    raise SystemExit(main())
