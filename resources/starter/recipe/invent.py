"""Invented documents: things of a kind, some of their facts told as prose, lists, mails, tables or questions and answers.

usage, to read some: invent.py WORDS.json
       what a writer of a domain wants to know: invent.py WORDS.json invent/ja/NAME.txt

document(lang, rnd) -> (passages, [(question, answer)], [questions that are not answered]). The relations (invent/relations_*.txt) hold
many sentences and many questions for one fact, so that question and sentence seldom use the same words.
"""
import glob, hashlib, json, os, random, re, sys, tarfile

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "invent")
KINDS = "f s v p r m c j d".split()
R = random


def load_relations(lang):
    rels, cur = [], None
    for line in open(os.path.join(HERE, "relations_%s.txt" % lang)):
        line = line.strip()
        if not line or line[0] == "#":
            continue
        if line[:2] in ("S ", "Q ", "L "):
            cur[line[0]] = [x.strip() for x in line[2:].split(" / ")]
        else:
            name, kinds, value = [x.strip() for x in line.split("|")]
            cur = {"name": name, "kinds": kinds.split(), "value": value}
            rels.append(cur)
    return rels


def load_values(lang):
    out = {}
    for line in open(os.path.join(HERE, "values_%s.txt" % lang)):
        if line[0] != "#" and ":" in line:
            k, v = line.strip().split(": ", 1)
            out[k] = v.split("|")
    return out


def domains():
    """(language, name, text) of every domain: those packed in invent/domains.tar.xz, and text files beside it, which count before them."""
    texts, packed = {}, os.path.join(HERE, "domains.tar.xz")
    if os.path.exists(packed):
        with tarfile.open(packed) as t:
            for m in t.getmembers():
                if m.isfile() and m.name.endswith(".txt"):
                    lang, name = m.name.split("/")[-2:]
                    texts[lang, name[:-4]] = t.extractfile(m).read().decode()
    for path in glob.glob(os.path.join(HERE, "??", "*.txt")):
        texts[os.path.basename(os.path.dirname(path)), os.path.basename(path)[:-4]] = open(path).read()
    return [(*k, texts[k]) for k in sorted(texts)]


def load_domain(lang, name, text):
    """One field of life with things, values and facts of its own (format: invent/FORMAT.md)."""
    held = name in HELD_DOMAINS
    rels, things, cur = [], {}, None
    for n, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line[0] == "#":
            continue
        key, rest = line[0], line[2:].strip()
        if line[1] != " " or key not in "EVRSQWL":
            raise ValueError("%s:%d: %s" % (name, n, line))
        if key in "EV":
            k, v = rest.split(":", 1)
            v = [x.strip() for x in v.split("|") if x.strip()]
            if key == "E":
                things[k.strip()] = v
            else:
                k = k.strip()
                if k[0] == "~":
                    CLAUSE.add(name + "." + k[1:])
                VALS[lang][name + "." + k.lstrip("~")] = v
        elif key == "R":
            rname, kinds, value = [x.strip() for x in rest.split("|")]
            cur = {"name": name + "." + rname, "kinds": [name + "." + k for k in kinds.split()], "value": value, "held": held}
            rels.append(cur)
        else:
            cur[key] = [x.strip() for x in rest.split(" / ") if x.strip()]
    for r in rels:
        if name + "." + r["value"] in VALS[lang]:
            r["value"] = name + "." + r["value"]
    for k, v in things.items():
        THINGS[lang][name + "." + k] = v
    return rels


# Domains that are kept out of training, with those of the other language or another writer that are about the same.
HELD_DOMAINS = {"archaeology", "orchestra", "farm", "forestry", "forestry_water", "waterworks", "insurance", "care_home", "nursery", "callcentre", "language_office", "translation", "lab_safety", "product"}
THINGS = {"ja": {}, "en": {}}
CLAUSE = {"method", "decision", "reason", "purpose"}  # values that are clauses: no "is it ...", no "which one has ..."
RELS = {l: load_relations(l) for l in ("ja", "en")}
VALS = {l: load_values(l) for l in ("ja", "en")}
for _l, _n, _t in domains():
    RELS[_l] += load_domain(_l, _n, _t)
WORDS = {}
SLOT = re.compile(r"\{(\w+)(?::(\d+)-(\d+))?\}")


def filled(lang, text):
    """A value of a domain with its slots filled: {n:3-40} a number, {date} and the like a value of that kind."""
    def one(m):
        if m.group(1) == "n":
            x = R.randint(int(m.group(2)), int(m.group(3)))
            return number(x)
        if m.group(1) == "noun":
            return R.choice(WORDS[lang]["noun"])
        return value(lang, m.group(1))
    return SLOT.sub(one, text)
# Relations that are kept out of training: the documents of the exam "families never trained on".
HELD = {"deposit", "attended", "ban", "battery", "approve", "next", "moved", "prize", "temp", "file", "staff", "papers"}


BY_KIND = {l: {} for l in RELS}
for _l in RELS:
    for _r in RELS[_l]:
        for _k in _r["kinds"]:
            BY_KIND[_l].setdefault(_k, []).append(_r)


def load_words(path):
    WORDS.update(json.load(open(path)))


MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
ORG_EN = ["Nova", "Kestrel", "Blue Oak", "Arden", "Lumen", "Tidewater", "Copperfield", "Orbit", "Halden", "Quill"]


def number(n):
    return "{:,}".format(n) if R.random() < 0.7 else str(n)


def kanji(n):
    d = "〇一二三四五六七八九"
    if n < 10:
        return d[n]
    if n < 100:
        return (d[n // 10] if n >= 20 else "") + "十" + (d[n % 10] if n % 10 else "")
    return str(n)


def digits(n):
    r = R.random()
    return kanji(n) if r < 0.12 and n < 100 else "".join(chr(ord(c) + 0xFEE0) for c in str(n)) if r < 0.17 else str(n)


def value_ja(kind):
    v = VALS["ja"]
    n = R.randint
    if kind in v:
        return R.choice(v[kind])
    if kind == "yen":
        x = R.choice([n(1, 99) * 10, n(1, 99) * 100, n(1, 50) * 1000, n(1, 900) * 10000])
        return R.choice([number(x) + "円", number(x) + "円", "¥" + number(x), ("%d万円" % (x // 10000)) if x >= 10000 else number(x) + "円", digits(x) + "円"])
    if kind == "percent":
        return R.choice(["%d%%" % n(1, 99), "%d%%" % (n(1, 20) * 5), "%d割" % n(1, 9), "%dパーセント" % n(1, 99), "半額"])
    if kind == "time":
        h, m = n(6, 21), R.choice([0, 0, 15, 30, 45, 10])
        half = "午前%d時" % h if h < 12 else "午後%d時" % (h - 12 if h > 12 else 12)
        return R.choice(["%d時" % h if not m else "%d時%d分" % (h, m), "%d:%02d" % (h, m), half + ("" if not m else "半" if m == 30 else "%d分" % m), digits(h) + "時"])
    if kind == "span":
        a, b = n(6, 11), n(13, 22)
        return R.choice(["%d時から%d時まで" % (a, b), "午前%d時から午後%d時" % (a, b - 12), "%d:%02d〜%d:%02d" % (a, R.choice([0, 30]), b, R.choice([0, 30])), "平日の%d時から%d時" % (a, b), "%d時～%d時" % (a, b)])
    if kind == "weekday":
        d = "月火水木金土日"
        return R.choice(["%s曜日" % R.choice(d), "%s曜日と%s曜日" % tuple(R.sample(d, 2)), "第%d%s曜日" % (n(1, 4), R.choice(d)), "日曜日と祝日", "土日", "年末年始"])
    if kind == "date":
        y, m, d = n(2019, 2031), n(1, 12), n(1, 28)
        w = R.choice("月火水木金土日")
        return R.choice(["%d月%d日" % (m, d), "%d月%d日（%s）" % (m, d, w), "%d年%d月%d日" % (y, m, d), "令和%d年%d月%d日" % (y - 2018, m, d), "%d/%d" % (m, d), "%d月末" % m, "%d月%d日の%s曜日" % (m, d, w),
                         "毎月%d日" % d, "%d-%02d-%02d" % (y, m, d), "来月%d日" % d, "%d月第%d%s曜日" % (m, n(1, 4), w), digits(m) + "月" + digits(d) + "日"])
    if kind == "year":
        y = n(1921, 2024)
        return R.choice(["%d年" % y, "昭和%d年" % n(20, 63), "平成%d年" % n(2, 30), "令和%d年" % n(2, 9), "%d年%d月" % (y, n(1, 12)), "大正%d年" % n(2, 14)])
    if kind == "daysbefore":
        return R.choice(["%d日前まで" % n(2, 60), "%d週間前まで" % n(1, 6), "前日の%d時まで" % n(9, 18), "一か月前から", "当日の朝まで", "%d営業日前まで" % n(2, 10), "%sか月前まで" % digits(n(1, 6))]) + R.choice(["に", "に", ""]).replace("に", "")
    if kind == "person":
        f = R.choice(WORDS["ja"]["family"])
        return R.choice([f + "さん", f + R.choice(WORDS["ja"]["given"]) , f + R.choice(v["role"]), R.choice(v["dept"]) + "の" + f, f + "先生", f])
    if kind == "phone":
        return R.choice(["0%d-%d-%04d" % (n(3, 99), n(100, 9999), n(0, 9999)), "内線%d" % n(100, 9999), "0120-%d-%03d" % (n(100, 999), n(0, 999)), "090-%04d-%04d" % (n(1000, 9999), n(0, 9999))])
    if kind == "mail":
        return "%s@%s.example" % (R.choice(WORDS["en"]["noun"]), R.choice(WORDS["en"]["noun"]))
    if kind in ("people", "pieces", "cars"):
        u = {"people": ["人", "名", "名様", "人"], "pieces": ["個", "台", "箱", "本", "枚", "セット", "冊"], "cars": ["台"]}[kind]
        return digits(R.choice([n(2, 30), n(10, 400), n(100, 9000)])) + R.choice(u)
    if kind == "items":
        k = R.choice([1, 1, 2, 2, 3])
        xs = R.sample(v["item"], k) if R.random() < 0.7 else R.sample(WORDS["ja"]["noun"], k)
        return R.choice(["と", "、"]).join(xs) if k < 3 else "、".join(xs[:2]) + R.choice(["、", "と"]) + xs[2]
    if kind == "duration":
        return R.choice(["%d分", "%d時間", "%d日間", "%d週間", "%dか月", "%d年", "%d年間", "約%d分", "およそ%d時間", "%d営業日"]) % R.choice([n(1, 12), n(2, 90)])
    if kind == "weight":
        return R.choice(["%d.%dkg" % (n(0, 30), n(1, 9)), "%dグラム" % n(20, 900), "%dキログラム" % n(2, 90), "約%dkg" % n(2, 60)])
    if kind == "size":
        return R.choice(["%d×%d×%dcm" % (n(5, 99), n(5, 99), n(5, 99)), "%dミリ" % n(5, 900), "%dセンチ" % n(5, 200), "%d平方メートル" % n(10, 900), "幅%dcm・高さ%dcm" % (n(9, 99), n(9, 200)), "%d畳" % n(4, 40)])
    if kind == "temp":
        return R.choice(["%d度", "%d℃", "氷点下%d度", "%d度から30度", "摂氏%d度"]) % n(2, 28)
    if kind == "watt":
        return R.choice(["%dW" % n(5, 2000), "%dワット" % n(5, 2000), "%dボルト" % R.choice([12, 100, 200]), "単%d電池%d本" % (n(1, 4), n(1, 6)), "100V"])
    if kind == "version":
        return R.choice(["%d.%d" % (n(1, 30), n(0, 19)), "第%d版" % n(2, 9), "バージョン%d" % n(2, 20), "v%d.%d.%d" % (n(0, 9), n(0, 20), n(0, 9)), "%d年改訂版" % n(2018, 2028)])
    if kind == "path":
        w = WORDS["en"]["noun"]
        return R.choice(["/etc/%s/%s.conf", "%s/%s.txt", "~/.%s/%s", "C:\\%s\\%s", "共有フォルダの%s/%s", "/var/log/%s/%s.log"]) % (R.choice(w), R.choice(w))
    if kind == "amount":
        return digits(R.choice([n(1, 20), n(10, 900)])) + R.choice(["個", "回", "冊", "枚", "件", "時間", "メガバイト", "人", "台", "点", "万円", "泊", "リットル", "文字"])
    if kind == "org":
        return R.choice(["株式会社" + R.choice(WORDS["ja"]["noun"]), R.choice(WORDS["ja"]["family"]) + R.choice(v["noun_c"]), R.choice(WORDS["ja"]["kata"]) + R.choice(["社", "工業", "電機", "財団", "協会"]), R.choice(WORDS["ja"]["town"]) + R.choice(["市", "商工会", "大学", "観光協会", "新聞社"])])
    raise KeyError(kind)


def value_en(kind):
    v = VALS["en"]
    n = R.randint
    if kind in v:
        return R.choice(v[kind])
    if kind == "usd":
        x = R.choice([n(1, 99), n(1, 99) * 10, n(1, 50) * 100, n(1, 900) * 1000])
        return R.choice(["$%s" % number(x), "$%d.%02d" % (n(1, 99), n(0, 99)), "%s dollars" % number(x), "€%s" % number(x), "%s euros" % number(x), "£%s" % number(x), "USD %s" % number(x), "%s yen" % number(x * 100)])
    if kind == "percent":
        return R.choice(["%d%%" % n(1, 99), "%d percent" % n(1, 99), "half", "a third", "%d.%d%%" % (n(1, 20), n(1, 9))])
    if kind == "time":
        h, m = n(6, 21), R.choice([0, 0, 15, 30, 45, 10])
        return R.choice(["%d:%02d" % (h, m), "%d:%02d %s" % ((h - 1) % 12 + 1, m, R.choice(["a.m.", "p.m.", "am", "pm"])), "%d o'clock" % ((h - 1) % 12 + 1), "half past %s" % R.choice("six seven eight nine ten".split()), "noon", "%d %s" % ((h - 1) % 12 + 1, "a.m." if h < 12 else "p.m.")])
    if kind == "span":
        a, b = n(6, 11), n(1, 10)
        return R.choice(["from %d a.m. to %d p.m." % (a, b), "%d:00-%d:30" % (a, b + 12), "%d:30 to %d:00" % (a, b + 12), "on weekdays from %d to %d" % (a, b), "between %d:00 and %d:00" % (a, b + 12)])
    if kind == "weekday":
        return R.choice([R.choice(DAYS), "%s and %s" % tuple(R.sample(DAYS, 2)), R.choice(DAYS) + "s", "public holidays", "the first %s of the month" % R.choice(DAYS)])
    if kind == "date":
        y, m, d = n(2019, 2031), R.choice(MONTHS), n(1, 28)
        return R.choice(["%d %s" % (d, m), "%s %d" % (m, d), "%s %d, %d" % (m, d, y), "%d %s %d" % (d, m, y), "%s, %d %s" % (R.choice(DAYS), d, m), "%d-%02d-%02d" % (y, n(1, 12), d), "the %dth of %s" % (n(4, 20), m), "the end of %s" % m, "%s %s" % (R.choice(["the first", "the last", "the second"]), R.choice(DAYS) + " in " + m)])
    if kind == "year":
        return R.choice([str(n(1901, 2025)), str(n(1901, 2025)), "%s %d" % (R.choice(MONTHS), n(1950, 2025))])
    if kind == "daysbefore":
        return R.choice(["%d days in advance" % n(2, 60), "%d weeks before" % n(2, 8), "at least %d days beforehand" % n(2, 30), "by noon on the day before", "a month ahead", "%d working days earlier" % n(2, 15)])
    if kind == "person":
        names = WORDS["en"]["noun"]
        last, first = R.choice(names).capitalize(), R.choice(["Ann", "Tom", "Mei", "Olu", "Ivan", "Sara", "Noah", "Rosa", "Kenji", "Lea", "Omar", "Ines", "Paul", "Yuki", "Dora", "Emil"])
        return R.choice([first + " " + last, R.choice(["Mr ", "Ms ", "Dr "]) + last, first + " " + last + " from " + R.choice(v["dept"]), first, "%s %s" % (R.choice("ABCDEFGHJKLMNPRST") + ".", last)])
    if kind == "phone":
        return R.choice(["0%d %d %d" % (n(10, 99), n(100, 999), n(1000, 9999)), "extension %d" % n(100, 9999), "555-%04d" % n(0, 9999), "+%d %d %d" % (n(1, 99), n(100, 999), n(100000, 999999)), "ext. %d" % n(10, 999)])
    if kind == "mail":
        return "%s@%s.example" % (R.choice(WORDS["en"]["noun"]), R.choice(WORDS["en"]["noun"]))
    if kind in ("people", "pieces", "cars"):
        u = {"people": ["people", "persons", "guests", "visitors", "participants"], "pieces": ["pieces", "units", "boxes", "sets", "copies"], "cars": ["parking spaces", "spaces", "car places"]}[kind]
        return R.choice([number(R.choice([n(2, 30), n(10, 400), n(100, 9000)])), R.choice("two three four five six seven eight nine ten twelve twenty fifty".split())]) + " " + R.choice(u)
    if kind == "items":
        k = R.choice([1, 1, 2, 2, 3])
        xs = R.sample(v["item"], k) if R.random() < 0.7 else ["a " + w for w in R.sample(WORDS["en"]["noun"], k)]
        return " and ".join(xs) if k < 3 else "%s, %s and %s" % tuple(xs)
    if kind == "duration":
        return R.choice(["%d minutes", "%d hours", "%d days", "%d weeks", "%d months", "%d years", "about %d minutes", "up to %d hours", "%d working days"]) % R.choice([n(2, 12), n(2, 90)])
    if kind == "weight":
        return R.choice(["%d.%d kg" % (n(0, 30), n(1, 9)), "%d grams" % n(20, 900), "%d pounds" % n(2, 90), "about %d kg" % n(2, 60)])
    if kind == "size":
        return R.choice(["%d x %d x %d cm" % (n(5, 99), n(5, 99), n(5, 99)), "%d mm" % n(5, 900), "%d inches" % n(5, 90), "%d square metres" % n(10, 900), "%d feet" % n(4, 90)])
    if kind == "temp":
        return R.choice(["%d degrees", "%d °C", "%d °F", "minus %d degrees", "%d to 30 °C"]) % n(2, 28)
    if kind == "watt":
        return R.choice(["%d watts" % n(5, 2000), "%d W" % n(5, 2000), "%d volts" % R.choice([12, 110, 230]), "%d AA batteries" % n(2, 8)])
    if kind == "version":
        return R.choice(["%d.%d" % (n(1, 30), n(0, 19)), "version %d" % n(2, 20), "v%d.%d.%d" % (n(0, 9), n(0, 20), n(0, 9)), "release %d" % n(2, 40), "the %d edition" % n(2018, 2028)])
    if kind == "path":
        w = WORDS["en"]["noun"]
        return R.choice(["/etc/%s/%s.conf", "%s/%s.txt", "~/.%s/%s", "C:\\%s\\%s", "the shared folder %s/%s", "/var/log/%s/%s.log"]) % (R.choice(w), R.choice(w))
    if kind == "amount":
        return number(R.choice([n(2, 20), n(10, 900)])) + " " + R.choice(["pieces", "times", "books", "sheets", "items", "hours", "megabytes", "people", "litres", "nights", "characters", "rows"])
    if kind == "org":
        return R.choice([R.choice(ORG_EN) + " " + R.choice(v["noun_c"]), R.choice(WORDS["en"]["noun"]).capitalize() + " " + R.choice(["Ltd", "Inc.", "Foundation", "University", "Council", "Labs", "and Sons"]), "the %s %s" % (R.choice(WORDS["en"]["noun"]).capitalize(), R.choice(["Society", "Association", "Group", "Team"]))])
    raise KeyError(kind)


def value(lang, kind):
    if "." in kind:
        return filled(lang, R.choice(VALS[lang][kind]))
    return value_ja(kind) if lang == "ja" else value_en(kind)


def entity(lang, kind):
    if "." in kind:
        e = filled(lang, R.choice(THINGS[lang][kind]))
        r = R.random()
        if r < 0.1:
            e = e + R.choice("ABCDEFG") if lang == "ja" else e + " " + R.choice("ABCDEFG")
        elif r < 0.2:
            e = R.choice(WORDS["ja"]["town"]) + e if lang == "ja" else e
        return e
    v, w = VALS[lang], WORDS[lang]
    base = R.choice(v["noun_" + kind])
    if lang == "ja":
        if kind == "m":
            return R.choice(w["family"]) + base
        if kind == "c":
            return R.choice([R.choice(w["family"]) + base, R.choice(w["town"]) + base, R.choice(v["head_f"]) + base])
        if kind == "f":
            return R.choice([R.choice(v["head_f"]) + base, R.choice(w["town"]) + base, base, R.choice(w["noun"]) + base])
        if kind == "p":
            return R.choice([base, "%s %s-%d" % (base, "".join(R.sample("ABCDEFGHKLMNPRSTVXZ", 2)), R.randint(1, 900)), R.choice(w["kata"]) + base, "「%s」" % R.choice(w["kata"])])
        if kind == "d":
            return R.choice([base, R.choice(w["noun"]) + "の" + base, "%d年度" % R.randint(2020, 2030) + base])
        return R.choice([base, base, R.choice(w["noun"]) + R.choice(["", "の"]) + base, R.choice(w["town"]) + R.choice(["", "の"]) + base, "第%d回" % R.randint(2, 40) + base if kind == "v" else base])
    if kind == "m":
        return "%s %s" % (base, R.choice(w["noun"]).capitalize())
    if kind == "c":
        return "%s %s" % (R.choice(v["head_f"] + ORG_EN + [x.capitalize() for x in R.sample(w["noun"], 9)]), base)
    if kind == "p":
        return "the " + R.choice([base, "%s %s-%d" % (base, "".join(R.sample("ABCDEFGHKLMNPRSTVXZ", 2)), R.randint(1, 900)), R.choice(w["noun"]) + " " + base, R.choice(w["adj"]) + " " + base])
    if kind == "r":
        return R.choice([base, R.choice(w["noun"]) + " " + base.replace("the ", "")])
    if kind == "f":
        return "the " + R.choice([R.choice(v["head_f"]) + " " + base, base, R.choice(w["noun"]) + " " + base])
    return "the " + R.choice([base, base, R.choice(w["noun"]) + " " + base, R.choice(v["head_f"]) + " " + base])


def sentence(lang, pattern, e, v, named):
    """One sentence; the thing is named or, where a pattern allows, left out."""
    if lang == "ja":
        if "{e}" in pattern:
            s = pattern.format(e=e, v=v)
        else:
            s = (R.choice([e + "の", e + "は、", e + "では、"]) if named else "") + pattern.format(v=v)
            s = re.sub("^(.*は、)([^は、]{1,6})は", r"\1\2は", s)
        return s + R.choice(["。", "。", "。", "。", "。"])
    it = R.choice(["it", "this", "it"])
    s = pattern.format(e=e if named else it, v=v) if "{e}" in pattern else pattern.format(v=v)
    if named and "{e}" not in pattern:
        s = R.choice(["For %s: %s", "%s: %s", "About %s: %s"]) % (e, s)
    return s[:1].upper() + s[1:] + "."


def plain(s, lang):
    """Now and then the plain form instead of the polite one."""
    for a, b in (("です。", "だ。"), ("ります。", "る。"), ("します。", "する。"), ("でした。", "だった。"), ("ました。", "た。")):
        s = s.replace(a, b) if b != "た。" else s
    return s


def answer(lang, v):
    v = v.rstrip("。")
    if lang == "en":
        return v + "."
    return v + ("。" if re.search("(ます|ません|です|ください|る|た|ない|い|[うくすつぬぶむぐ])$", v) and not v.endswith("ため") else "です。")


def question(lang, rel, e, alone):
    """alone: only this thing has the fact in the context, so that a question need not name it."""
    for _ in range(8):
        q = R.choice(rel["Q"])
        if "{e}" in q or alone:
            break
    else:
        q = rel["Q"][0]
    if "{e}" not in q and not alone:
        q = e + "について、" + q if lang == "ja" else R.choice(["About %s: %s", "For %s, %s", "%s: %s"]) % (e, q)
    return q.format(e=e)


def render(lang, e, facts, style):
    """The facts of one thing as text. facts: [(relation, value)]"""
    lines = []
    if style == "lines":
        sep = R.choice(["：", ": ", "　"]) if lang == "ja" else ": "
        lines = [R.choice(["", "", "・" if lang == "ja" else "- "]) + R.choice(r["L"]) + sep + v for r, v in facts]
        return R.choice(["%s\n", "■ %s\n", "【%s】\n", "# %s\n"]) % e + "\n".join(lines)
    if style == "row":
        name = R.choice(["名称", "品名", "区分", "項目", "種類"] if lang == "ja" else ["Name", "Item", "Type"])
        return ", ".join([name + ": " + e] + [r["L"][0] + ": " + v for r, v in facts])
    if style == "faq":
        for r, v in facts:
            q = question(lang, r, e, R.random() < 0.5)
            lines.append(("Q. %s\nA. %s" if R.random() < 0.7 else "問 %s\n答 %s" if lang == "ja" else "Question: %s\nAnswer: %s") % (q, sentence(lang, R.choice(r["S"]), e, v, False)))
        return "\n".join(lines)
    for i, (r, v) in enumerate(facts):
        lines.append(sentence(lang, R.choice(r["S"]), e, v, i == 0 or R.random() < 0.25))
    if lang == "ja" and R.random() < 0.2:
        lines = [plain(s, lang) for s in lines]
    if style == "list":
        return R.choice([e + "\n", e + "について\n" if lang == "ja" else "About " + e + "\n", "%d. %s\n" % (R.randint(1, 12), e)]) + "\n".join(("・" if lang == "ja" else "- ") + s for s in lines)
    if style == "articles":
        n = R.randint(1, 30)
        return "\n".join(("第%d条 %s" if lang == "ja" else "%d. %s") % (n + i, s) for i, s in enumerate(lines))
    join = "" if lang == "ja" else " "
    text = join.join(lines)
    return e + "\n" + text if R.random() < 0.3 else text


def numeric(v):
    m = re.search(r"\d[\d,]*(\.\d+)?", v)
    return float(m.group().replace(",", "")) if m else None


MORE = {"ja": {"fee": ["高い", "料金が高い", "費用がかかる"], "price": ["高い", "値段が高い"], "capacity": ["多く入れる", "定員が多い"], "weight": ["重い"], "period": ["長い", "時間がかかる"], "budget": ["予算が多い"], "staff": ["人数が多い"]},
        "en": {"fee": ["more expensive", "dearer"], "price": ["more expensive", "higher in price"], "capacity": ["bigger", "larger in capacity"], "weight": ["heavier"], "period": ["longer"], "budget": ["better funded"], "staff": ["larger"]}}
LESS = {"ja": {"fee": ["安い", "手ごろな"], "price": ["安い"], "capacity": ["定員が少ない"], "weight": ["軽い"], "period": ["短い"], "budget": ["予算が少ない"], "staff": ["人数が少ない"]},
        "en": {"fee": ["cheaper"], "price": ["cheaper"], "capacity": ["smaller"], "weight": ["lighter"], "period": ["shorter"], "budget": ["less well funded"], "staff": ["smaller"]}}


def compare(lang, rel, facts):
    """Which of two things has more: only where both values have one unit."""
    (e1, v1), (e2, v2) = facts
    n1, n2 = numeric(v1), numeric(v2)
    unit = lambda v: re.sub(r"[\d,.]+", "", v)
    if n1 is None or n2 is None or n1 == n2 or unit(v1) != unit(v2) or rel["name"] not in MORE[lang]:
        return None
    up = R.random() < 0.5
    word = R.choice((MORE if up else LESS)[lang][rel["name"]])
    win = e1 if (n1 > n2) == up else e2
    if lang == "ja":
        return R.choice(["%sと%sでは、どちらが%sですか", "%sと%s、%sのはどっち", "%sと%sのうち%sのはどちらですか"]) % (e1, e2, word), win + "です。"
    return R.choice(["Which is %s, %s or %s?", "What is %s: %s or %s?"]) % (word, e1, e2), win + "."


def yesno(lang, rel, e, v, alone):
    wrong = R.random() < 0.5
    said = v
    if wrong:
        for _ in range(5):
            said = value(lang, rel["value"])
            if said != v:
                break
        else:
            return None
    label = R.choice(rel["L"])
    if lang == "ja":
        q = ("" if alone else e + "の") + label + "は" + said + R.choice(["ですか", "で合っていますか", "でいいですか", "でしょうか"])
        return q, (("いいえ、" if wrong else "はい、") + answer(lang, v))
    q = R.choice(["Is the %s %s?", "Is it true that the %s is %s?", "The %s is %s, right?"]) % (label.lower() + ("" if alone else " of " + e), said)
    return q, ("No, " if wrong else "Yes, ") + answer(lang, v)


def which(lang, rel, facts):
    """Which thing has this value: where one alone has it."""
    if len(facts) < 2:
        return None
    e, v = R.choice(facts)
    if sum(x == v for _, x in facts) > 1 or any(v in x for n, x in facts if n != e):
        return None
    label, v = R.choice(rel["L"]), v.rstrip("。")
    if rel.get("W"):
        q = R.choice(rel["W"]).format(v=v)
    elif rel["value"] in CLAUSE:
        return None
    elif lang == "ja":
        q = R.choice(["%sが%sなのはどれですか", "%sが%sのものはどれ", "%sが%sとなっているのは何ですか"]) % (label, v)
    else:
        q = R.choice(["Which one has %s as its %s?" % (v, label.lower()), "For which one is the %s %s?" % (label.lower(), v)])
    return q, answer(lang, e)


GREETING = {"ja": ["各位\n\n", "お知らせ\n", "お世話になっております。", "皆さまへ\n", "件名：%sについて\n\n", "", "", "", ""], "en": ["Hello all,\n", "Notice\n", "Dear members,\n", "Subject: %s\n\n", "", "", "", ""]}
CLOSING = {"ja": ["以上、よろしくお願いします。", "ご協力をお願いいたします。", "\n以上", "", "", "", ""], "en": ["\nThank you.", "\nKind regards", "", "", ""]}


def document(lang, held=False):
    """held: only relations that training leaves out are asked."""
    kind = R.choice(list(THINGS[lang])) if THINGS[lang] and R.random() < 0.75 else R.choice(KINDS)
    rels = BY_KIND[lang].get(kind, [])
    out = lambda r: r.get("held") or r["name"] in HELD
    asked = [r for r in rels if out(r) == held]
    if len(asked) < 2:
        return None
    many = R.choice([1, 1, 2, 2, 3, 4])
    names = list(dict.fromkeys(entity(lang, kind) for _ in range(many)))
    style = R.choice(["prose", "prose", "prose", "list", "lines", "lines", "row", "faq", "articles"])
    if style == "row" and len(names) == 1:
        style = "lines"
    pool = R.sample(asked, min(len(asked), R.randint(2, 7))) + (R.sample(rels, min(2, len(rels))) if held else [])
    pool = list({r["name"]: r for r in pool}.values())
    R.shuffle(pool)
    told, texts = {}, []
    same = R.random() < 0.6  # all things have the same facts
    for e in names:
        mine = pool if same or len(names) == 1 else R.sample(pool, max(1, len(pool) - R.randint(0, 2)))
        facts = [(r, value(lang, r["value"])) for r in mine]
        told[e] = facts
        texts.append(render(lang, e, facts, style))
    sep = "\n" if style == "row" else R.choice(["\n\n", "\n"])
    passages = texts if R.random() < 0.3 else [sep.join(texts)]
    if style in ("prose", "list"):
        g = R.choice(GREETING[lang])
        passages[0] = (g % names[0] if "%s" in g else g) + passages[0] + R.choice(CLOSING[lang])
    qa, absent = [], []
    for e, facts in told.items():
        for r, v in facts:
            if out(r) != held:
                continue
            alone = sum(any(x["name"] == r["name"] for x, _ in f) for f in told.values()) == 1
            kinds_clash = sum(1 for x, _ in facts if x["value"] == r["value"]) > 1
            naming = alone and not (kinds_clash and R.random() < 0.7)
            if R.random() < 0.12 and r["value"] not in CLAUSE:
                yn = yesno(lang, r, e, v, naming)
                if yn:
                    qa.append(yn)
                    continue
            qa.append((question(lang, r, e, naming), answer(lang, v)))
        missing = [r for r in asked if r["name"] not in [x["name"] for x, _ in facts]]
        values = set(x["value"] for x, _ in facts)
        missing.sort(key=lambda r: (r["value"] not in values) + R.random())
        for r in missing[: R.choice([0, 1, 1, 2])]:
            # "near" pairs that mean nearly the same are no safe refusals
            if r["value"] in values and r["value"] in ("date", "place", "person", "org", "items", "percent", "usd", "yen", "decision", "method", "group", "dept", "duration", "people", "amount") and R.random() < 0.5:
                continue
            absent.append(question(lang, r, e, False))
    if len(names) > 1:
        for r in pool:
            if out(r) == held and R.random() < 0.35:
                w = which(lang, r, [(e, v) for e, f in told.items() for x, v in f if x["name"] == r["name"]])
                if w:
                    qa.append(w)
    if R.random() < 0.5 and len(names) > 1:
        e = next((x for x in (entity(lang, kind) for _ in range(4)) if x not in names and not any(x in n or n in x for n in names)), None)
        if e:
            absent.append(question(lang, R.choice(pool), e, False))
    if len(names) >= 2 and not held:
        for r in pool:
            pair = [(e, v) for e, f in told.items() for x, v in f if x["name"] == r["name"]]
            if len(pair) >= 2:
                c = compare(lang, r, R.sample(pair, 2))
                if c:
                    qa.append(c)
        if style == "row" and R.random() < 0.3:
            qa.append((R.choice(["全部でいくつ載っていますか", "何件ありますか"]) if lang == "ja" else R.choice(["How many are listed?", "How many entries are there?"]), ("%dです。" if lang == "ja" else "%d.") % len(names)))
    return passages, qa, absent


def check(path):
    """What a writer of a domain wants to know: mistakes, counts, some documents."""
    lang, name = os.path.basename(os.path.dirname(path)), os.path.basename(path)[:-4]
    rels = [r for r in RELS[lang] if r["name"].startswith(name + ".")]
    bad = []
    for r in rels:
        for k in "SQL":
            if not r.get(k):
                bad.append("%s has no %s" % (r["name"], k))
        bad += ["%s: no {v} in %s" % (r["name"], x) for x in r.get("S", []) + r.get("W", []) if "{v}" not in x]
        bad += ["%s: {v} in the question %s" % (r["name"], x) for x in r.get("Q", []) if "{v}" in x]
        bad += ["%s: ends with a mark: %s" % (r["name"], x) for x in r.get("S", []) if x[-1] in ".。"]
        bad += ["%s: things %s are not there" % (r["name"], k) for k in r["kinds"] if k not in THINGS[lang]]
        bad += ["%s: short" % r["name"]] * (len(r.get("S", [])) < 3 or len(r.get("Q", [])) < 4)
        try:
            value(lang, r["value"])
        except (KeyError, ValueError, TypeError) as e:
            bad.append("%s: value %s: %r" % (r["name"], r["value"], e))
    bad += ["%s: few relations" % k for k in THINGS[lang] if k.startswith(name + ".") and len(BY_KIND[lang].get(k, [])) < 3]
    print(len(rels), "relations", sum(len(r.get("S", [])) for r in rels), "sentences", sum(len(r.get("Q", [])) for r in rels), "questions", sum(len(v) for k, v in THINGS[lang].items() if k.startswith(name + ".")), "things")
    print(*bad, sep="\n")
    if not bad:
        for _ in range(3):
            for r in rels:
                r["held"] = False
            kinds = dict(THINGS[lang])
            THINGS[lang].clear()
            THINGS[lang].update({k: v for k, v in kinds.items() if k.startswith(name + ".")})
            show(lang)
            THINGS[lang].update(kinds)


def show(lang):
    d = document(lang)
    if d:
        print("=====", *d[0], sep="\n--\n")
        for q, a in d[1]:
            print("Q", q, "=>", a)
        print("ABSENT", d[2])


if __name__ == "__main__":
    load_words(sys.argv[1])
    if len(sys.argv) > 2:
        check(sys.argv[2])
    else:
        for i in range(6):
            show("ja" if i % 2 else "en")
