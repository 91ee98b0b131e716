"""Small changes of a question: end marks, polite and plain forms, synonyms, slips of typing."""
import json, os, random as R, re

HERE = os.path.dirname(os.path.abspath(__file__))
JA = [("方法", ["手順", "やり方"]), ("どうすればよいですか", ["どうしたらいいですか", "どうすればいい", "何をすればいいですか", "どうやるの"]), ("を教えてください", ["は", "を教えて", "を知りたい", "は何ですか", "について知りたいです"]),
      ("何ですか", ["何でしょうか", "何", "なに", "何になりますか"]), ("ですか", ["でしょうか", "なの", "か"]), ("ますか", ["ますでしょうか", "るのですか", "ますか"]), ("いつ", ["何日に", "いつ"]), ("いくら", ["何円", "いくら", "どれくらいのお金"]),
      ("どこ", ["どちら", "どの場所"]), ("誰", ["どなた", "だれ"]), ("どのくらい", ["どれくらい", "どの程度"]), ("場合", ["とき", "際"]), ("なぜ", ["どうして", "なんで"]), ("どうなりますか", ["どうなるの", "何が起こりますか", "何が起きますか"])]
EN = [("How do I", ["How can I", "How to", "How do you", "What do I have to do to"]), ("What is the", ["What's the", "Tell me the", "which is the"]), ("What is", ["What's"]), ("How much", ["What amount"]), ("Who ", ["Which person "]),
      ("When ", ["On what date ", "At what time "]), ("Where ", ["In which place "]), ("What happens", ["What will happen", "What is the result"]), ("Why ", ["For what reason ", "How come ", "why "]), ("need", ["have to have", "require"])]
SYN = {"ja": {}, "en": {}}


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
    SYN["en"] = {k: v for k, v in json.load(open(words))["synonyms"].items() if len(k) > 3}
    path = os.path.join(HERE, "written", "synonyms_ja.txt")
    if os.path.exists(path):
        for line in open(path):
            ws = [w.strip() for w in line.strip().split("=") if w.strip()]
            for w in ws:
                if len(w) > 1 and len(set(ws)) > 1:
                    SYN["ja"].setdefault(w, []).extend(x for x in set(ws) if x != w)


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


def slip(q):
    i = R.randrange(len(q))
    r = R.random()
    if r < 0.4:
        return q[:i] + q[i + 1:]
    if r < 0.7 and i + 1 < len(q):
        return q[:i] + q[i + 1] + q[i] + q[i + 2:]
    return q[:i] + q[i] + q[i:]


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
        q = slip(q)
    r = R.random()
    if ja:
        if r < 0.7:
            q = q.rstrip("?？。") + R.choice(["?", "？", "", "。", "?", ""])
    elif r < 0.12:
        q = q.rstrip("?.")
    if not ja and R.random() < 0.12:
        q = q[:1].lower() + q[1:]
    return q
