"""Stage 2: word lists for names and renaming (mecab-ipadic, WordNet) -> words.json, and synonyms of English words.

usage: words.py PACKAGES_DIR OUT.json
"""
import csv, glob, json, os, random, re, sys


def ipadic(root, name):
    path = glob.glob(os.path.join(root, "mecab-ipadic", "**", name), recursive=True)[0]
    return list(csv.reader(open(path, encoding="euc-jp", errors="ignore")))


def japanese(root):
    def col(name, keep=lambda r: True, most=6000, low=2, high=6):
        rows = [r for r in ipadic(root, name) if low <= len(r[0]) <= high and re.fullmatch("[\u3040-\u30ff\u4e00-\u9fffー々]+", r[0]) and keep(r)]
        rows.sort(key=lambda r: int(r[3]))  # mecab's cost: the common ones first
        return list(dict.fromkeys(r[0] for r in rows))[:most]

    return {
        "noun": col("Noun.csv", lambda r: re.search("[\u4e00-\u9fff]", r[0]), 12000),
        "kata": col("Noun.csv", lambda r: re.fullmatch("[ァ-ヺー]{3,7}", r[0]), 4000, 3, 7),
        "sahen": col("Noun.verbal.csv", lambda r: re.fullmatch("[\u4e00-\u9fff]{2,4}", r[0]), 5000),
        "family": col("Noun.name.csv", lambda r: "姓" in r and re.search("[\u4e00-\u9fff]", r[0]), 3000),
        "given": col("Noun.name.csv", lambda r: "名" in r, 3000),
        "town": col("Noun.place.csv", lambda r: "地域" in r, 5000),
        "org": col("Noun.org.csv", most=3000, low=3),
        "verb": col("Verb.csv", most=8000, low=2),
        "adj": col("Adj.csv", most=2000, low=2),
        "adverb": col("Adverb.csv", most=2000, low=2),
    }


def homophones(root):
    """Words of two or more kanji that are typed the same way, the common ones: what a conversion takes for each other."""
    rows = [r for name in ("Noun.csv", "Noun.verbal.csv", "Noun.adverbal.csv") for r in ipadic(root, name) if re.fullmatch("[\u4e00-\u9fff]{2,4}", r[0])]
    rows.sort(key=lambda r: int(r[3]))
    of = {}
    for r in rows[:20000]:
        of.setdefault(r[11], {})[r[0]] = None
    return [list(ws)[:4] for ws in of.values() if len(ws) > 1]


def english(root):
    base = glob.glob(os.path.join(root, "wordnet-base", "**", "index.noun"), recursive=True)[0][:-4]
    out, syn = {}, {}
    for part in ("noun", "verb", "adj", "adv"):
        words, first = [], {}
        for line in open(base + part):
            f = line.split()
            if line.startswith("  "):
                continue
            pointers = int(f[3])
            first[f[0]] = f[6 + pointers]
            tagged = int(f[5 + pointers])  # senses seen in the tagged texts: a word in use
            if re.fullmatch("[a-z]{3,12}", f[0]):
                words.append((-tagged, -int(f[2]), f[0]))
        words.sort()
        out[part] = [w for _, _, w in words][:{"noun": 12000, "verb": 4000, "adj": 5000, "adv": 1500}[part]]
        common = set(w for t, _, w in words if t < 0)
        for line in open(base.replace("index.", "data.") + part, errors="replace"):
            if line.startswith("  "):
                continue
            f = line.split(" | ")[0].split()
            ws = [f[4 + 2 * i].split("(")[0] for i in range(int(f[3], 16))]
            ws = [w for w in ws if first.get(w.lower()) == f[0] and w in common]
            for a in ws:
                syn.setdefault(a, [])
                syn[a] += [b for b in ws if b != a]
    return out, {k: sorted(set(v))[:4] for k, v in syn.items() if v}


if __name__ == "__main__":
    ja = japanese(sys.argv[1])
    en, syn = english(sys.argv[1])
    json.dump({"ja": ja, "en": en, "synonyms": syn, "homophones": homophones(sys.argv[1])}, open(sys.argv[2], "w"), ensure_ascii=False, separators=(",", ":"))
    print({k: (len(v), v[:5]) for k, v in {**ja, **en}.items()}, len(syn))
