"""Stage 3: questions made by rule from the sentences of real passages.

usage: rules.py PASSAGES.jsonl WORDS.json OUT.jsonl      adds "qa": [[question, answer, rule]] to each passage

The sentence's own words are kept: these rows teach where an answer begins and ends in real text. Other wordings come from the written
rows and the invented documents.
"""
import json, re, sys
from multiprocessing import Pool

R_SPLIT = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“])|\n")
J_SPLIT = re.compile(r"(?<=。)|\n")
VERBS, BASE = set(), {}


def load(words):
    w = json.load(open(words))
    for v in w["en"]["verb"]:
        third = v + "es" if re.search("(s|sh|ch|x|z|o)$", v) else v[:-1] + "ies" if re.search("[^aeiou]y$", v) else v + "s"
        VERBS.add(v)
        BASE[third] = v
    for noun in "uses sets sorts names types lists files marks forms numbers objects queries fields links points times values parts lines groups processes classes parameters arguments names others addresses tables columns".split():
        if noun not in ("uses", "sets", "lists", "marks"):
            BASE.pop(noun, None)


AUX = "is|are|was|were|can|will|must|should|may|cannot|has|have|does|do"
PRON = re.compile(r"^(it|this|that|these|those|they|he|she|we|you|there|i|here|note|see|such|one|what|which|if|when|in|on|at|for|to|as|by|with|but|and|or|so|because|however|also|then|thus|therefore|otherwise|for example|another|each|all|some|many|most|both|first|second|finally)\b", re.I)


def low(s):
    """A sentence's first word inside a question."""
    m = re.match(r"[A-Z][a-z]*\b", s)
    return s[0].lower() + s[1:] if m and m.group() in LOWER else s


LOWER = set("The A An This These Those All Some Each Every Any Most Many Both Several Other Such Users Your Our You We It They If When In On To".split())


def english(text, heading, title):
    out = []
    add = lambda q, a, k: out.append([q[:1].upper() + q[1:], a.strip(" .;:,"), k]) if 2 < len(a.strip()) < 160 and len(q) < 150 and a.strip()[-1] not in "(" and a.count("(") == a.count(")") else None
    for s in R_SPLIT.split(text):
        s = s.strip()
        m = re.match(r"^-? ?([\w .()/-]{3,40}?): (.{6,140})$", s)
        if m and not re.match("https?|note|example|warning", m.group(1), re.I):
            label, rest = m.groups()
            if "," in rest and ": " in rest:
                cells = [c.split(": ", 1) for c in s.split(", ") if ": " in c]
                if len(cells) >= 2 and len({c[0] for c in cells}) == len(cells):
                    key = cells[0][1]
                    for c, v in cells[1:4]:
                        add("What is the %s of %s?" % (low(c.lower()), key), v, "row")
                continue
            add("What is %s?" % label, rest, "label") if len(label.split()) < 5 else None
            add("What does it say about %s?" % label, rest, "label")
            continue
        if not 30 < len(s) < 220 or s[-1] not in ".!" or not s[0].isupper():
            continue
        s = s[:-1]
        m = re.match(r"^(To|In order to) ([a-z][^,]{5,70}), (.{10,})$", s)
        if m and m.group(2).split()[0] in VERBS:
            add("How do I %s?" % m.group(2), m.group(3), "how")
            add("What should be done to %s?" % m.group(2), m.group(3), "how")
            continue
        m = re.match(r"^(If|When|Unless|Once|After|Before) ([^,]{8,80}), (?:then )?(.{10,})$", s)
        if m:
            c = m.group(1).lower()
            if c in ("if", "when"):
                add("What happens %s %s?" % (c, m.group(2)), m.group(3), "if")
                add("What is the case %s %s?" % (c, m.group(2)), m.group(3), "if")
            else:
                add("What happens %s %s?" % (c, m.group(2)), m.group(3), "if")
            continue
        m = re.match(r"^(.{12,110}?),? (because|since|so that) (.{8,})$", s)
        if m and not PRON.match(m.group(1)) and re.match(r"(.+?) (is|are|can|cannot|should|must|was|were) (.+)$", m.group(1)):
            sub, aux, rest = re.match(r"(.+?) (is|are|can|cannot|should|must|was|were) (.+)$", m.group(1)).groups()
            if len(sub.split()) < 7:
                aux = "can't" if aux == "cannot" else aux
                add("Why %s %s %s?" % (aux, low(sub), rest), (m.group(2) + " " if m.group(2) != "since" else "because ") .replace("so that ", "so that ") + m.group(3) if m.group(2) != "since" else m.group(2) + " " + m.group(3), "why")
        m = re.match(r"^((?:The |A |An )?[A-Za-z][\w.()\"“”/-]*(?: [\w.()\"“”/-]+){0,5}?) (is|are|was|were) (.{6,})$", s)
        if m and not PRON.match(m.group(1)) and not re.search(r"\b(that|which|who|of|if|when)$", m.group(1)):
            sub, be, rest = m.groups()
            if re.match(r"(a|an|the|one of|not)\b", rest) and not rest.startswith("not "):
                short = re.split(r"(?<=\w), | (?:that|which|who|where|because|so|and|if|when|but) ", rest)[0]
                add("What %s %s?" % (be, low(sub)), short if len(short) > 8 else rest, "def")
                add("%s %s?" % ("Who or what", be + " " + rest), sub, "subj") if len(rest) < 90 else None
            m2 = re.match(r"(?:usually |normally |often |only |also |automatically )?([a-z]+(?:ed|en|wn|de|nd|ut|et|pt|lt)) (in|at|on|by|from|with|to|for|as|under|into|using|when|after|before|if|during) (.{4,80})$", rest)
            if m2:
                v, p, obj = m2.groups()
                wh = {"in": "Where", "at": "Where", "on": "Where", "under": "Where", "into": "Where", "by": "By whom or what", "from": "From what", "with": "With what", "to": "To what", "for": "For what", "as": "As what", "using": "How", "when": "When", "after": "When", "before": "When", "during": "When", "if": "When"}[p]
                add("%s %s %s %s?" % (wh, be, low(sub), v), (p + " " if wh in ("When", "Where", "How") else "") + re.split(r", | (?:and|which|that|so|but) ", obj)[0], "place")
            add("%s %s %s?" % (be.capitalize(), low(sub), rest), "Yes, " + low(sub) + " " + be + " " + rest, "yes") if len(rest) < 70 and not rest.startswith("not ") and len(sub.split()) < 6 else None
            if rest.startswith("not ") and len(rest) < 70:
                add("%s %s %s?" % (be.capitalize(), low(sub), rest[4:]), "No, " + low(sub) + " " + be + " " + rest, "no")
        m = re.match(r"^((?:The |A |An )?[A-Za-z][\w.()\"“”/-]*(?: [\w.()\"“”/-]+){0,5}?) (can|must|should|will|may|cannot) (not )?(be )?(.{5,110})$", s)
        if m and not PRON.match(m.group(1)) and not re.search(r"\b(that|which|who|of|if|when)$", m.group(1)):
            sub, aux, no, be, rest = m.groups()
            neg = bool(no) or aux == "cannot"
            a = "can" if aux == "cannot" else aux
            add("%s %s %s%s?" % (a.capitalize(), low(sub), be or "", rest), ("No, " if neg else "Yes, ") + low(sub) + " " + aux + " " + (no or "") + (be or "") + rest, "modal") if len(rest) < 80 else None
            if not neg:
                add("What %s %s%s?" % (a, be or "", rest), sub, "subj")
        m = re.match(r"^((?:The |A |An )?[A-Za-z][\w.()\"“”/-]*(?: [\w.()\"“”/-]+){0,5}?) ([a-z]+s) (.{5,130})$", s)
        if m and m.group(2) in BASE and not PRON.match(m.group(1)) and not re.search(r"\b(of|the|a|that|which|and|or|to|for|in)$", m.group(1)):
            sub, v, rest = m.groups()
            short = re.split(r"(?<=\w), | (?:which|that|so|because|when|if|but|where|unless|using|by|for|from) ", rest)[0]
            if re.match(r"(the|a|an|all|any|each|your|whether|how|which|what|several|two|three|[A-Z])\b", rest):
                add("What does %s %s?" % (low(sub), BASE[v]), short if len(short) > 8 else rest, "obj")
            add("%s %s %s?" % ("What" if re.match("The|A|An", sub) else "Which one", v, rest), sub, "subj") if len(rest) < 100 else None
            m2 = re.match(r"(.{4,60}?) (for|by|from|in|with|when|if|using|to|on|at) (.{4,60})$", rest)
            if m2 and m2.group(2) in ("when", "if"):
                add("When does %s %s %s?" % (low(sub), BASE[v], m2.group(1)), m2.group(2) + " " + m2.group(3), "when")
        m = re.search(r"\b(\d[\d,.]*\d|\d|two|three|four|five|six|seven|eight|ten) ([a-z]+s)\b", s)
        if m and not PRON.match(s):
            pre, post = s[: m.start()], s[m.end():]
            m2 = re.match(r"^(.+?) (is|are|has|have|takes|contains|uses|supports|allows|needs|requires|holds|provides|offers|accepts|defines)( (?:at least|at most|up to|about|exactly|only))? $", pre)
            if m2 and len(m2.group(1).split()) < 8:
                sub, v, ad = m2.groups()
                if v in BASE:
                    add("How many %s does %s %s?" % (m.group(2), low(sub), BASE[v]), (ad or "").strip() + " " + m.group() if ad else m.group(), "count")
                elif v in ("is", "are"):
                    add("How many %s %s %s?" % (m.group(2), v, low(sub)), m.group(), "count")
        m = re.search(r"\b(?:the )?default(?: value)? (?:is|for (.{3,40}?) is) ([^,;]{1,60})$", s, re.I)
        if m:
            of = m.group(1) or re.sub(r"\W+$|#$", "", heading)
            add("What is the default of %s?" % of, m.group(2), "default")
    return out


KJ = "一-鿿々"
STEM = {"します": "する", "されます": "される", "できます": "できる", "なります": "なる", "あります": "ある", "います": "いる", "ます": None}


def dict_form(v):
    for a, b in (("されます", "される"), ("できます", "できる"), ("します", "する"), ("なります", "なる"), ("あります", "ある"), ("です", "である")):
        if v.endswith(a):
            return v[: -len(a)] + b
    return None


def japanese(text, heading, title):
    out = []
    add = lambda q, a, k: out.append([q, a.strip("、。・ "), k]) if 1 < len(a.strip("、。・ ")) < 90 and 6 < len(q) < 80 and a.count("「") == a.count("」") and a.count("(") == a.count(")") else None
    for s in J_SPLIT.split(text):
        s = s.strip().lstrip("- ")
        m = re.match(r"^([^:：。]{2,24})[:：]{1,2} ?(.{2,80})$", s)
        if m and "http" not in s:
            label, rest = m.groups()
            cells = [c.split(": ", 1) for c in s.split(", ") if ": " in c]
            if len(cells) >= 2 and len({c[0] for c in cells}) == len(cells):
                for c, v in cells[1:4]:
                    add("%sの%sは何ですか" % (cells[0][1], c), v, "row")
            else:
                add("%sは何ですか" % label, rest, "label")
                add("%sについて教えてください" % label, rest, "label")
            continue
        if not 12 < len(s) < 140 or not s.endswith("。"):
            continue
        s = re.sub("^(また|なお|さらに|そして|ただし|次に|まず|しかし|例えば|たとえば|つまり|したがって|その後)、", "", s[:-1])
        if re.match("(この|その|これ|それ|ここ|あの|どの|以下|次の|前述|上記|たとえば)", s):
            continue
        m = re.match(r"^(.{3,40}?(?:する|るに|す|む|く|う|つ|ぶ|ぐ|る))(には|ために(?:は)?)、(.{6,})$", s)
        if m:
            v = m.group(1)[:-1] if m.group(1).endswith("に") else m.group(1)
            add("%sにはどうすればよいですか" % v, m.group(3), "how")
            add("%s方法を教えてください" % v, m.group(3), "how")
            add("%sときは何をしますか" % v, m.group(3), "how")
            continue
        m = re.match(r"^(.{4,50}?)(場合|とき|時|際)(は|に|には)、(.{6,})$", s)
        if m and not re.search("[。]", m.group(1)):
            add("%s%sはどうなりますか" % (m.group(1), m.group(2)), m.group(4), "if")
            add("%sとどうなりますか" % m.group(1) if m.group(1).endswith(("る", "い")) else "%s%sについて教えて" % m.group(1, 2), m.group(4), "if")
        m = re.match(r"^(.{4,60}?)(ため|ので|から)、(.{6,60})$", s)
        if m and not re.search("する$|す$|む$", m.group(1)):
            tail = re.split("、", m.group(3))[-1]
            d = dict_form(m.group(3))
            if d and "、" not in m.group(3):
                add("なぜ%sのですか" % (d if not d.endswith("である") else d[:-3] + "な"), m.group(1) + m.group(2), "why")
                add("%s理由は何ですか" % (d if not d.endswith("である") else d), m.group(1) + m.group(2), "why")
        m = re.match(r"^([^はがをにで、]{2,30})は、?(.{4,})$", s)
        if m:
            topic, rest = m.groups()
            if rest.endswith("です"):
                body = rest[:-2]
                add("%sとは何ですか" % topic, body, "def")
                add("%sは何ですか" % topic, body, "def")
                if len(body) < 30 and "、" not in body:
                    add("%sは%sですか" % (topic, body), "はい、" + body + "です", "yes")
                    add("%sなのは何ですか" % body, topic, "subj") if not body.endswith(("の", "ため", "場合", "よう")) else None
            mo = re.match(r"^([^をはが、]{2,30})を([^をは、]{2,16}(?:ます|できます))$", rest)
            if mo:
                obj, v = mo.groups()
                add("%sは何を%sか" % (topic, v), obj, "obj")
                d = dict_form(v)
                if d:
                    add("%sを%sのは何ですか" % (obj, d), topic, "subj")
                    add("%sを%sものはどれですか" % (obj, d), topic, "subj")
            mo = re.match(r"^([^にはが、]{2,26})に([^にはを、]{2,14}(?:ます))$", rest)
            if mo and re.search("れます|ます$", mo.group(2)):
                add("%sはどこに%sか" % (topic, mo.group(2)), mo.group(1) + "", "place") if re.search("保存|表示|配置|挿入|追加|書き|置|格納|移動|記録|出力|送", mo.group(2)) else None
            d = dict_form(rest)
            if d and len(rest) < 36 and "、" not in rest:
                neg = rest.endswith(("できません", "ありません", "ません"))
                add("%sは%sか" % (topic, rest), "はい、" + rest, "yes")
            if rest.endswith("できません") and len(rest) < 36:
                add("%sは%sできますか" % (topic, rest[:-5]), "いいえ、" + rest, "no")
        m = re.match(r"^([^はをにで、。]{2,24})が([^はが、]{3,30}(?:れます|あります|なります|します|です))$", s)
        if m:
            add("何が%sか" % m.group(2), m.group(1), "subj")
        m = re.match(r"^([^はがで、]{2,24})で(?:は)?、?([^は、]{2,20})を([^はを、]{2,12}ます)$", s)
        if m:
            add("%sで%sのは何ですか" % (m.group(1), dict_form(m.group(3)) or "扱う"), m.group(2), "obj")
            d = dict_form(m.group(3))
            if d:
                add("%sを%sのはどこですか" % (m.group(2), d), m.group(1), "place")
        m = re.match(r"^([^をはが、]{2,24})を([^をは、]{1,10}(?:する|選択する|押す|クリックする))と、(.{6,60})$", s)
        if m:
            add("%sを%sとどうなりますか" % m.group(1, 2), m.group(3), "if")
            add("%sには何をすればよいですか" % (dict_form(m.group(3)) or "そうする"), m.group(1) + "を" + m.group(2), "how") if dict_form(m.group(3)) else None
        m = re.search(r"(\d+|[一二三四五六七八九十]) ?(つ|個|種類|文字|行|列|回|秒|分|時間|日|バイト|ビット|ページ|段階)", s)
        if m and re.match(r"^[^、]{2,30}は", s) and s.endswith("です") and s.count("は") == 1:
            t = s[: s.index("は")]
            add("%sは何%sですか" % (t, m.group(2) if m.group(2) != "つ" else "個"), m.group(), "count")
    return out


def work(line):
    p = json.loads(line)
    qa = (english if p["lang"] == "en" else japanese)(p["text"], p["heading"], p["title"])
    seen, kept = set(), []
    for q, a, k in qa:
        core = re.sub("^(はい、|いいえ、|Yes, |No, )", "", a)
        if q not in seen and (core.lower() in p["text"].lower()) and not (p["lang"] == "en" and re.search(r"\b(it|this|they|these) (is|are)\?$", q)):
            seen.add(q)
            kept.append([q, a, k])
    p["qa"] = kept
    return p


def main(src, words, dst):
    load(words)
    n, kinds = 0, {}
    with Pool(2) as pool, open(dst, "w") as out:
        for p in pool.imap(work, open(src), 64):
            n += 1
            for q in p["qa"]:
                k = (p["lang"], q[2])
                kinds[k] = kinds.get(k, 0) + 1
            out.write(json.dumps(p, ensure_ascii=False) + "\n")
    print(n, kinds)


if __name__ == "__main__":
    main(*sys.argv[1:4])
