"""Questions in the product's own form (`kakoi exam --questions`) on what no model learned from.

usage: natural.py make WORK_DIR OUT_DIR [N [SEED]] -> OUT_DIR/SET/*.md, a collection each, and OUT_DIR/questions.jsonl
       natural.py mixed OUT_DIR                   -> OUT_DIR/mixed/*.md, a collection in both languages, OUT_DIR/questions.jsonl, and OUT_DIR/{cross,own}-{ja,en}.jsonl
                                                  (questions in the other or the documents' own language, for `kakoi bench retrieval`)
       natural.py plain OUT_DIR                   -> OUT_DIR/plain-{ja,en}/*.md, a collection each, and OUT_DIR/questions.jsonl: questions as people ask who know nothing yet
       natural.py sides OUT_DIR                   -> OUT_DIR/held-{ja,en}/*.md, a collection each, and OUT_DIR/questions.jsonl: every question of the held-back documents that a yes or no answers
       natural.py figures RESULT.json...          of `kakoi exam --questions OUT_DIR/questions.jsonl -o RESULT.json`

held-ja, held-en: the written documents that were held back (held.py). families-ja-01 ...: an invented document of relations and fields of life that were held
back (invent.HELD, invent.HELD_DOMAINS), beside two of the held-back written ones: its things are of one kind, and other invented documents would have things of
the same names. N questions a language and kind at most, a third of them unanswered. "absent" must hold words that stand in no document; an unanswered question's
own text serves. mixed: 60 held-back documents a language that tell of things of their own, not passages of packages. plain: 20 documents a language, written for this alone (written/plain.jsonl.ppmd),
whose questions are shorter and more general than the sentences that answer them ("How many days of leave?" on "Annual leave is 20 days").
"""
import json, math, os, random, sys
import evidence, invent, wording
from held import documents, plain as plain_documents
from rows import core, is_ja


def held(lang):
    for r in documents("written", lang):
        yield "# %s\n\n%s\n" % (r["title"], r["passage"]), [(x["q"], x["a"]) for x in r["qa"]], r.get("absent", [])


def families(lang):
    while True:
        d = invent.document(lang, held=True)
        if d and len(d[1]) > 1:
            yield "\n\n".join(d[0]) + "\n", d[1], d[2]


def write(folder, name, text):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w") as f:
        f.write(text)


def asked(name, lang, file, text, qa, absent, seen):
    """-> lines that the document answers, and lines that it does not"""
    yes, no = [], []
    for q, a in qa:
        c = evidence.literal(core(a), text)
        at = [s for s in evidence.sentences(text) if c and c in s]
        if q in seen or is_ja(q) != (lang == "ja") or not at or wording.vague(q):
            continue
        seen.add(q)
        yesno = evidence.polarity(a) is not None
        accept = [a.split("、")[0].split(",")[0].strip("。."), a] if yesno else [c]  # a yes or no may have its reason behind it
        yes.append(dict(set=name, lang=lang, kind="yesno" if yesno else "fact", question=q, accept=accept, gold=[dict(document=file, text=at[0])]))
    for q in absent:
        if q not in seen and is_ja(q) == (lang == "ja") and not wording.vague(q):
            seen.add(q)
            no.append(dict(set=name, lang=lang, kind="fact", question=q, absent=[q]))
    return yes, no


def save(out, lines):
    write(out, "questions.jsonl", "".join(json.dumps(x, ensure_ascii=False) + "\n" for x in lines))
    print(len(lines), "questions")


def held_asked(out, lang):
    """Writes the held-back documents of a language. -> (text, lines that it answers, lines that it does not) of each"""
    name, seen = "held-" + lang, set()
    for n, (text, qa, absent) in enumerate(held(lang), 1):
        file = "held-%s %03d.md" % (lang, n)
        write(os.path.join(out, name), file, text)
        yield text, *asked(name, lang, file, text, qa, absent, seen)


def make(work, out, most=150, seed=21):
    invent.load_words(os.path.join(work, "pack", "words.json"))
    random.seed(int(seed))
    lines, yes_most, no_most = [], int(most) * 2 // 3, int(most) // 3
    for lang in ("ja", "en"):
        yes, no, texts = [], [], []
        for text, y, x in held_asked(out, lang):
            texts.append(text)
            yes += y
            no += x
        random.shuffle(yes)
        random.shuffle(no)
        lines += yes[:yes_most] + no[:no_most]
        yes, no = [], []
        for n, (text, qa, absent) in enumerate(families(lang), 1):
            name = "families-%s-%02d" % (lang, n)
            y, x = asked(name, lang, name + ".md", text, qa, absent, set())
            if not y:
                continue
            write(os.path.join(out, name), name + ".md", text)
            for i, other in enumerate(random.sample(texts, 2), 1):
                write(os.path.join(out, name), "other %d.md" % i, other)
            yes += random.sample(y, min(3, len(y)))
            no += random.sample(x, min(2, len(x)))
            if len(yes) >= yes_most and len(no) >= no_most:
                break
        lines += yes[:yes_most] + no[:no_most]
    save(out, lines)


def mixed(out, each=60, crossed=45):
    """Documents of both languages in one collection: two questions a document in the other language (of those that have some), and two of every other one in its own; one of each that it does not answer."""
    rnd, lines = random.Random(11), []
    for lang in ("ja", "en"):
        docs = [d for d in documents("written", lang) if d["passage"] and d["source"] == "written"]
        foreign = lambda q: is_ja(q) != (lang == "ja")
        cross = [d for d in docs if sum(foreign(x["q"]) for x in d["qa"]) > 1]
        rest = [d for d in docs if d not in cross]
        rnd.shuffle(cross)
        rnd.shuffle(rest)
        for i, d in enumerate(cross[:crossed] + rest[: each - crossed]):
            file = "mixed-%s-%03d.md" % (lang, i)
            heading = "## %s\n\n" % d["heading"] if d.get("heading") and d["heading"] != d["title"] else ""
            write(os.path.join(out, "mixed"), file, "# %s\n\n%s%s\n" % (d["title"], heading, d["passage"]))
            for kind, some in (("cross", [x for x in d["qa"] if foreign(x["q"])]), ("own", [x for x in d["qa"] if not foreign(x["q"]) and x.get("kind") != "keyword" and not wording.vague(x["q"])])):
                some = [x for x in some if not x.get("e") and evidence.polarity(x["a"]) is None and evidence.flat(x["a"]) in evidence.flat(d["passage"])]
                if kind == "own" and i % 2 == 0:
                    continue
                for x in rnd.sample(some, min(2, len(some))):
                    at = [t for t in evidence.sentences(d["passage"]) if evidence.flat(x["a"]) in evidence.flat(t)]
                    if len(at) == 1:
                        asked = ("en" if lang == "ja" else "ja") if kind == "cross" else lang
                        lines.append(dict(set="mixed", lang=asked, kind=kind, question=x["q"], accept=[x["a"]], gold=[dict(document=file, text=at[0].strip())]))
            for kind, other in (("cross", True), ("own", False)):
                for q in [q for q in d["absent"] if foreign(q) == other][:1]:
                    lines.append(dict(set="mixed", lang=("en" if lang == "ja" else "ja") if other else lang, kind=kind, question=q, absent=[q]))
    save(out, [x | {"kind": x["kind"].replace("own", "fact")} for x in lines])
    for kind in ("cross", "own"):
        for lang in ("ja", "en"):
            found = [dict(question=x["question"], document=x["gold"][0]["document"], text=x["gold"][0]["text"]) for x in lines if x.get("gold") and (x["kind"], x["lang"]) == (kind, lang)]
            write(out, "%s-%s.jsonl" % (kind, lang), "".join(json.dumps(x, ensure_ascii=False) + "\n" for x in found))


def plain(out):
    lines, seen = [], set()
    for lang in ("ja", "en"):
        for n, r in enumerate(plain_documents("written", lang), 1):
            name, file = "plain-" + lang, "%02d.md" % n
            write(os.path.join(out, name), file, "# %s\n\n## %s\n\n%s\n" % (r["title"], r["heading"], r["passage"]))
            yes, no = asked(name, lang, file, r["passage"], [(x["q"], x["a"]) for x in r["qa"]], r["absent"], seen)
            lines += yes + no
    save(out, lines)


def sides(out):
    save(out, [x for lang in ("ja", "en") for _, yes, _ in held_asked(out, lang) for x in yes if x["kind"] == "yesno"])


def sided(rows):
    """How often answers to questions that a yes or no answers begin with the right one, the wrong one, with neither, or are refusals."""
    said = dict(right=0, wrong=0, neither=0, refused=0)
    for r in rows:
        said["refused" if r.get("refused") else {None: "neither", evidence.polarity(r["accept"][0]): "right"}.get(evidence.polarity(r["answer"]), "wrong")] += 1
    return "yes or no: " + ", ".join("%s %s" % (k, share(n, len(rows))) for k, n in said.items())


def share(k, n):
    """Percent with Wilson's 95% interval."""
    if not n:
        return "-"
    p, z = k / n, 1.96
    mid, half = (p + z * z / 2 / n) / (1 + z * z / n), z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    return "%d/%d %.1f%% (%.1f-%.1f)" % (k, n, 100 * p, 100 * (mid - half), 100 * (mid + half))


def figures(*results):
    for path in results:
        rows = json.load(open(path))["answers"]
        for setting in dict.fromkeys(r["setting"] for r in rows):
            group = lambda r: "mixed-%s-%s" % (r["kind"], r["lang"]) if r["set"] == "mixed" else "-".join(r["set"].split("-")[:2])
            for kind in dict.fromkeys(group(r) for r in rows):
                of = [r for r in rows if r["setting"] == setting and group(r) == kind]
                yes, no = [r for r in of if r.get("accept")], [r for r in of if not r.get("accept")]
                refused = lambda rs: sum(bool(r.get("refused")) for r in rs)
                print("%-8s %-12s right %s; refused what is there %s; refused what is not %s; evidence holds %s" % (
                    setting, kind, share(sum(bool(r.get("right")) for r in yes), len(yes)), share(refused(yes), len(yes)), share(refused(no), len(no)), share(sum(bool(r.get("evident")) for r in yes), len(yes))))
                if yes and all(r["kind"] == "yesno" for r in yes):
                    print(" " * 9 + sided(yes))


if __name__ == "__main__":
    {"make": make, "mixed": mixed, "plain": plain, "sides": sides, "figures": figures}[sys.argv[1]](*sys.argv[2:])
