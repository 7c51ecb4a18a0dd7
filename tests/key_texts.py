"""Names of folders and keys as users choose them, with what small languages give a meaning to."""

from __future__ import annotations

from hypothesis import strategies as st

FOLDERS = (
    "my photos/año=2021+x",
    "year=2024",
    "My Results",
    "a&b",
    "a%20b",
    "100%",
    "#1",
    "😀 emoji",
    "quotes'\"`",
    "..",
    "a/../b",
    "*",
    "what?",
    "$HOME",
    "${aws:username}",
    "${*}",
    "a~b@c,d:e;f",
    "[x](y){z}",
    "back\\slash",
    "<tag>",
    "+",
    "%2B",
    "日本語",
)

# What languages treat specially is frequent; a surrogate is no character and never in a key.
_SPECIAL = st.sampled_from("*?$ {}%+&=#~@,:;'\"\\<>[]()!|^`aA0é日😀/")
_CHARACTER = _SPECIAL | st.characters(codec="utf-8")
KEY_TEXT = st.text(_CHARACTER, max_size=20)
FOLDER = st.sampled_from(FOLDERS) | st.text(_CHARACTER, min_size=1, max_size=12).map(
    lambda text: text.strip("/")
).filter(bool)
