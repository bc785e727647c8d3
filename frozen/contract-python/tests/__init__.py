"""Tests of the contract in Python.

`python -B -m unittest discover -s tests -t .` in the folder above, with torch 2.11.0 and nothing else. `-B`, because
compiled files would become part of the frozen tree.
"""

from . import native  # noqa: F401 - before the package, which asks for it.
