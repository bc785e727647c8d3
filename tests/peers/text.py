"""Prints the known answers that `frozen/data/src/text/tests.rs` pins, as Python 3.10 and ftfy 6.1.1 give them.

    python tests/peers/text.py frozen/data/src/text/tests.rs

Exit code 0 when each stands in that file, where our tests compare it with ours.

Digests are SHA-256 over the answers for every character, name or encoding that there is, so that a table of ours
that differs in one entry differs in its digest.
"""

import argparse
import hashlib
import html
import pathlib
import re
import unicodedata
from html.entities import html5

import ftfy
from ftfy import badness, chardata, fixes

SCALARS = [chr(code) for code in [*range(0xD800), *range(0xE000, 0x110000)]]
KINDS = (
    "c1 bad currency start_punctuation end_punctuation numeric kaomoji upper_accented lower_accented upper_common "
    "lower_common box common utf8_first_of_2 utf8_first_of_3 utf8_first_of_4 utf8_continuation utf8_continuation_strict"
).split()


def lower(char):
    return [text.lower() for text in (char, f"A{char}Σ", f"1{char}Σ", f"AΣ{char}A", f"AΣ{char}1")]


def classes(char):
    return ["01"[bool(held)] for held in (re.match(r"\s", char), re.match(r"\d", char), re.match(r"\w", char))]


def compose(char):
    return [unicodedata.normalize("NFC", text) for text in (char, f"a{char}", f"{char}\u0301", f"a\u0301{char}\u0323")]


def kinds():
    sets = {**badness.MOJIBAKE_CATEGORIES, **chardata.UTF8_CLUES}
    patterns = [re.compile("[" + sets[name] + "]") for name in KINDS]
    return (["01"[bool(pattern.match(char))] for pattern in patterns] for char in SCALARS)


def charmaps():
    for name in chardata.CHARMAP_ENCODINGS:
        for char in SCALARS[:0xF900]:
            held = chardata.possible_encoding(char, name)
            yield [str(char.encode(name)[0]) if held else "-"]


def glyphs(char):
    plain = fixes.fix_character_width(fixes.fix_latin_ligatures(fixes.fix_c1_controls(char)))
    return [fixes.fix_line_breaks(fixes.uncurl_quotes(plain)), "01"[fixes.remove_control_chars(char) == ""]]


def entities():
    for name in sorted(html5):
        for reference in (f"&{name}", f"&{name}x", f"&{name.upper()}"):
            yield [html.unescape(reference), fixes.unescape_html(reference)]
    for code in range(0x110010):
        yield [html.unescape(f"&#{code};")]


def digest(rows):
    hasher = hashlib.sha256()
    for row in rows:
        hasher.update("\t".join(row).encode() + b"\n")
    return hasher.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pinned", type=pathlib.Path, help="the file that pins them")
    pinned = parser.parse_args().pinned.read_text()
    tables = {name: map(answer, SCALARS) for name, answer in dict(lower=lower, classes=classes, compose=compose, glyphs=glyphs).items()}
    tables |= dict(kinds=kinds(), charmaps=charmaps(), entities=entities())
    found = {name: digest(rows) for name, rows in tables.items()}
    for name, answer in found.items():
        print(f"{name} {answer}" + ("" if answer in pinned else " differs: it is not what is pinned"))
    equal = sum(answer in pinned for answer in found.values())
    print(f"text tables: {equal} of {len(found)} equal (ftfy {ftfy.__version__}, Unicode {unicodedata.unidata_version})")
    return int(equal < len(found))


if __name__ == "__main__":
    raise SystemExit(main())
