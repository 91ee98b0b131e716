"""Stage 5, part 1: training rows, made as they are needed.

A row is a tree: one prompt with its passages, then up to 16 (question, answer) branches that see the prompt but not each other. The
prompt is the product's own (resources/prompts), its passages are cut and joined as the product does it. Rows are packed into T tokens.
"""
import glob, json, lzma, os, random as R, re
import numpy as np
import sentencepiece as spm
import evidence, invent, wording
from held import PLAIN, heldout, rows as held_rows
from renaming import Renamer

PROMPT = {"ja": ("ユーザー:以下の情報を参照し、質問に回答してください。\n\n-----------\n", "\n-----------\n\n", "質問→%s\nシステム:"),
          "en": ("User: Answer the question using the information below.\n\n-----------\n", "\n-----------\n\n", "Question: %s\nSystem:")}
REFUSAL = {"ja": "資料には記載がありません。", "en": " The documents do not say."}
EOS, PAD = 2, 3
T, MAXPOS = 2048, 1280
WHOLE = "\x01"  # before an answer that is a clause as it stands
NARROW = 0.7  # share of prompts with one to three sentences, as the evidence model leaves them
SHARES = 0.18, 0.25  # of trees: written, real; the others are invented
# How often a rule's questions are used.
RULE = {"label": 0.15, "row": 0.3, "yes": 0.25, "modal": 0.35, "if": 0.5, "subj": 0.7}


def is_ja(text):
    return bool(re.search("[\u3040-\u30ff\u4e00-\u9fff]", text))


def core(a):
    return re.sub("^(はい|いいえ|Yes|No)[、, ]+", "", a).strip().rstrip("。.")


def say(a, lang):
    """An answer as the model is to write it."""
    whole = a.startswith(WHOLE)
    a = a.removeprefix(WHOLE).strip()
    if lang == "en":
        return " " + a + ("" if a[-1:] in ".!?。" else ".")
    a = a.rstrip("。")
    if whole and re.search("[\u3041-\u3096]$", a):
        return a + "。"
    if a in ("はい", "いいえ"):
        return a + "。"
    return a + ("。" if re.search("(ます|ません|です|ください|る|た|[うくすつむぶぐ]|ない|い|こと)$", a) and not re.search("(ため|まで|から|くらい|ぐらい|以内|とおり|あいだ|うち|ほう)$", a) else "です。")


def echo(text, a):
    """The answer as a short text's own clause where that is short, marked with WHOLE; else a itself."""
    c = core(a)
    yes = evidence.YES_NO.match(a.strip())
    if not c or c in ("はい", "いいえ", "Yes", "No"):
        return a
    for s in evidence.sentences(text):
        if evidence.flat(c) in evidence.flat(s):
            found = [w for w, _, _ in evidence.windows(s) if evidence.flat(c) in evidence.flat(w)] + [s]
            w = re.sub(r"^[-・•*■]\s*", "", min(found, key=len).strip().rstrip("、，,;；:："))
            if len(w) <= (45 if is_ja(w) else 70):
                return (WHOLE + yes.group(1) + ("、" if is_ja(a) else ", ") + w) if yes else WHOLE + w
    return a


def sentences(text):
    return [s for s in re.findall(r"[^。\n]*?(?:。|\n|[.!?](?=\s)|$)\s*", text) if s]


class Data:
    def __init__(self, folder, written, share=1.0):
        self.sp = spm.SentencePieceProcessor(folder + "/spiece.model")
        invent.load_words(folder + "/words.json")
        wording.load(folder + "/words.json")
        self.real = {"ja": [], "en": []}
        self.dev_real = {"ja": [], "en": []}
        for line in lzma.open(folder + "/real.jsonl.xz", "rt"):
            p = json.loads(line)
            (self.dev_real if heldout(p["doc"], 40) else self.real)[p["lang"]].append(p)
        if share < 1:
            self.real = {l: v[: int(len(v) * share)] for l, v in self.real.items()}
        self.meaning = self.near = None
        if os.path.exists(folder + "/meaning.npz"):
            import torch

            z = np.load(folder + "/meaning.npz")
            self.meaning = torch.tensor(z["vectors"].astype(np.float32) / 508)
            self.near = [[int(j) for j in r if j >= 0] for r in z["near"]]
        self.written, self.dev = {"ja": [], "en": []}, {"ja": [], "en": []}
        self.load_written(written)

    def load_written(self, folder):
        texts = {p["id"]: p["text"] for of in (self.real, self.dev_real) for ps in of.values() for p in ps}
        for path in sorted(glob.glob(folder + "/**/*.jsonl*", recursive=True)):
            if os.path.basename(path) == PLAIN:
                continue
            for r in held_rows(path, texts):
                r["text"] = r["passage"]
                r["qa"] = [x for x in r["qa"] if x.get("q") and x.get("a") and (core(x["a"]).lower() in r["text"].lower() or x.get("e") or evidence.polarity(x["a"]) is not None or x.get("kind") in ("count", "compare", "howmany"))]
                lang = "ja" if is_ja(r["text"]) and r.get("lang") != "en" else r.get("lang", "en")
                (self.dev if heldout(r["title"] + r.get("source", ""), 10) else self.written)[lang].append(r)

    def index(self, pool=None):
        """Tokens of all passages, the renamer, the fixed parts."""
        enc = self.sp.encode
        for l in ("ja", "en"):
            texts = [p["text"] for p in self.real[l]]
            toks = enc(texts)
            for p, t in zip(self.real[l], toks):
                p["tok"] = t
        self.pre = {l: [enc(x) for x in p[:2]] for l, p in PROMPT.items()}
        self.nl, self.nn = enc("\n"), enc("\n\n")
        fixed = set(t for p in PROMPT.values() for x in p for t in enc(x.replace("%s", ""))) | set(t for r in REFUSAL.values() for t in enc(r))
        protected = set()
        for l in ("ja", "en"):
            for r in invent.RELS[l]:
                if "." in r["name"]:  # a domain's: together they have nearly all words
                    continue
                for k in "SQL":
                    for x in r[k]:
                        protected |= set(enc(" " * (l == "en") + re.sub(r"\{[ev]\}", "", x).strip()))
            for x in wording.SYN[l] if l == "ja" else ():
                protected |= set(enc(x))
        self.rename = Renamer(self.sp, fixed, protected)
        self.refuse = {l: enc(r) + [EOS] for l, r in REFUSAL.items()}
        self.asked = {l: [i for i, p in enumerate(self.real[l]) if p["qa"]] for l in ("ja", "en")}

    def tree(self, lang, context, qas, w_context, rule):
        """context: token list. qas: [(question, answer or None)], all in the prompt's language."""
        pre, post = self.pre[lang]
        body = pre + context + post
        n0 = len(body)
        branches = []
        for q, a in qas[:16]:
            qt = self.sp.encode(PROMPT[lang][2] % wording.vary(q, lang == "ja", rule))
            at = self.sp.encode(say(a, lang)) + [EOS] if a else self.refuse[lang]
            if n0 + len(qt) + len(at) <= MAXPOS:
                branches.append((qt, at, bool(a)))
        if not branches:
            return None
        m = self.rename.plan(context, [q + a for q, a, ok in branches if ok], [q for q, a, ok in branches if not ok])
        get = m.get
        soft, seen = R.choice([0, 0, 0.25, 0.5]) if self.near else 0, set(context)
        tok, br, pos, w = [get(t, t) for t in body], [0] * n0, list(range(n0)), [w_context] * (n0 - 1) + [0.0]
        for b, (qt, at, ok) in enumerate(branches, 1):
            n = len(qt) + len(at)
            if len(tok) + n > T:
                break
            said = {}
            if soft:  # a near word instead of the passage's own
                for t in set(qt):
                    if t in seen and t in self.rename.kind and self.near[get(t, t)] and R.random() < soft:
                        said[t] = R.choice(self.near[get(t, t)])
            tok += [said.get(t) or get(t, t) for t in qt] + [get(t, t) for t in at]
            br += [b] * n
            pos += range(n0, n0 + n)
            w += [w_context * 0.3] * (len(qt) - 1) + [4.0 if ok else 2.0] * len(at) + [0.0]
        return tok, br, pos, w

    def join(self, parts):
        sep = self.nn if R.random() < 0.8 else self.nl
        out = []
        for i, t in enumerate(parts):
            out += (sep if i else []) + t
        return out

    def window(self, text, qa):
        """A stretch of a passage as the splitter cuts it -> text, answered, lost"""
        ss = sentences(text)
        if len(ss) < 3 or R.random() < 0.5:
            return text.strip(), qa, []
        if R.random() < 0.3 and qa:  # one sentence alone, as the product's first try shows it
            c = core(R.choice(qa)[1])
            hold = [s for s in ss if c and c in s]
            got = hold[0] if hold else R.choice(ss)
        else:
            i, size = R.randrange(len(ss)), R.choice([150, 220, 300, 450])
            j = i
            while j < len(ss) and len("".join(ss[i:j])) < size:
                j += 1
            while i > 0 and len("".join(ss[i:j])) < size:
                i -= 1
            got = "".join(ss[i:j])
        here = [x for x in qa if core(x[1]) in got]
        lost = [x for x in qa if core(x[1]) not in got and len(core(x[1])) > 1]
        return got.strip(), here, lost

    def narrow(self, text, qa):
        """What the product shows a small model: the sentence that the evidence model chose, seldom with its neighbours -> text, answered, lost"""
        ss = sentences(text)
        if not ss:
            return text.strip(), qa, []
        c = core(R.choice(qa)[1]) if qa else ""
        hold = [i for i, s in enumerate(ss) if c and c in s]
        i = R.choice(hold) if hold else R.randrange(len(ss))
        n = R.choice([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3])
        a = max(0, i - R.randrange(max(1, n)))
        got = "".join(ss[a : a + n])
        if not n:  # a clause
            ws = [w for w, _, _ in evidence.windows(ss[i].strip())]
            got = R.choice([w for w in ws if c and c in w] or ws or [ss[i]])
        here = [(q, echo(got, x)) for q, x in qa if core(x) and core(x) in got]
        lost = [x for x in qa if core(x[1]) not in got and len(core(x[1])) > 1]
        return got.strip(), here, lost

    def headed(self, p, text):
        h = p.get("heading") or ""
        r = R.random()
        if h and r < 0.35:
            return R.choice(["%s\n%s", "■ %s\n%s", "# %s\n%s"]) % (h, text)
        if r < 0.5 and p.get("title"):
            return p["title"] + "\n" + (h + "\n" if h and h != p["title"] else "") + text
        return text

    def written_tree(self, lang, w_context):
        p = R.choice(self.written[lang])
        cross = [x for x in p["qa"] if is_ja(x["q"]) != (lang == "ja")]
        plang = lang
        qa = [x for x in p["qa"] if is_ja(x["q"]) == (lang == "ja")]
        if cross and R.random() < 0.2:
            plang, qa = ("en" if lang == "ja" else "ja"), cross
        pairs = [(x["q"], x["a"]) for x in qa]
        few = R.random() < NARROW
        text, here, lost = (self.narrow if few else self.window)(p["text"], pairs)
        same = plang == lang
        absent = [(q, None) for q in p.get("absent", []) if is_ja(q) == (plang == "ja")]
        absent += [(q, None) for q, _ in lost if R.random() < 0.4]
        other = R.choice(self.written[lang])
        parts = [self.sp.encode(self.headed(p, text))]
        others = []
        for _ in range(0 if few else R.choice([0, 0, 1, 2, 2, 2, 3])):
            r = R.random()
            if r < 0.5:
                o = R.choice(self.written[lang])
                others.append((o, self.sp.encode(self.headed(o, self.window(o["text"], [])[0]))))
            elif r < 0.8:
                others.append((None, R.choice(self.real[lang])["tok"][: R.choice([120, 250, 400])]))
            else:
                d = invent.document(lang)
                if d:
                    others.append((None, self.sp.encode(d[0][0])))
        for o, t in others:
            if o is not p and sum(map(len, parts)) + len(t) < 950:
                parts.append(t)
        if same and not any(o is other for o, _ in others) and other is not p:
            absent += [(x["q"], None) for x in R.sample(other["qa"], min(2, len(other["qa"]))) if is_ja(x["q"]) == (lang == "ja")]
        R.shuffle(parts)
        R.shuffle(absent)
        qas = here + absent[: max(R.random() < 0.5 if few else 1, round(len(here) * R.choice([0.1, 0.25, 0.4])))]
        R.shuffle(qas)
        return self.tree(plang, self.join(parts), qas, w_context, False)

    def real_tree(self, lang, w_context):
        pool, at = self.real[lang], self.asked[lang]
        i = R.choice(at)
        p = pool[i]
        qa = [(q, a) for q, a, k in p["qa"] if R.random() < RULE.get(k, 1)] or [tuple(p["qa"][0][:2])]
        few = R.random() < NARROW
        text, here, lost = (self.narrow if few else self.window)(p["text"], qa)
        near = [j for j in (i - 2, i - 1, i + 1, i + 2) if 0 <= j < len(pool) and pool[j]["doc"] == p["doc"]]
        parts, ids = [self.sp.encode(self.headed(p, text))], {i}
        for _ in range(0 if few else R.choice([0, 0, 1, 2, 2, 3])):
            j = R.choice(near) if near and R.random() < 0.5 else R.choice(at)
            t = pool[j]["tok"]
            if j not in ids and sum(map(len, parts)) + len(t) < 950:
                ids.add(j)
                parts.append(t[: R.choice([150, 300, 600])])
        absent = []
        for j in near + [R.choice(at)]:
            if j not in ids and pool[j]["qa"]:
                q, a, k = R.choice(pool[j]["qa"])
                if core(a)[:24] not in p["text"] and k not in ("label", "row"):
                    absent.append((q, None))
        absent += [(q, None) for q, _ in lost if R.random() < 0.4]
        R.shuffle(absent)
        R.shuffle(parts)
        R.shuffle(here)
        qas = here[:8] + absent[: round(len(here[:8]) * R.choice([0.1, 0.25, 0.5]) + R.random())]
        R.shuffle(qas)
        return self.tree(lang, self.join(parts), qas, w_context, True) if qas else None

    def invented_tree(self, lang, w_context):
        d = invent.document(lang)
        if not d or not d[1]:
            return None
        passages, qa, absent = d
        few = R.random() < NARROW
        if few:
            text, qa, lost = self.narrow(R.choice(passages), qa)
            passages, absent = [text], absent[:2] + [q for q, _ in R.sample(lost, min(1, len(lost)))]
        parts = [self.sp.encode(x) for x in passages]
        for _ in range(0 if few else R.choice([0, 0, 1, 1, 2])):
            r = R.random()
            if r < 0.4:
                t = R.choice(self.real[lang])["tok"][: R.choice([120, 250])]
            elif r < 0.6 and self.written[lang]:
                t = self.sp.encode(R.choice(self.written[lang])["text"])
            else:
                e = invent.document(lang)
                t = self.sp.encode(e[0][0]) if e else []
            if t and sum(map(len, parts)) + len(t) < 950:
                parts.append(t)
        if sum(map(len, parts)) > 1000:
            return None
        R.shuffle(parts)
        qas = R.sample(qa, min(len(qa), 11)) + [(q, None) for q in absent[: (R.random() < 0.5) if few else 4]]
        R.shuffle(qas)
        return self.tree(lang, self.join(parts), qas, w_context, True) if qas else None

    def plain(self, n, ja_share):
        """Running text for the language itself."""
        lang = "ja" if R.random() < ja_share else "en"
        out = []
        while len(out) < n:
            r = R.random()
            if r < 0.75:
                pool = self.real[lang]
                i = R.randrange(len(pool))
                for p in pool[i : i + 4]:
                    if p["doc"] == pool[i]["doc"]:
                        out += self.sp.encode(p["heading"]) + self.nl + p["tok"] + self.nl
            elif r < 0.9 and self.written[lang]:
                p = R.choice(self.written[lang])
                out += self.sp.encode(p["title"] + "\n" + p["text"]) + self.nl
            else:
                d = invent.document(lang)
                out += self.sp.encode(d[0][0]) + self.nl if d else []
            out.append(EOS)
        return out[:n]

    def one(self, done):
        """One row at the share done (0 to 1) of training -> tokens, branches, positions, weights"""
        lm, w_lm, w_context = (0.5, 1.0, 0.2) if done < 0.15 else (0.3, 0.8, 0.1) if done < 0.65 else (0.1, 0.5, 0.03)
        lang = "ja" if R.random() < 0.55 else "en"
        if R.random() < lm * 0.5:  # a chunk of text is longer than a tree
            t = self.plain(R.choice([500, 1000]), 0.5)
            return t, [0] * len(t), list(range(len(t))), [w_lm] * (len(t) - 1) + [0.0]
        r = R.random()
        if r < SHARES[0] and self.written[lang]:
            return self.written_tree(lang, w_context)
        if r < SHARES[0] + SHARES[1]:
            return self.real_tree(lang, w_context)
        return self.invented_tree(lang, w_context)

    def packed(self, done, waiting):
        """T tokens: rows that fit together. waiting: rows left over from the last call."""
        tok, doc, pos, w, n = [], [], [], [], 0
        tries = 0
        while tries < 12:
            row = waiting.pop() if waiting and tries == 0 else self.one(done)
            if row is None:
                continue
            if len(tok) + len(row[0]) > T:
                if len(waiting) < 30:
                    waiting.insert(0, row)
                tries += 1
                if len(tok) > T - 100:
                    break
                continue
            tok += row[0]
            doc += [n * 64 + b for b in row[1]]
            pos += row[2]
            w += row[3]
            n += 1
        pad = T - len(tok)
        x = np.full(T, PAD, np.int32)
        x[: len(tok)] = tok
        y = np.full(T, PAD, np.int32)
        y[: len(tok) - 1] = tok[1:]
        return x, y, np.array(doc + [n * 64 + 63] * pad, np.int32), np.array(pos + [0] * pad, np.int32), np.array(w + [0.0] * pad, np.float32)
