"""Small changes of a question: end marks, polite and plain forms, synonyms, slips of typing."""
import bz2, json, os, random as R, re

HERE = os.path.dirname(os.path.abspath(__file__))
LIST = os.path.join(HERE, "../../../index/gloss/words.txt.bz2")  # words that mean the same in both languages, which the search of documents uses, too
JA = [("方法", ["手順", "やり方"]), ("どうすればよいですか", ["どうしたらいいですか", "どうすればいい", "何をすればいいですか", "どうやるの"]), ("を教えてください", ["は", "を教えて", "を知りたい", "は何ですか", "について知りたいです"]),
      ("何ですか", ["何でしょうか", "何", "なに", "何になりますか"]), ("ですか", ["でしょうか", "なの", "か"]), ("ますか", ["ますでしょうか", "るのですか", "ますか"]), ("いつ", ["何日に", "いつ"]), ("いくら", ["何円", "いくら", "どれくらいのお金"]),
      ("どこ", ["どちら", "どの場所"]), ("誰", ["どなた", "だれ"]), ("どのくらい", ["どれくらい", "どの程度"]), ("場合", ["とき", "際"]), ("なぜ", ["どうして", "なんで"]), ("どうなりますか", ["どうなるの", "何が起こりますか", "何が起きますか"])]
EN = [("How do I", ["How can I", "How to", "How do you", "What do I have to do to"]), ("What is the", ["What's the", "Tell me the", "which is the"]), ("What is", ["What's"]), ("How much", ["What amount"]), ("Who ", ["Which person "]),
      ("When ", ["On what date ", "At what time "]), ("Where ", ["In which place "]), ("What happens", ["What will happen", "What is the result"]), ("Why ", ["For what reason ", "How come ", "why "]), ("need", ["have to have", "require"])]
SYN = {"ja": {}, "en": {}}
HOMOPHONES = {}  # of words.json
CONCEPTS = {True: {}, False: {}}  # of LIST: a form of Japanese (True) or English -> its lines, (Japanese forms, English forms) each
LONGEST = {True: 14, False: 4}  # characters, words
_KANA = "かが きぎ くぐ けげ こご さざ しじ すず せぜ そぞ ただ ちぢ つづっ てで とど はばぱ ひびぴ ふぶぷ へべぺ ほぼぽ やゃ ゆゅ よょ おを".split()
VOICED = {c: [x for x in g if x != c] for g in _KANA + ["".join(chr(ord(c) + 0x60) for c in g) for g in _KANA] for c in g}
BESIDE = {c: row[max(0, i - 1) : i] + row[i + 1 : i + 2] for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm") for i, c in enumerate(row)}


PLAIN = set(
    "a an the is are was were be been being do does did done have has had can could may might must shall should will would i me my we us our you your he she it its they them their there here this that these those "
    "what which who whom whose when where why how if of in on at to for from by with without and or but not no any all some so then than too also else other another one ones thing things case happens happen mean "
    "means need needs get gets got give gives use used want wants make makes made go goes take takes tell say says called kind sort way ways many much long often still ever just only about into out up down both same "
    "first last again instead really actually exactly please know work works".split()
)


def vague(q):
    """Whether a question says so little of what it is about that nobody could answer it without its passage: "Why is that risky?" """
    if re.search("[\u3040-\u30ff\u4e00-\u9fff]", q):
        return bool(re.match("(それ|これ|その|この|そこ|ここ|あれ|彼)", q)) and len(re.findall("[\u4e00-\u9fff]{2,}|[\u30a0-\u30ff]{3,}|[A-Za-z_]{3,}", q)) < 2
    return len([w for w in re.findall("[a-z0-9_][a-z0-9_./-]*", q.lower()) if w not in PLAIN]) < 2


def load(words):
    lists = json.load(open(words))
    SYN["en"] = {k: v for k, v in lists["synonyms"].items() if len(k) > 3}
    for g in lists.get("homophones", ()):
        HOMOPHONES.update((w, [x for x in g if x != w]) for w in g)
    load_concepts(bz2.open(LIST, "rt", encoding="utf-8"))
    path = os.path.join(HERE, "written", "synonyms_ja.txt")
    if os.path.exists(path):
        for line in open(path):
            ws = [w.strip() for w in line.strip().split("=") if w.strip()]
            for w in ws:
                if len(w) > 1 and len(set(ws)) > 1:
                    SYN["ja"].setdefault(w, []).extend(x for x in set(ws) if x != w)


def load_concepts(lines):
    """Lines "賞与 = ボーナス || bonus = extra pay": forms that mean the same, so that a question may say one for another."""
    for line in lines:
        both = [[w.strip() for w in side.split(" = ") if w.strip()] for side in line.strip().split("||")]
        if len(both) == 2:
            for ja in (True, False):
                for w in both[not ja]:
                    if len(w) > (1 if ja else 2) and not re.fullmatch("[\u3041-\u3093]{2}", w) and not all(x in PLAIN for x in w.lower().split()):
                        CONCEPTS[ja].setdefault(w if ja else w.lower(), []).append(both)


def _joined(a, b, ends):
    """Whether two neighbours in a Japanese text may be of one word, so that a form does not end between them: kanji at kanji, katakana at katakana;
    behind hiragana (ends) a form of a verb goes on with ます or たい, a noun with a particle."""
    kind = lambda c: 1 if "\u4e00" <= c <= "\u9fff" else 2 if "\u30a1" <= c <= "\u30fc" else 3 if "\u3041" <= c <= "\u3093" else 0
    if kind(a) == 3:
        return ends and not re.match("ま[すせし]|た[いく]|方|な[いが]|[はがをのにでもとかや、?？。]", b + "。")
    return kind(a) == kind(b[:1] or " ") and kind(a) > 0


def _within(q, a, b):
    """Whether a form in a Japanese question, from a to b, is a part of a longer word."""
    return a > 0 and b - a < 3 and _joined(q[a - 1], q[a], False) or _joined(q[b - 1], q[b:], True) and (b - a < 3 or "\u3041" <= q[b - 1] <= "\u3093")


def concepts(q, ja):
    """The forms in a question that stand in lines of concepts, the longest first -> [(begin, end, lines)], from its beginning to its end"""
    at = [(i, i + 1) for i in range(len(q))] if ja else [m.span() for m in re.finditer(r"[A-Za-z][A-Za-z'-]*", q)]
    out, i = [], 0
    while i < len(at):
        for n in range(min(LONGEST[ja], len(at) - i), 0, -1):
            a, b = at[i][0], at[i + n - 1][1]
            lines = CONCEPTS[ja].get(q[a:b] if ja else q[a:b].lower())
            if lines and not (ja and _within(q, a, b)):
                out.append((a, b, lines))
                i += n - 1
                break
        i += 1
    return out


def reworded(q, ja, share, other):
    """A question with each form of a concept said another way with probability share, in the other language where other."""
    for a, b, lines in reversed(concepts(q, ja)):
        if R.random() < share:
            w = R.choice(R.choice(lines)[ja == other])
            q = q[:a] + (w[:1].upper() + w[1:] if a == 0 and not ja else w) + q[b:]
    return q


def synonym(q, ja):
    if ja:
        found = [w for w in SYN["ja"] if w in q and re.search("[一-鿿ァ-ヺ]", w)]
        if found:
            w = max(found, key=len) if R.random() < 0.6 else R.choice(found)
            q = q.replace(w, R.choice(SYN["ja"][w]), 1)
        return q
    found = [m for m in re.finditer(r"\b[a-z]{4,}\b", q) if m.group() in SYN["en"]]
    if found:
        m = R.choice(found)
        q = q[: m.start()] + R.choice(SYN["en"][m.group()]).replace("_", " ") + q[m.end():]
    return q


def slip(q, ja):
    """One mistake of typing: in Japanese half of the time another word of the same sound, else kana that are dropped, swapped, doubled or said otherwise; in
    English letters that are dropped, swapped, doubled, or those beside them on the keyboard. Digits and codes stay: what they mean is another thing then."""
    if ja and R.random() < 0.5:
        found = [w for n in (4, 3, 2) for w in (q[i : i + n] for i in range(len(q) - n + 1)) if w in HOMOPHONES]
        if found:
            w = R.choice(found)
            return q.replace(w, R.choice(HOMOPHONES[w]), 1)
    at = [m.start() for m in re.finditer("[\u3041-\u3093\u30a1-\u30fc]" if ja else "(?<=[A-Za-z])[a-z]", q)]
    if not at:
        return q
    i, r = R.choice(at), R.random()
    if r < 0.35:
        return q[:i] + q[i + 1 :]
    if r < 0.6 and i + 1 in at:
        return q[:i] + q[i + 1] + q[i] + q[i + 2 :]
    if r < 0.75:
        return q[:i] + q[i] + q[i:]
    near = VOICED.get(q[i]) if ja else BESIDE.get(q[i])
    return q[:i] + R.choice(near) + q[i + 1 :] if near else q[:i] + q[i + 1 :]


def vary(q, ja, rule=False):
    """rule: the question came from a rule or a pattern, and may be changed more."""
    if R.random() < (0.3 if rule else 0.12):
        q = synonym(q, ja)
    if R.random() < (0.35 if rule else 0.12):
        for a, bs in R.sample(JA if ja else EN, 7):
            if a in q and not (a == "ますか" and not q.rstrip("?？。").endswith("しますか")):
                b = R.choice(bs)
                q = re.sub("しますか", "するのですか", q, count=1) if b == "るのですか" else q.replace(a, b, 1)
                break
    if R.random() < 0.03 and len(q) > 10:
        q = slip(q, ja)
    r = R.random()
    if ja:
        if r < 0.7:
            q = q.rstrip("?？。") + R.choice(["?", "？", "", "。", "?", ""])
    elif r < 0.12:
        q = q.rstrip("?.")
    if not ja and R.random() < 0.12:
        q = q[:1].lower() + q[1:]
    return q
