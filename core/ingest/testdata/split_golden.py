"""Writes split_golden.json.gz: chunks of LangChain's RecursiveCharacterTextSplitter on 1,000 random texts.

Run from this folder with a Python that has langchain-text-splitters. The texts are made by a small generator that
split_golden_test.go repeats (splitmix64), so only hashes are stored: of each text, as a check on the generators, and of
its chunks joined by NUL; and each chunk's length in characters, to say where the first difference is.
"""
import gzip
import hashlib
import json
import logging

from langchain_text_splitters import RecursiveCharacterTextSplitter

logging.disable(logging.WARNING)
MASK = (1 << 64) - 1


class Random:
    def __init__(self, seed):
        self.state = seed

    def next(self, n):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return (z ^ (z >> 31)) % n


# Characters and pieces that splitters stumble over: every line end, the white space str.strip() knows, characters
# outside the basic plane, combining marks.
PIECES = ["\n\n", "\n", "\n\n\n", " ", "  ", "\r\n", "\t", "\u3000", "\u00a0", "\u2028", "\x1c", "\x85", "。", "、", "「規程」", "。」",
          "😀", "𠮷", "か\u3099", "e\u0301", "\u200b", "\ufeff", ". ", "! ", "-", "a"]
SETTINGS = [
    (["\n\n", "\n", " ", ""], 150, 20),
    (["\n\n", "\n", " ", ""], 40, 10),
    (["\n\n", "\n", " ", ""], 7, 3),
    (["\n\n", "\n", " ", ""], 1, 0),
    (["\n\n", "\n", " ", ""], 20, 20),
    (["\n\n", "\n", " "], 30, 5),
    (["。", "、", "\n", ""], 50, 8),
    ([" ", "ab", "\n\n"], 25, 12),
]


def text(i):
    r = Random(i)
    out = []
    for _ in range(r.next(160)):
        kind = r.next(10)
        if kind < 4:
            out.append("".join(chr(ord("a") + r.next(5)) for _ in range(1 + r.next(9))))
        elif kind < 7:
            out.append("".join(chr(0x3041 + r.next(80)) if r.next(2) else chr(0x4E00 + r.next(500)) for _ in range(1 + r.next(12 if i % 3 else 90))))
        else:
            out.append(PIECES[r.next(len(PIECES))])
        if r.next(3) == 0:
            out.append(" " if r.next(4) else "\n")
    return "".join(out)


rows = []
for i in range(1000):
    t = text(i)
    for setting in (0, 1 + i % (len(SETTINGS) - 1)):  # each through the preset and through another
        separators, size, overlap = SETTINGS[setting]
        splitter = RecursiveCharacterTextSplitter(separators=separators, chunk_size=size, chunk_overlap=overlap)
        chunks = splitter.split_text(t)
        rows.append({
            "number": i,
            "setting": setting,
            "text": hashlib.sha256(t.encode()).hexdigest()[:16],
            "lengths": [len(c) for c in chunks],
            "chunks": hashlib.sha256("\0".join(chunks).encode()).hexdigest()[:16],
        })
with open("split_golden.json.gz", "wb") as f, gzip.GzipFile("", "wb", 9, f, 0) as z:
    z.write(json.dumps({"settings": SETTINGS, "pieces": PIECES, "texts": rows}, separators=(",", ":")).encode())
