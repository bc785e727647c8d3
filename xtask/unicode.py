"""Prints the tables of `frozen/data/src/text/tables.rs`: what Python 3.10 knows about characters.

open_clip cleans captions with Python's own functions, which follow the Unicode version that this Python was
built with. Python 3.10 has 13.0.0; the script refuses another. `cargo xtask tables` runs it and writes the file.
"""

import sys
import unicodedata

VERSION = "13.0.0"
SCALARS = [*range(0xD800), *range(0xE000, 0x110000)]
HEAD = """//! What Python 3.10 knows about characters: Unicode {version}, one line of ranges after another.
//!
//! Written by `cargo xtask tables` out of Python's own answers, see `xtask/unicode.py`; never by hand. The
//! tests of `unicode.rs` hold it to a digest of all answers.
"""


def ranges(holds):
    """The maximal runs of scalar values that a predicate holds for."""
    runs = []
    for code in SCALARS:
        if holds(chr(code)):
            if runs and runs[-1][1] == code - 1:
                runs[-1][1] = code
            else:
                runs.append([code, code])
    return runs


def cased(char):
    """Cased and not case-ignorable: a sigma behind it is a final one."""
    return ("1" + char + "Σ").lower().endswith("ς")


def ignorable(char):
    """Case-ignorable: a sigma looks past it to the letter before."""
    return ("A" + char + "Σ").lower().endswith("ς") and not cased(char)


def lower_runs():
    """(first, last, step, difference) of the characters whose lower case is one other character."""
    runs = []
    for code in SCALARS:
        low = chr(code).lower()
        if len(low) != 1 or low == chr(code):
            continue
        run, delta = (runs[-1] if runs else None), ord(low) - code
        step = code - run[1] if run else 0
        if run and run[3] == delta and step in (1, 2) and (run[2] == step or run[0] == run[1]):
            run[1:3] = code, step
        else:
            runs.append([code, code, 1, delta])
    return runs


def table(name, comment, kind, rows):
    print(f"\n/// {comment}\n#[rustfmt::skip]\npub const {name}: &[{kind}] = &[")
    line = "   "
    for row in rows:
        text = f" ({', '.join(row)}),"
        if len(line) + len(text) > 118:
            print(line)
            line = "   "
        line += text
    print(line + "\n];")


def pairs(holds):
    return [[f"{first:#x}", f"{last:#x}"] for first, last in ranges(holds)]


def main():
    if unicodedata.unidata_version != VERSION:
        sys.exit(f"this Python has Unicode {unicodedata.unidata_version}: the tables are those of {VERSION}, Python 3.10")
    more = [char for char in map(chr, SCALARS) if len(char.lower()) != 1]
    if more != ["\u0130"]:
        sys.exit(f"`lower` of {more} is longer than one character, which `unicode.rs` does not know")
    print(HEAD.format(version=VERSION), end="")
    lower = [[f"{first:#x}", f"{last:#x}", str(step), str(delta)] for first, last, step, delta in lower_runs()]
    table("LOWER", "First, last, step, and what is added for the lower case.", "(u32, u32, u32, i32)", lower)
    pair = "(u32, u32)"
    table("CASED", "Has upper or lower case, and is not in `IGNORABLE`.", pair, pairs(cased))
    table("IGNORABLE", "Is looked past where a sigma asks for its neighbours.", pair, pairs(ignorable))
    table("WORD", "`\\w`: letters, digits and numbers of any kind, and the underscore.", pair, pairs(lambda char: char.isalnum() or char == "_"))
    table("DIGIT", "`\\d`: decimal digits.", pair, pairs(str.isdecimal))
    table("UNASSIGNED", "Stands for nothing yet, so that no normalisation touches it.", pair, pairs(lambda char: unicodedata.category(char) == "Cn"))


if __name__ == "__main__":
    main()
