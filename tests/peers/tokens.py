"""Compares cleaned captions and their tokens with open_clip's, on generated texts.

    cargo build --workspace --example data_peer
    python tests/peers/tokens.py target/debug/examples/data_peer

Prints how many texts are cleaned alike and how many have the same tokens, and the first that differ. Exit code 0
when all do.
"""

import argparse
import json
import random
import subprocess
import unicodedata
from html.entities import html5
from importlib.metadata import version

from open_clip.tokenizer import basic_clean, tokenize, whitespace_clean

CONTEXT = 77
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


def compare(what, ours, theirs, texts, known=lambda at: False):
    """Prints what differs, what of it is known apart, and says whether anything else does."""
    differing = [at for at, expected in enumerate(theirs) if ours[at] != expected]
    accepted = [at for at in differing if known(at)]
    versions = f"open_clip {version('open_clip_torch')}, ftfy {version('ftfy')}, regex {version('regex')}"
    print(f"{what}: {len(texts) - len(differing)} of {len(texts)} equal ({versions})")
    if accepted:
        print(f"  {len(accepted)} differ by an apostrophe before a long s, a contraction to open_clip alone: SHORTCOMINGS.md")
    others = [at for at in differing if at not in accepted]
    for at in others[:8]:
        print(f"  differs: {texts[at]!a}\n    ours      {ours[at]!a}\n    open_clip {theirs[at]!a}")
    return bool(others)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", help="the built example `data_peer`")
    parser.add_argument("--texts", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    listed = list(texts(options.texts, options.seed))
    sent = "".join(json.dumps(text) + "\n" for text in listed)
    out = subprocess.run([options.peer, "tokens", str(CONTEXT)], input=sent, check=True, capture_output=True, text=True).stdout
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == len(listed)
    clean = [whitespace_clean(basic_clean(text)).lower() for text in listed]
    failed = compare("cleaned texts", [line["clean"] for line in lines], clean, listed)
    tokens = tokenize(listed, context_length=CONTEXT).tolist()
    failed |= compare("tokens", [line["tokens"] for line in lines], tokens, listed, lambda at: "'\u017f" in clean[at])
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
