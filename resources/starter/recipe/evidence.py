"""Stage 5: the evidence model, a cross-encoder that says how well a stretch of a passage answers a question.

usage: evidence.py train PACK_DIR WRITTEN_DIR STATE.pt SECONDS [RANK [RATE [DROP]]]    on one GPU
       evidence.py measure PACK_DIR WRITTEN_DIR STATE.pt                 figures on held-back documents
       evidence.py exam PACK_DIR STATE.pt EXAM.jsonl OUT.jsonl           exam.py's rows with the evidence in the passages' place
       evidence.py verify PACK_DIR STATE.pt ANSWERS.jsonl OUT.jsonl NEW.jsonl   whether it agrees with a model's answers to them
       evidence.py export PACK_DIR STATE.pt FOLDER                       a PEFT adapter folder

multilingual-e5-small (MIT, as teacher.py packs it) reads question and stretch together (Nogueira and Cho 2019, arXiv 1901.04085); learned are
LoRA factors on every linear layer of it (Hu et al. 2021, arXiv 2106.09685), the pooler and one output. A stretch is one, two or three
sentences, or a short passage, with or without its heading; it counts as evidence when the answer stands in it.
"""
import json, math, os, random, re, sys, time
import multiprocessing as mp
import numpy as np

MOST = 160  # tokens of a stretch in training
GROUP = 8  # stretches a question
MEASURED = 2000  # held-back questions a language that are measured
JA = 0.45  # share of Japanese questions
RUNE = 0.05  # a logit that each character of an answer costs, as in the product (rag.reading.perRune)
CHUNK = 512  # pairs of like length that run together
CLAUSE = 0.35  # share of groups that are clauses of a sentence
PARTS = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "intermediate.dense", "output.dense")
SENT = re.compile(r"[^。\n]*?(?:。|\n|[.!?](?=\s)|$)\s*")
T0 = time.time()


def log(*a):
    print("%6.1f" % (time.time() - T0), *a, flush=True)


def sentences(text):
    """As the product's stretches: sentences and lines, very short ones with the next."""
    out, left = [], ""
    for s in SENT.findall(text):
        left += s
        if len(left.strip()) >= 6:
            out.append(left.strip())
            left = ""
    if left.strip():
        out.append(left.strip())
    return out


JA_CUT = re.compile(r"(?<=[、，；：。])|(?<=[,;] )|(?=[（(])|(?<=[）)])")
EN_CUT = re.compile(r"(?<=[,;:] )|(?<= - )|(?= (?:and|or|but) )")


def clauses(s):
    """The parts of a sentence; very short ones go with the next, the last with the one before."""
    ja = bool(re.search("[\u3040-\u30ff\u4e00-\u9fff]", s))
    least, out, left = (6 if ja else 14), [], ""
    for p in (JA_CUT if ja else EN_CUT).split(s):
        left += p
        if len(left.strip()) >= least:
            out.append(left)
            left = ""
    if left:
        if out and len(left.strip()) < least:
            out[-1] += left
        else:
            out.append(left)
    return out


def windows(s):
    """One or two clauses in a row, not the whole sentence -> [(text, first, last)]"""
    cs = clauses(s)
    return [("".join(cs[i : i + n]).strip(" 、，,;；"), i, i + n) for n in (1, 2) for i in range(len(cs) - n + 1) if n < len(cs)]


WORD = re.compile("[\u3041-\u309f]+|[\u30a0-\u30ff]+|[\u3400-\u9fff々〆ヶ]+|[^\\s\u3040-\u30ff\u3400-\u9fff、。，．・（）「」『』()]+|[^\\s]")


def words(s):
    """Where an answer may begin and end: English words, Japanese runs of one script -> [(first, last)]"""
    ja = bool(re.search("[\u3040-\u30ff\u4e00-\u9fff]", s))
    return [m.span() for m in (WORD if ja else re.compile(r"\S+")).finditer(s)]


def trims(s):
    """A clause less some words at its end, or at its beginning."""
    ws = words(s)
    got = [s[:b] for _, b in ws[:-1]] + [s[a:] for a, _ in ws[1:]]
    return list(dict.fromkeys(t for t in (g.strip(" 、，,;；。.") for g in got) if len(t) > 1))


def beside(clause, sentence):
    """What the model reads of a clause."""
    return clause + " | " + sentence


def polarity(answer):
    """True and False of an answer that begins with yes and no, else None."""
    m = re.match("(はい|いいえ|Yes|No)\\b", answer)
    return m and m[1] in ("はい", "Yes")


def flat(s):
    return re.sub(r"\s+", " ", s).strip().lower()


class Net:
    """The encoder with LoRA. Plain tensors, so that what is trained is seen at a glance."""

    def __init__(self, pack, rank, device, alpha=None):
        import torch
        import teacher

        t = teacher.Teacher(pack, device, torch.float32)
        self.w = t.w
        torch.backends.cuda.matmul.allow_tf32 = True
        self.dtype = torch.bfloat16 if os.environ.get("BF16") else torch.float32
        self.small = {k: v.to(self.dtype) for k, v in t.w.items() if not k.startswith("encoder") or v.ndim == 1}
        self.rank, self.alpha = rank, alpha or 2 * rank
        g = torch.Generator().manual_seed(5)
        self.train = {}
        for i in range(12):
            for p in PARTS:
                k = "encoder.layer.%d.%s" % (i, p)
                o, n = self.w[k + ".weight"].shape
                self.train[k + ".lora_A"] = torch.empty(rank, n).uniform_(-1 / math.sqrt(n), 1 / math.sqrt(n), generator=g)
                self.train[k + ".lora_B"] = torch.zeros(o, rank)
        self.train["pooler.dense.weight"] = torch.randn(384, 384, generator=g) * 0.05
        self.train["pooler.dense.bias"] = torch.zeros(384)
        self.train["classifier.weight"] = torch.randn(1, 384, generator=g) * 0.02
        self.train["classifier.bias"] = torch.zeros(1)
        self.train = {k: v.to(device).requires_grad_() for k, v in self.train.items()}

    def merged(self):
        """Every linear layer's weight with its factors added, in the number format of the device."""
        out = {}
        for i in range(12):
            for p in PARTS:
                k = "encoder.layer.%d.%s" % (i, p)
                out[k] = (self.w[k + ".weight"] + (self.train[k + ".lora_B"] @ self.train[k + ".lora_A"]) * (self.alpha / self.rank)).to(self.dtype)
        return out

    def __call__(self, ids, lens, drop=0.0, eff=None):
        """ids [N, L], lens [N] -> logits [N]"""
        import torch
        import torch.nn.functional as F

        w, n, t = self.small, ids.shape[1], self.dtype
        eff = eff or self.merged()
        linear = lambda x, k: F.linear(x, eff[k], w[k + ".bias"])
        norm = lambda x, k: F.layer_norm(x, (384,), w[k + ".weight"], w[k + ".bias"], 1e-12)
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:n] + w["embeddings.token_type_embeddings.weight"][0]
        x = F.dropout(norm(x, "embeddings.LayerNorm"), drop, drop > 0)
        mask = (torch.arange(n, device=ids.device)[None] < lens[:, None])[:, None, None]
        for i in range(12):
            p = "encoder.layer.%d." % i
            q, k, v = (linear(x, p + "attention.self." + s).view(*x.shape[:2], 12, 32).transpose(1, 2) for s in ("query", "key", "value"))
            a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(x.shape)
            x = norm(x + F.dropout(linear(a, p + "attention.output.dense"), drop, drop > 0), p + "attention.output.LayerNorm")
            x = norm(x + F.dropout(linear(F.gelu(linear(x, p + "intermediate.dense")), p + "output.dense"), drop, drop > 0), p + "output.LayerNorm")
        h = torch.tanh(F.linear(x[:, 0].float(), self.train["pooler.dense.weight"], self.train["pooler.dense.bias"]))
        return F.linear(F.dropout(h, drop, drop > 0), self.train["classifier.weight"], self.train["classifier.bias"])[:, 0]

    def folder(self, path):
        """What export wrote."""
        from safetensors.torch import load_file

        sd = load_file(path + "/adapter_model.safetensors")
        for k, v in self.train.items():
            v.data.copy_(sd["base_model.model." + ("" if k.startswith("classifier") else "bert.") + k + (".weight" if "lora" in k else "")].float())


class Pairs:
    """Questions with stretches that answer them and stretches that do not."""

    def __init__(self, pack, written):
        import rows
        from tokenizers import Tokenizer

        global wording
        import wording

        self.tk = Tokenizer.from_file(pack + "/teacher.json")
        self.tk.no_padding()
        self.tk.no_truncation()
        self.rows = rows
        self.data = rows.Data(pack, written)
        self.seen = {}
        pool = self.data.written["ja"] + self.data.written["en"]
        self.items = []  # (question, stretches with the answer or none, document)
        self.docs = []
        for r in pool:
            self.add(r)
        self.of = {l: [k for k, x in enumerate(self.items) if self.rows.is_ja(x[0]) == (l == "ja")] for l in ("ja", "en")}
        self.sides = {l: [k for k in self.of[l] if self.items[k][4] is not None and self.items[k][1][0] >= 0] for l in ("ja", "en")}
        self.unanswered = {l: [k for k in self.of[l] if not self.items[k][1]] for l in ("ja", "en")}

    def add(self, r):
        ss = sentences(r["text"])
        n = len(self.docs)
        self.docs.append(dict(said=[c for c in map(self.told, r["qa"]) if c], ss=ss, head=[h for h in (r.get("heading"), r.get("title")) if h], text=r["text"], lang=r["lang"]))
        for x in r["qa"]:
            c = self.told(x)
            hold = [i for i, s in enumerate(ss) if flat(c) in flat(s)] if len(c) > 1 else []
            if not hold and c and x["a"][:2] not in ("はい", "いい", "Ye", "No") and flat(c) in flat(r["text"]):
                hold = [-1]  # over the border of two
            self.items.append((x["q"], hold or [-2], n, c or x["a"], polarity(x["a"])))
        for q in r.get("absent", []):
            self.items.append((q, [], n, "", None))

    def told(self, x):
        """The words of the passage that answer: "e" where the answer is counted or compared, else the answer itself."""
        return x.get("e") or self.rows.core(x["a"])

    def ids(self, text):
        got = self.seen.get(text)
        if got is None:
            got = np.array(self.tk.encode(text, add_special_tokens=False).ids, np.int32)
            if len(self.seen) < 400000:
                self.seen[text] = got
        return got

    def pair(self, q, t):
        return np.concatenate(([0], self.ids(q)[:80], [2, 2], self.ids(t)[:MOST], [2])).astype(np.int32)

    def head(self, d, text, R):
        if d["head"] and R.random() < 0.5:
            return R.choice(d["head"]) + "\n" + text
        return text

    def stretch(self, d, at, R):
        """A window of 1 to 3 sentences around at -> (first, last)"""
        n = R.choice([1, 1, 1, 2, 2, 3])
        i = at - R.randrange(n)
        return max(0, i), min(len(d["ss"]), max(0, i) + n)

    def both(self, q):
        """Yes and no in the language of a question."""
        return (("はい", True), ("いいえ", False)) if self.rows.is_ja(q) else (("Yes", True), ("No", False))

    def around(self, sentence, core, R):
        """Stretches of whole words that begin and end near where the answer does, with all of it or not: what an answer is trimmed to."""
        ws = words(sentence)
        at = sentence.lower().find(core) if core else -1
        if at < 0:
            first = last = R.randrange(len(ws)) if ws else 0
        else:
            first = max([i for i, (a, _) in enumerate(ws) if a <= at], default=0)
            last = min([i for i, (_, b) in enumerate(ws) if b >= at + len(core)], default=len(ws) - 1)
        out = []
        for _ in range(GROUP):
            i, j = first + R.choice([-6, -4, -3, -2, -1, 0, 0, 0, 1, 2]), last + R.choice([-2, -1, 0, 0, 0, 1, 2, 3, 4, 6])
            i, j = max(0, i), min(len(ws) - 1, j)
            if i <= j:
                out.append(sentence[ws[i][0] : ws[j][1]].strip(" 、，,;；。."))
        return [t for t in dict.fromkeys(out) if t]

    def cut(self, sentence, core, others, R, answer="", spans=()):
        """Clauses of a sentence, those with the answer and those without, and clauses of other sentences. Now and then answers as a model gives
        them: the right one, those to other questions (spans), stretches that begin or end anywhere, or near its ends (around)."""
        ws = windows(sentence) + [(sentence, 0, 9)]
        if R.random() < 0.4:
            ws += [(t, 0, 0) for t in self.around(sentence, core, R)]
        elif R.random() < 0.6:
            ws += [(answer, 0, 0)] * bool(answer) + [(x, 0, 0) for x in spans]
            for _ in range(2):
                a = R.randrange(len(sentence))
                b = a + R.choice([4, 8, 12, 20, 30])
                if not re.search("[\u3040-\u30ff\u4e00-\u9fff]", sentence):  # whole words
                    a, b = sentence.rfind(" ", 0, a + 1) + 1, len(sentence) if sentence.find(" ", b + 8) < 0 else sentence.find(" ", b + 8)
                if sentence[a:b].strip():
                    ws.append((sentence[a:b].strip(), 0, 0))
        got = [(beside(w, sentence), int(bool(core) and core in flat(w))) for w, _, _ in ws]
        yes, no = [g for g in got if g[1]], [g for g in got if not g[1]]
        R.shuffle(yes)
        R.shuffle(no)
        out = yes[: R.choice([1, 2, 2])] + no[:5]
        while len(out) < GROUP:
            s = R.choice(others) if others and R.random() < 0.6 else R.choice(R.choice(self.docs)["ss"])
            w = R.choice(windows(s) + [(s, 0, 0)])[0]
            out.append((beside(w, s), 0 if not core or core not in flat(s) else -1))
        return out[:GROUP]

    def written(self, R, near):
        """-> question, [(text, label)]"""
        lang, r = "ja" if R.random() < JA else "en", R.random()
        k = R.choice((self.unanswered if r < 0.2 else self.sides if r < 0.3 else self.of)[lang])
        q, hold, n, answer, yes = self.items[k]
        d = self.docs[n]
        ss = d["ss"]
        out = []
        best = near["hold"].get(k) if near else None
        if R.random() < CLAUSE or 0.2 <= r < 0.3:
            at = (best if best is not None else R.choice(hold)) if hold and hold[0] >= 0 else None
            if at is None and not hold:  # of what is not answered: the sentence that looks most like it
                at = near["own"][k][R.choice([0, 0, 1])] if near and len(near["own"][k]) > 1 else R.randrange(len(ss))
            if at is not None:
                right = self.rows.core(answer) if hold else ""
                spans = [x for x in d["said"] if flat(x) in flat(ss[at]) and flat(x) != flat(right)]
                got = self.cut(ss[at], flat(right) if hold else None, [ss[i] for i in range(len(ss)) if i not in hold and i != at], R, right, R.sample(spans, min(3, len(spans))))
                if yes is not None and hold:  # what stands there says yes, or no
                    got[1:1] = [(beside(w, ss[at]), int(is_yes == yes)) for w, is_yes in self.both(q)]
                return q, got[:GROUP]
        if hold and hold[0] >= 0:
            at = best if best is not None else R.choice(hold)
            a, b = self.stretch(d, at, R)
            out.append((self.head(d, " ".join(ss[a:b]) if d["lang"] == "en" else "".join(ss[a:b]), R), 1))
        elif hold:
            out.append((self.head(d, d["text"][:450], R), 1 if len(d["text"]) <= 450 else -1))
        banned = set(hold)
        free = [i for i in range(len(ss)) if i not in banned] if not hold or hold[0] >= 0 else []
        R.shuffle(free)
        if near and free:  # those that look most like an answer first
            order = near["own"].get(k)
            if order is not None and R.random() < 0.7:
                free = [i for i in order if i not in banned][:4] + free
        for i in list(dict.fromkeys(free))[: 4 + (not hold)]:
            a, b = self.stretch(d, i, R)
            if any(x in banned for x in range(a, b)):
                a, b = i, i + 1
            out.append((self.head(d, (" " if d["lang"] == "en" else "").join(ss[a:b]), R), 0))
        if not hold and R.random() < 0.3:
            out.append((self.head(d, d["text"][:450], R), 0))
        while len(out) < GROUP:
            if near and k in near["far"] and R.random() < 0.6:
                o, i = R.choice(near["far"][k])
            else:
                o = R.randrange(len(self.docs))
                i = R.randrange(len(self.docs[o]["ss"]))
            if o != n:
                e = self.docs[o]
                a, b = self.stretch(e, i, R)
                out.append((self.head(e, (" " if e["lang"] == "en" else "").join(e["ss"][a:b]), R), 0))
        return q, out[:GROUP]

    def invented(self, R):
        import invent

        lang = "ja" if R.random() < 0.5 else "en"
        d = invent.document(lang)
        if not d or not d[1]:
            return None
        ps, qa, absent = d
        q, a = R.choice(qa + [(x, None) for x in absent[:4]])
        ss = [s for p in ps for s in sentences(p)]
        c = flat(self.rows.core(a)) if a else None
        if a and a[:2] in ("はい", "いい", "Ye", "No"):
            return None
        hold = [i for i, s in enumerate(ss) if c and c in flat(s)]
        out = []
        if a:
            if len(hold) != 1:
                return None
            out.append((ss[hold[0]], 1))
        free = [i for i in range(len(ss)) if i not in hold]
        R.shuffle(free)
        if ss and R.random() < CLAUSE:
            return q, self.cut(ss[hold[0]] if hold else R.choice(ss), c, [ss[i] for i in free], R, self.rows.core(a) if a else "")
        out += [(ss[i], 0) for i in free[: GROUP - len(out)]]
        while len(out) < GROUP:
            e = R.choice(self.docs)
            out.append((R.choice(e["ss"]), 0))
        return q, out

    def real(self, R):
        lang = "ja" if R.random() < 0.5 else "en"
        pool = self.data.real[lang]
        i = R.randrange(len(pool))
        p = pool[i]
        if not p["qa"]:
            return None
        q, a, k = R.choice(p["qa"])
        if k in ("label", "row", "yes") or len(self.rows.core(a)) < 2:
            return None
        ss = sentences(p["text"])
        c = flat(self.rows.core(a))
        hold = [j for j, s in enumerate(ss) if c in flat(s)]
        if len(hold) != 1:
            return None
        out = [(ss[hold[0]], 1)]
        free = [j for j in range(len(ss)) if j != hold[0]]
        R.shuffle(free)
        if R.random() < CLAUSE:
            return q, self.cut(ss[hold[0]], c, [ss[j] for j in free], R, self.rows.core(a))
        out += [(ss[j], 0) for j in free[:4]]
        while len(out) < GROUP:
            o = pool[min(len(pool) - 1, max(0, i + R.randrange(-3, 4)))] if R.random() < 0.5 else R.choice(pool)
            s = R.choice(sentences(o["text"]) or ["-"])
            if c not in flat(s):
                out.append((s, 0))
        return q, out

    def batch(self, R, near, groups, shares):
        """-> ids [groups * GROUP, L], lens, labels [groups, GROUP], weight [groups]"""
        seqs, ys, ws = [], [], []
        while len(ys) < groups:
            r = R.random()
            kind = 0 if r < shares[0] else 1 if r < shares[0] + shares[1] else 2
            g = self.written(R, near) if kind == 0 else self.invented(R) if kind == 1 else self.real(R)
            if not g:
                continue
            q, ts = g
            if kind or R.random() < 0.3:
                q = wording.vary(q, self.rows.is_ja(q), kind > 0)
            seqs += [self.pair(q, t) for t, _ in ts]
            ys.append([y for _, y in ts])
            ws.append((1.0, 0.6, 0.3)[kind])
        order = sorted(range(len(seqs)), key=lambda i: len(seqs[i]))
        parts = []
        for a in range(0, len(order), CHUNK):
            ix = order[a : a + CHUNK]
            lens = np.array([len(seqs[i]) for i in ix])
            ids = np.ones((len(ix), int(-(-lens.max() // 16) * 16)), np.int32)
            for j, i in enumerate(ix):
                ids[j, : len(seqs[i])] = seqs[i]
            parts.append((ids, lens))
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        return parts, back, np.array(ys, np.float32), np.array(ws, np.float32)


def embed(t, tk, kind, texts, size=256):
    """Vectors of texts by the embedder itself, of length 1. [N, 384]"""
    import torch

    lead = tk.encode(kind + ": ", add_special_tokens=False).ids
    seqs = [[0] + lead + e.ids[:300] + [2] for e in tk.encode_batch(texts, add_special_tokens=False)]
    order = sorted(range(len(seqs)), key=lambda i: len(seqs[i]))
    out = torch.empty(len(seqs), 384)
    with torch.inference_mode():
        for s in range(0, len(order), size):
            ix = order[s : s + size]
            lens = torch.tensor([len(seqs[i]) for i in ix])
            ids = torch.ones(len(ix), int(lens.max()), dtype=torch.long)
            for j, i in enumerate(ix):
                ids[j, : len(seqs[i])] = torch.tensor(seqs[i])
            dev = t.mean.device
            h = t.states(ids.to(dev), lens.to(dev)).float()
            m = (torch.arange(ids.shape[1])[None] < lens[:, None]).to(dev)[..., None]
            v = (h * m).sum(1) / m.sum(1)
            out[ix] = torch.nn.functional.normalize(v, dim=-1).cpu()
    return out


def hard(pack, pairs, device):
    """What the embedder takes for an answer: the best holding sentence, the document's own order, the nearest of other documents."""
    import torch
    import teacher

    t = teacher.Teacher(pack, device, torch.bfloat16 if device == "cuda" else torch.float32)
    texts = [s for d in pairs.docs for s in d["ss"]]
    place = [(n, i) for n, d in enumerate(pairs.docs) for i in range(len(d["ss"]))]
    start = np.cumsum([0] + [len(d["ss"]) for d in pairs.docs])
    E = embed(t, pairs.tk, "passage", texts).to(device)
    Q = embed(t, pairs.tk, "query", [x[0] for x in pairs.items]).to(device)
    near = {"hold": {}, "own": {}, "far": {}}
    for k, (q, hold, n, _, _) in enumerate(pairs.items):
        own = (E[start[n] : start[n + 1]] @ Q[k]).cpu()
        near["own"][k] = own.argsort(descending=True).tolist()
        if hold and hold[0] >= 0:
            near["hold"][k] = max(hold, key=lambda i: own[i])
    for a in range(0, len(Q), 2048):
        top = (Q[a : a + 2048] @ E.T).topk(30, 1).indices.cpu().tolist()
        for j, ix in enumerate(top):
            n = pairs.items[a + j][2]
            near["far"][a + j] = [place[i] for i in ix if place[i][0] != n][3:] or [place[ix[0]]]
    return near


def train(pack, written, state, seconds, rank=16, rate=6e-4, drop=0.1, groups=192):
    import torch
    import torch.nn.functional as F

    seconds, rank, rate, drop = float(seconds), int(rank), float(rate), float(drop)
    me, people = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))  # with torchrun: one process a GPU
    pairs = Pairs(pack, written)
    log("questions", len(pairs.items), "documents", len(pairs.docs))
    ctx = mp.get_context("fork")
    made = ctx.Queue(maxsize=64)
    go, near_file = ctx.Event(), "%s.near%d" % (state, me)

    def worker(seed):
        import pickle

        go.wait()
        near = pickle.load(open(near_file, "rb"))
        R = random.Random(seed)
        pairs.rows.R.seed(seed)
        while True:
            made.put(pairs.batch(R, near, groups, (0.62, 0.26, 0.12)))

    workers = [ctx.Process(target=worker, args=(1000 * me + i,), daemon=True) for i in range(int(os.environ.get("WORKERS", 8)))]
    for p in workers:
        p.start()
    import pickle

    dev = "cuda" if torch.cuda.is_available() else "cpu"  # after the workers have gone their ways
    if people > 1:
        torch.cuda.set_device(me)
        torch.distributed.init_process_group("nccl")
    pickle.dump(hard(pack, pairs, dev), open(near_file, "wb"))
    go.set()
    log("hard stretches found")
    net = Net(pack, rank, dev)
    if os.environ.get("INIT"):
        net.folder(os.environ["INIT"])
        log("goes on from", os.environ["INIT"])
    ps = net.train
    lora = [v for k, v in ps.items() if "lora" in k]
    head = [v for k, v in ps.items() if "lora" not in k]
    opt = torch.optim.AdamW([{"params": lora, "weight_decay": 0.01, "lr0": rate}, {"params": head, "weight_decay": 0.01, "lr0": rate / 2}], lr=rate, betas=(0.9, 0.98))
    begun, step, total, seen = time.time(), 0, 0.0, 0
    p = 0.0
    while p < 1:
        parts, back, y, w = made.get()
        share = min(1, (step + 1) / 100) * max(0.02, 1 - p)
        for g in opt.param_groups:
            g["lr"] = g["lr0"] * share
        y, w, back = (torch.from_numpy(x).to(dev) for x in (y, w, back))
        eff = net.merged()
        z = torch.cat([net(torch.from_numpy(i).to(dev).long(), torch.from_numpy(n).to(dev), drop, eff) for i, n in parts])
        z = z[back].view(y.shape)
        ok = (y >= 0).float()
        bce = (F.binary_cross_entropy_with_logits(z, y.clamp_min(0) * 0.98 + 0.01, reduction="none") * ok * (1 + 3 * (y > 0))).sum(1) / GROUP
        pos = (y > 0).any(1)
        choose = torch.where(pos, torch.logsumexp(z, 1) - torch.logsumexp(z.masked_fill(y <= 0, -30.0), 1), torch.zeros_like(bce))
        loss = ((bce + 0.5 * choose) * w).mean()
        opt.zero_grad(set_to_none=True)
        loss.backward()
        p = (time.time() - begun) / seconds
        if people > 1:  # the mean of the gradients, and of the time, so that all stop at once
            each = torch.cat([v.grad.reshape(-1) for v in lora + head] + [torch.tensor([p], device=dev)])
            torch.distributed.all_reduce(each)
            each /= people
            for v, g in zip(lora + head, each[:-1].split([v.numel() for v in lora + head])):
                v.grad.copy_(g.view_as(v))
            p = each[-1].item()
        torch.nn.utils.clip_grad_norm_(lora + head, 1.0)
        opt.step()
        step += 1
        total += loss.item() if step % 10 == 0 else 0
        seen += len(back)
        if step % 500 == 0:
            log("step %d at %.2f loss %.4f, %.1fk pairs/s, %d waiting" % (step, p, total / 50, seen / (time.time() - begun) / 1e3, made.qsize()))
            total = 0.0
    for q in workers:
        q.kill()
    if me:
        os._exit(0)
    torch.save({"train": {k: v.detach().cpu() for k, v in ps.items()}, "rank": rank, "alpha": net.alpha}, state)
    log("saved after step", step)
    measure(pack, written, state, net, pairs)
    os._exit(0)


def stretches(text, head=""):
    """(text, first, last) of all windows of 1 to 3 sentences, and of a short passage."""
    ss = sentences(text)
    gap = "" if re.search("[\u3040-\u30ff]", text) else " "
    out = [(gap.join(ss[i : i + n]), i, i + n) for n in (1, 2, 3) for i in range(len(ss) - n + 1)]
    return [((head + "\n" + t) if head else t, a, b) for t, a, b in out], ss


def score(net, pairs, qs, size=512):
    """[(question, [texts])] -> logits of each"""
    import torch

    flatten = [pairs.pair(q, t) for q, ts in qs for t in ts]
    order = sorted(range(len(flatten)), key=lambda i: len(flatten[i]))
    out = np.empty(len(flatten), np.float32)
    dev = next(iter(net.train.values())).device
    with torch.inference_mode():
        eff = net.merged()
        for s in range(0, len(order), size):
            ix = order[s : s + size]
            lens = torch.tensor([len(flatten[i]) for i in ix])
            ids = torch.ones(len(ix), int(lens.max()), dtype=torch.long)
            for j, i in enumerate(ix):
                ids[j, : len(flatten[i])] = torch.from_numpy(flatten[i])
            out[ix] = net(ids.to(dev), lens.to(dev), 0.0, eff).float().cpu()
    res, at = [], 0
    for q, ts in qs:
        res.append(out[at : at + len(ts)])
        at += len(ts)
    return res


def choose(net, pairs, asked):
    """[(question, [(passage, heading)])] -> for each: sentence, clause, their logits z1 (best stretch), zs (sentence), z2 (clause)

    First the stretches of all passages; then the clauses of the two best sentences, read beside these."""
    first = []
    for q, ps in asked:
        first.append([(t, b - a) for p, h in ps for t, a, b in stretches(p, h)[0]])
    got = score(net, pairs, [(q, [t for t, _ in ts]) for (q, _), ts in zip(asked, first)])
    second, keep = [], []
    for (q, ps), ts, z in zip(asked, first, got):
        one = sorted((i for i, t in enumerate(ts) if t[1] == 1), key=lambda i: -z[i])[:2]
        top = int(z.argmax())
        if z[one[0]] < z[top] - 1.5:
            one = [top]
        bare = [bare_of(ts[i][0], ps) for i in one]
        cand = [(w, s, k) for k, s in enumerate(bare) for w, _, _ in windows(s)] + [(s, s, k) for k, s in enumerate(bare)]
        second.append((q, [beside(w, s) for w, s, _ in cand]))
        keep.append((cand, [float(z[i]) for i in one], float(z[top])))
    z2s = score(net, pairs, second)
    out = []
    for (cand, zs, z1), z2 in zip(keep, z2s):
        w, s, k = cand[max(range(len(cand)), key=lambda i: z2[i] - RUNE * len(cand[i][0]))]
        out.append(dict(sentence=s, clause=w, z1=z1, zs=zs[k], z2=float(z2.max())))
    return out


def trimmed(net, pairs, asked, rounds, rune, least):
    """[(question, clause, sentence)] -> the clause without words that it can do without: while it has more than least characters, the best of its trims for its length, if that is better"""
    best = [c for _, c, _ in asked]
    open_ = list(range(len(asked)))
    for _ in range(rounds):
        open_ = [k for k in open_ if len(best[k]) > least]
        cands = [[best[k]] + trims(best[k]) for k in open_]
        zs = score(net, pairs, [(asked[k][0], [beside(t, asked[k][2]) for t in c]) for k, c in zip(open_, cands)])
        still = []
        for k, c, z in zip(open_, cands, zs):
            t = max(range(len(c)), key=lambda i: z[i] - rune * len(c[i]))
            if t:
                best[k] = c[t]
                still.append(k)
        open_ = still
    return best


def bare_of(text, ps):
    """A stretch without the heading line that stands before it."""
    for _, h in ps:
        if h and text.startswith(h + "\n"):
            return text[len(h) + 1 :]
    return text


def loaded(pack, written, state):
    """-> the trained net, and the pairs that it reads; written may be a folder of no rows"""
    import torch

    pairs = Pairs(pack, written)
    s = torch.load(state, map_location="cpu")
    net = Net(pack, s["rank"], "cuda" if torch.cuda.is_available() else "cpu", s["alpha"])
    for k, v in s["train"].items():
        net.train[k].data.copy_(v)
    return net, pairs


def measure(pack, written, state, net=None, pairs=None):
    """Held-back documents: each question with its passage and two others; is the answer in the best sentence, in the clause; are absent ones told apart."""
    if net is None:
        net, pairs = loaded(pack, written, state)
    R = random.Random(4)
    dump = []
    for lang in ("ja", "en"):
        docs = pairs.data.dev[lang]
        asked, gold = [], []
        said = [(x["q"], x["a"], next((s for s in sentences(r["text"]) if flat(pairs.told(x)) in flat(s)), None)) for r in docs for x in r["qa"] if polarity(x["a"]) is not None][:MEASURED]
        said = [x for x in said if x[2]]
        zs = score(net, pairs, [(q, [beside(w, s) for w, _ in pairs.both(q)]) for q, _, s in said])
        log("%s: yes or no of %d: %.3f right (%.3f are yes)" % (lang, len(said), sum((z[0] > z[1]) == polarity(a) for (_, a, _), z in zip(said, zs)) / max(1, len(said)), sum(polarity(a) for _, a, _ in said) / max(1, len(said))))
        all_ = [(r, x["q"], pairs.told(x)) for r in docs for x in r["qa"] if x.get("kind") != "keyword"] + [(r, q, None) for r in docs for q in r.get("absent", [])]
        for r, q, a in R.sample(all_, min(len(all_), MEASURED)):
            o = [r] + R.sample([x for x in docs if x is not r], 2)
            asked.append((q, [(d["text"], d.get("heading") or d.get("title") or "") for d in o]))
            gold.append(a)
        got = choose(net, pairs, asked)
        pos, neg = [], []
        for a, g in zip(gold, got):
            dump.append(dict(lang=lang, a=a, **g))
            (neg if a is None else pos).append((g["z1"], g["z2"], g["z1"] + g["z2"]))
        pos, neg = np.array(pos), np.array(neg)
        for k, name in enumerate(("stretch", "clause", "sum")):
            x, y = pos[:, k], neg[:, k]
            bound = np.quantile(y, 0.85)
            log("%s by %s: AUC %.3f, at 85%% refused false refusals %.3f; at 0: refused %.3f, false %.3f" % (lang, name, float((x[:, None] > y[None]).mean()), float((x <= bound).mean()), float((y < 0).mean()), float((x < 0).mean())))
        rows = [(flat(a), g) for a, g in zip(gold, got) if a is not None and flat(a) not in ("", "はい", "いいえ", "yes", "no")]
        holds = lambda of: sum(c in flat(g[of]) for c, g in rows) / len(rows)
        brief = lambda of: sum(c in flat(t) and len(t) <= 3 * len(c) + 40 for (c, _), t in zip(rows, of)) / len(rows)
        log("%s: %d questions, in the sentence %.3f, in the clause %.3f, and that short enough %.3f" % (lang, len(rows), holds("sentence"), holds("clause"), brief([g["clause"] for _, g in rows])))
        asks = [(q, g["clause"], g["sentence"]) for (q, _), a, g in zip(asked, gold, got) if a is not None and flat(a) not in ("", "はい", "いいえ", "yes", "no")]
        for rune, least in ((0.01, 20 if lang == "ja" else 50), (0.02, 20 if lang == "ja" else 50), (0.02, 30 if lang == "ja" else 80), (0.035, 30 if lang == "ja" else 80)):
            short = trimmed(net, pairs, asks, 3, rune, least)
            log("%s: trimmed at %.3f a character while longer than %d: holds it %.3f, short enough %.3f, %.0f characters where the answers have %.0f" % (
                lang, rune, least, sum(c in flat(t) for (c, _), t in zip(rows, short)) / len(rows), brief(short), sum(map(len, short)) / len(rows), sum(len(c) for c, _ in rows) / len(rows)))
    json.dump(dump, open(state + ".measure.json", "w"), ensure_ascii=False)


def exam(pack, state, rows_file, out):
    """Rows of exam.py -> the same with the clause as context, and the logits."""
    net, pairs = loaded(pack, os.devnull, state)
    rs = [json.loads(l) for l in open(rows_file)]
    got = choose(net, pairs, [(r["q"], [(p, "") for p in r["ctx"].split("\n\n")]) for r in rs])
    with open(out, "w") as f:
        for r, g in zip(rs, got):
            r.update(g)
            r["ctx"] = g["clause"]
            f.write(json.dumps(r, ensure_ascii=False) + "\n")


def verify(pack, state, answers, asked, out):
    """What exam.py's model answered from the clause: its logit beside the sentence, and the clause's."""
    net, pairs = loaded(pack, os.devnull, state)
    rs = [(json.loads(a), json.loads(b)) for a, b in zip(open(answers), open(asked))]
    trim = lambda t: re.sub(r"(です)?[。.]$", "", re.sub(r"^(はい|いいえ|Yes|No)[、,]\s*", "", t.strip()))
    got = score(net, pairs, [(x["q"], [beside(trim(a["alt"]), x["sentence"]), beside(x["ctx"], x["sentence"])] + [beside(w, x["sentence"]) for w, _, _ in windows(x["sentence"])]) for a, x in rs])
    with open(out, "w") as f:
        for (a, x), z in zip(rs, got):
            f.write(json.dumps(dict(a, clause=x["ctx"], sentence=x["sentence"], written=float(z[0]), quoted=float(z[1]), best=float(z[1:].max()), windows=[(w, float(y)) for (w, _, _), y in zip(windows(x["sentence"]), z[2:])]), ensure_ascii=False) + "\n")


def export(pack, state, folder):
    import torch
    from safetensors.torch import save_file

    s = torch.load(state, map_location="cpu")
    os.makedirs(folder, exist_ok=True)
    out = {}
    for k, v in s["train"].items():
        if "lora" in k:
            out["base_model.model.bert.%s.weight" % k] = v.half().contiguous()
        elif k.startswith("pooler"):
            out["base_model.model.bert." + k] = v.half().contiguous()
        else:
            out["base_model.model." + k] = v.half().contiguous()
    save_file(out, folder + "/adapter_model.safetensors", metadata={"format": "pt"})
    cfg = dict(peft_type="LORA", task_type="SEQ_CLS", base_model_name_or_path="intfloat/multilingual-e5-small", r=s["rank"], lora_alpha=s["alpha"], lora_dropout=0.0, bias="none", fan_in_fan_out=False, inference_mode=True,
               init_lora_weights=True, target_modules=r"bert\.encoder\.layer\.\d+\.(attention\.self\.(query|key|value)|attention\.output\.dense|intermediate\.dense|output\.dense)", modules_to_save=["pooler", "classifier"])
    json.dump(cfg, open(folder + "/adapter_config.json", "w"), indent=2)
    json.dump({"base": "multilingual-e5-small", "format": 1}, open(folder + "/evidence.json", "w"), indent=2)


if __name__ == "__main__":
    {"train": train, "measure": measure, "exam": exam, "verify": verify, "export": export}[sys.argv[1]](*sys.argv[2:])
