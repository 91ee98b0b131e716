"""Questions in the product's own form (`kakoi exam --questions`) on what no model learned from.

usage: natural.py WORK_DIR OUT_DIR [N]    -> OUT_DIR/{held,families}-{ja,en}/*.md, OUT_DIR/questions.jsonl

held: the written documents that were held back (held.py). families: invented documents of relations and fields of life that were held back
(invent.HELD, invent.HELD_DOMAINS). N questions a set and language at most, a third of them unanswered. "absent" must hold words that stand in no
document; an unanswered question's own text serves.
"""
import json, os, random, sys
import evidence, invent
from held import documents
from rows import core, is_ja


def held(lang):
    for r in documents("written", lang):
        yield r["title"], r["passage"], [(x["q"], x["a"]) for x in r["qa"]], r.get("absent", [])


def families(lang, n):
    made = 0
    while made < n:
        d = invent.document(lang, held=True)
        if d and d[1]:
            made += 1
            ps, qa, absent = d
            yield "document", "\n\n".join(ps), qa, absent


def main(work, out, most=150):
    invent.load_words(os.path.join(work, "pack", "words.json"))
    random.seed(21)
    lines = []
    for lang in ("ja", "en"):
        for kind, docs in (("held", held(lang)), ("families", families(lang, 60))):
            name = kind + "-" + lang
            os.makedirs(os.path.join(out, name), exist_ok=True)
            yes, no, seen = [], [], set()
            for n, (title, text, qa, absent) in enumerate(docs, 1):
                file = "%s %03d.md" % (name, n)
                with open(os.path.join(out, name, file), "w") as f:
                    f.write("# %s\n\n%s\n" % (title, text) if kind == "held" else text + "\n")
                for q, a in qa:
                    c = core(a)
                    at = [s for s in evidence.sentences(text) if c and c in s]
                    if q in seen or is_ja(q) != (lang == "ja") or not at:
                        continue
                    seen.add(q)
                    say = a.split("、")[0].split(",")[0].strip("。.") if a[:2] in ("はい", "いい", "Ye", "No") else c
                    yes.append(dict(set=name, lang=lang, kind="yesno" if say != c else "fact", question=q, accept=[say], gold=[dict(document=file, text=at[0])]))
                for q in absent:
                    if q not in seen and is_ja(q) == (lang == "ja"):
                        seen.add(q)
                        no.append(dict(set=name, lang=lang, kind="fact", question=q, absent=[q]))
            random.shuffle(yes)
            random.shuffle(no)
            lines += yes[: int(most) * 2 // 3] + no[: int(most) // 3]
            print(name, len(yes), len(no))
    with open(os.path.join(out, "questions.jsonl"), "w") as f:
        for x in lines:
            f.write(json.dumps(x, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:4])
