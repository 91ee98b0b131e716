"""The written documents that no model learned from, as files and questions: rows to find bounds on refusals with (.setup/calibrate.sh).

usage: held.py WRITTEN_DIR OUT_DIR    -> OUT_DIR/{ja,en}/NAME.md, OUT_DIR/{ja,en}.jsonl (question, answer, refusal)

One in ten documents is held back, by a hash of its name; MOST of them are used, and those of plain questions. Two questions of each are taken that it answers, and one that it does not: the evidence of each is read, which takes most of a second.
"""
import hashlib, json, lzma, os, re, struct, sys


PPMD = {"max_order": 12, "mem_size": 256 << 20}  # a fifth smaller than xz
MOST = 90  # documents a language
PLAIN = "plain.jsonl.ppmd"  # nothing is to learn from it


def heldout(text, one_in):
    return int(hashlib.md5(text.encode()).hexdigest(), 16) % one_in == 0


def pack(text, path):
    """Writes a text as PPMd (pip install pyppmd==1.3.1) behind its length in bytes, of 8, little-endian."""
    import pyppmd

    data = text.encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(data)) + pyppmd.compress(data, **PPMD))


def lines(path):
    """The lines of a text: packed, .xz or as it is."""
    if not path.endswith(".ppmd"):
        return list(lzma.open(path, "rt") if path.endswith(".xz") else open(path))
    import pyppmd

    with open(path, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        data = pyppmd.decompress(f.read(), **PPMD)
    assert len(data) == n, "%s: %d bytes where there should be %d" % (path, len(data), n)
    return data.decode().splitlines(keepends=True)


def rows(path, texts):
    """The rows of a file of written documents. Those of the packages' passages have only their passage's id in "source", unless they are held back: texts has these, by id."""
    for line in lines(path):
        r = json.loads(line)
        r["passage"] = r["passage"] or texts[r["source"]]
        yield r


def documents(written, lang):
    """The written documents of a language that are held back."""
    for line in lines(os.path.join(written, lang + ".jsonl.ppmd")):
        r = json.loads(line)
        if heldout(r["title"] + r.get("source", ""), 10):
            yield r


def plain(written, lang):
    """The documents of a language that were written for plain questions (natural.py) and that no model learns from."""
    return [r for r in map(json.loads, lines(os.path.join(written, PLAIN))) if r["lang"] == lang]


def some(docs):
    """MOST of some documents, by a hash of their names, in their order."""
    docs = list(docs)
    first = set(sorted(range(len(docs)), key=lambda i: hashlib.sha256(docs[i]["title"].encode()).hexdigest())[:MOST])
    return [d for i, d in enumerate(docs) if i in first]


def main(written, out):
    for lang in ("ja", "en"):
        os.makedirs(os.path.join(out, lang), exist_ok=True)
        asked, n = [], 0
        for n, r in enumerate(some(documents(written, lang)) + plain(written, lang), 1):
            name = "%03d %s.md" % (n, re.sub(r"[^\w .-]", " ", r["title"])[:60].strip())
            with open(os.path.join(out, lang, name), "w") as f:
                f.write("# %s\n\n%s%s\n" % (r["title"], "## %s\n\n" % r["heading"] if r.get("heading") and r["heading"] != r["title"] else "", r["passage"]))
            own = lambda q: bool(re.search("[\u3040-\u30ff\u4e00-\u9fff]", q)) == (lang == "ja")
            yes = [x for x in r["qa"] if own(x["q"]) and x["a"].strip() and x["a"].strip().lower() in r["passage"].lower()]
            no = [q for q in r.get("absent", []) if own(q)]
            for x in yes[:: max(1, len(yes) // 2)][:2]:
                asked.append({"question": x["q"], "answer": x["a"].strip(), "refusal": ""})
            for q in no[:1]:
                asked.append({"question": q, "answer": "", "refusal": "yes"})
        seen, kept = set(), []
        for a in asked:
            if a["question"] not in seen:
                seen.add(a["question"])
                kept.append(a)
        with open(os.path.join(out, lang + ".jsonl"), "w") as f:
            for a in kept:
                f.write(json.dumps(a, ensure_ascii=False) + "\n")
        print(lang, n, "documents,", len(kept), "questions")


if __name__ == "__main__":
    main(*sys.argv[1:3])
