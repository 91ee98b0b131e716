"""Stage 5: the evidence model, a cross-encoder that says how well a stretch of a passage answers a question.

usage: evidence.py train PACK_DIR WRITTEN_DIR STATE.pt SECONDS [RANK [RATE [DROP]]]    on one GPU
       evidence.py measure PACK_DIR WRITTEN_DIR STATE.pt                 figures on held-back documents
       evidence.py exam PACK_DIR STATE.pt EXAM.jsonl OUT.jsonl           exam.py's rows with the evidence in the passages' place
       evidence.py export PACK_DIR STATE.pt FOLDER                       an adapter as PEFT has it, its halves in int8 rows
       evidence.py plain FOLDER OUT                                      the same in fp32: PEFT reads it

multilingual-e5-small (MIT, as teacher.py packs it) reads question and stretch together (Nogueira and Cho 2019, arXiv 1901.04085); learned are
LoRA factors on every linear layer of it (Hu et al. 2021, arXiv 2106.09685), the pooler and one output. A stretch is a sentence, a few, or a
clause, marked within what stands around it, with or without its heading; it counts as evidence when the answer stands in it.
"""
import json, math, os, random, re, sys, time
import multiprocessing as mp
import numpy as np

MOST = 224  # tokens of a stretch and what stands around it, in training
BEFORE = {"ja": 130, "en": 300}  # characters before a stretch that are read with it, and behind it, as in the product (rag.reading)
AFTER = {"ja": 40, "en": 100}
GROUP = 8  # stretches a question
MEASURED = int(os.environ.get("MEASURED", 2000))  # held-back questions a language that are measured
JA = 0.45  # share of Japanese questions
FRESH = [int(x) for x in os.environ.get("FRESH", "0,0").split(",")]  # how many documents at the end of the Japanese and the English file are new, and drawn four times as often
REWORDED = 0.35  # share of questions in which words are said otherwise (wording.concepts), of these a quarter in the other language
SLIPS = 0.09  # share of questions with a slip of typing, and of these with another
RUNE = 0.05  # a logit that each character of an answer costs, as in the product (rag.reading.perRune)
CLAUSE = 0.35  # share of groups that are clauses of a sentence
PARTS = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "intermediate.dense", "output.dense")
SENT = re.compile(r"[^。\n]*?(?:。|\n|[.!?](?=\s)|$)\s*")
T0 = time.time()


def log(*a):
    print("%6.1f" % (time.time() - T0), *a, flush=True)


def sentence_spans(text):
    """As the product's stretches: sentences and lines, very short ones with the next -> [(first, last)]"""
    out, start = [], 0
    for m in SENT.finditer(text):
        s = text[start : m.end()]
        if len(s.strip()) >= 6 or m.end() == len(text) and s.strip():
            a = start + len(s) - len(s.lstrip())
            out.append((a, a + len(s.strip())))
            start = m.end()
    return out


def sentences(text):
    return [text[a:b] for a, b in sentence_spans(text)]


END = re.compile(r"[。．.!?！？:：;；」）)]$")
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


def window_spans(s):
    """One or two clauses in a row, not the whole sentence -> [(first, last)]"""
    cs = clauses(s)
    at = np.cumsum([0] + [len(c) for c in cs])
    return [inner(s, at[i], at[i + n]) for n in (1, 2) for i in range(len(cs) - n + 1) if n < len(cs)]


def inner(s, a, b, marks=" 、，,;；\n"):
    """A span without spaces and marks at its ends"""
    while a < b and s[a] in marks:
        a += 1
    while a < b and s[b - 1] in marks:
        b -= 1
    return int(a), int(b)


def windows(s):
    """The same -> [(text, first, last)]"""
    return [(s[a:b], a, b) for a, b in window_spans(s)]


WORD = re.compile("[\u3041-\u309f]+|[\u30a0-\u30ff]+|[\u3400-\u9fff々〆ヶ]+|[^\\s\u3040-\u30ff\u3400-\u9fff、。，．・（）「」『』()]+|[^\\s]")


def words(s):
    """Where an answer may begin and end: English words, Japanese runs of one script -> [(first, last)]"""
    ja = bool(re.search("[\u3040-\u30ff\u4e00-\u9fff]", s))
    return [m.span() for m in (WORD if ja else re.compile(r"\S+")).finditer(s)]


INSIDE = re.compile(r"[^\s\u3041-\u309f、。，．・（）「」『』()][^\s、。，．・（）「」『』()]")  # a particle, an ending, the rest of a compound
UNIT = re.compile("[0-9０-９][\u30a0-\u30ff\u3400-\u9fff]")


def trims(s):
    """A clause less some words at its end, or at its beginning -> [(first, last)], as the product's"""
    ws = words(s)
    got = [inner(s, 0, b, " 、，,;；。.\n") for _, b in ws[:-1] if not UNIT.match(s, b - 1)] + [inner(s, a, len(s), " 、，,;；。.\n") for a, _ in ws[1:] if not INSIDE.match(s, a - 1)]
    return [(a, b) for a, b in dict.fromkeys(got) if b - a > 1]


def marked(text, a, b, head="", share=1.0):
    """What the model reads of a stretch: what stands before it, the stretch between marks, what follows; share is how much of that."""
    ja = bool(re.search("[\u3040-\u30ff\u4e00-\u9fff]", text))
    lang = "ja" if ja else "en"
    s, e = max(0, a - int(share * BEFORE[lang])), min(len(text), b + int(share * AFTER[lang]))
    if s and not ja:  # whole words
        s = a - len(text[s:a].partition(" ")[2])
    if e < len(text) and not ja:
        e = b + len(text[b:e].rpartition(" ")[0])
    plain = lambda t: t.replace("«", '"').replace("»", '"')
    return (head + "\n" if head and head not in text[s:a] else "") + plain(text[s:a]) + "« " + plain(text[a:b]) + " »" + plain(text[b:e])


def side(word, text):
    """A yes or no before the sentence, as marked, that says it or not."""
    return word + " | " + text


YES_NO = re.compile("(はい|いいえ|Yes|No)\\b")  # "None" and "Node" are none


def polarity(answer):
    """True and False of an answer that begins with yes and no, else None."""
    m = YES_NO.match(answer)
    return m and m[1] in ("はい", "Yes")


def flat(s):
    return re.sub(r"\s+", " ", s).strip().lower()


def layer(x, of, lin, nor, drop):
    """One layer of the encoder. lin and nor: weight and bias of PARTS and of both norms. x is [N, L, 384] and of their mask [N, 1, 1, L], or, without
    padding, [T, 384] and of where each begins and ends [N + 1] and the longest one's length: memory-efficient attention with a mask took a third of the time."""
    import torch.nn.functional as F

    q, k, v = (F.linear(x, *lin[i]).unflatten(-1, (12, 32)) for i in range(3))
    if len(of) == 2:
        from torch.nn.attention.varlen import varlen_attn

        a = varlen_attn(q, k, v, of[0], of[0], of[1], of[1])
    else:
        a = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), attn_mask=of[0]).transpose(1, 2)
    x = F.layer_norm(x + F.dropout(F.linear(a.flatten(-2), *lin[3]), drop, drop > 0), (384,), *nor[0], 1e-12)
    return F.layer_norm(x + F.dropout(F.linear(F.gelu(F.linear(x, *lin[4])), *lin[5]), drop, drop > 0), (384,), *nor[1], 1e-12)


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
        self.layer = torch.compile(layer, dynamic=True) if os.environ.get("COMPILE") else layer

    def merged(self):
        """Every linear layer's weight with its factors added, in the number format of the device."""
        out = {}
        for i in range(12):
            for p in PARTS:
                k = "encoder.layer.%d.%s" % (i, p)
                out[k] = (self.w[k + ".weight"] + (self.train[k + ".lora_B"] @ self.train[k + ".lora_A"]) * (self.alpha / self.rank)).to(self.dtype)
        return out

    def __call__(self, ids, lens, drop=0.0, eff=None):
        """ids [T] of N texts, one behind the other, lens [N] -> logits [N]"""
        import torch
        import torch.nn.functional as F

        w, dev = self.small, ids.device
        eff = eff or self.merged()
        norm = lambda x, k: F.layer_norm(x, (384,), w[k + ".weight"], w[k + ".bias"], 1e-12)
        longest = int(lens.max())
        if dev.type == "cuda" and self.dtype == torch.bfloat16:
            ends = F.pad(lens.cumsum(0), (1, 0)).int()
            place = torch.arange(len(ids), device=dev) - ends[:-1].repeat_interleave(lens)
            of, first = (ends, longest), ends[:-1].long()
        else:
            ids = torch.nn.utils.rnn.pad_sequence(ids.split(lens.tolist()), True, 1)
            place = torch.arange(longest, device=dev)
            of, first = ((place[None] < lens[:, None])[:, None, None],), (slice(None), 0)
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][place] + w["embeddings.token_type_embeddings.weight"][0]
        x = F.dropout(norm(x, "embeddings.LayerNorm"), drop, drop > 0)
        for i in range(12):
            p = "encoder.layer.%d." % i
            lin = [(eff[p + k], w[p + k + ".bias"]) for k in PARTS]
            nor = [(w[p + k + ".weight"], w[p + k + ".bias"]) for k in ("attention.output.LayerNorm", "output.LayerNorm")]
            x = self.layer(x, of, lin, nor, drop)
        h = torch.tanh(F.linear(x[first].float(), self.train["pooler.dense.weight"], self.train["pooler.dense.bias"]))
        return F.linear(F.dropout(h, drop, drop > 0), self.train["classifier.weight"], self.train["classifier.bias"])[:, 0]

    def folder(self, path):
        """What export wrote, of this rank or of a smaller one: then the other factors are as they were made, and change nothing yet."""
        sd = halves(path)
        for k, v in self.train.items():
            part = sd[peft_name(k)]
            v.data[tuple(slice(n) for n in part.shape)].copy_(part)


def literal(answer, text):
    """An answer as it stands in a text: without です that is only said."""
    return answer[:-2] if answer.endswith("です") and flat(answer) not in flat(text) else answer


def place(text, head=()):
    """A text with its sentences and their spans."""
    sp = sentence_spans(text)
    return dict(text=text, sp=sp, ss=[text[a:b] for a, b in sp], head=head)


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
        ja, en = FRESH
        fresh = set(range(len(self.data.written["ja"]) - ja, len(self.data.written["ja"]))) | set(range(len(pool) - en, len(pool)))
        drawn = [k for k, x in enumerate(self.items) for _ in range(4 if x[2] in fresh else 1)]
        self.of = {l: [k for k in drawn if self.rows.is_ja(self.items[k][0]) == (l == "ja")] for l in ("ja", "en")}
        self.vague = {k for k, x in enumerate(self.items) if wording.vague(x[0])}
        self.sides = {l: [[k for k in self.of[l] if self.items[k][4] == yes and self.items[k][1][0] >= 0] for yes in (True, False)] for l in ("ja", "en")}
        self.unanswered = {l: [k for k in self.of[l] if not self.items[k][1]] for l in ("ja", "en")}

    def add(self, r):
        d = place(r["text"], [h for h in (r.get("heading"), r.get("title")) if h])
        ss, n = d["ss"], len(self.docs)
        d["said"] = [c for c in map(self.told, r["qa"]) if c]
        self.docs.append(d)
        for x in r["qa"]:
            c = self.told(x)
            hold = [i for i, s in enumerate(ss) if flat(c) in flat(s)] if len(c) > 1 else []
            if not hold and c and polarity(x["a"]) is None and flat(c) in flat(r["text"]):
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

    def mark(self, d, a, b, R):
        """A span of a document as it is read. A document has one heading as long as a group is made (headed)."""
        return marked(d["text"], a, b, d.get("now", ""), R.choice((1, 1, 1, 1, 1, 1, 0.5, 0)))

    def headed(self, d, R):
        d["now"] = R.choice(d["head"]) if d["head"] and R.random() < 0.5 else ""
        return d

    def stretch(self, d, at, R):
        """One to three sentences with the at-th -> (first, last) of them"""
        n = R.choice((1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3))
        i = max(0, at - R.randrange(n))
        return i, min(len(d["sp"]), i + n)

    def whole(self, d, i, R, j=None):
        """The i-th sentence, or those from the i-th to before the j-th, as it is read"""
        return self.mark(d, d["sp"][i][0], d["sp"][(j or i + 1) - 1][1], R)

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
                out.append(inner(sentence, ws[i][0], ws[j][1], " 、，,;；。."))
        return [t for t in dict.fromkeys(out) if t[1] > t[0]]

    def cut(self, d, at, core, others, R, answer="", spans=()):
        """Clauses of a sentence, those with the answer and those without, and clauses of other sentences [(document, sentence)]. Now and then answers as a
        model gives them: the right one, those to other questions (spans), stretches that begin or end anywhere, or near its ends (around)."""
        sentence, from_ = d["ss"][at], d["sp"][at][0]
        ws = window_spans(sentence) + [(0, len(sentence))]
        if R.random() < 0.4:
            ws += self.around(sentence, core, R)
        elif R.random() < 0.6:
            for x in [answer] * bool(answer) + list(spans):
                k = sentence.lower().find(x.lower())
                ws += [(k, k + len(x))] * (k >= 0)
            for _ in range(2):
                a = R.randrange(len(sentence))
                b = a + R.choice([4, 8, 12, 20, 30])
                if not re.search("[\u3040-\u30ff\u4e00-\u9fff]", sentence):  # whole words
                    a, b = sentence.rfind(" ", 0, a + 1) + 1, len(sentence) if sentence.find(" ", b + 8) < 0 else sentence.find(" ", b + 8)
                ws.append(inner(sentence, a, min(b, len(sentence))))
        got = [(self.mark(d, from_ + a, from_ + b, R), int(bool(core) and core in flat(sentence[a:b]))) for a, b in dict.fromkeys(ws) if a < b]
        yes, no = [g for g in got if g[1]], [g for g in got if not g[1]]
        R.shuffle(yes)
        R.shuffle(no)
        out = yes[: R.choice([1, 2, 2])] + no[:5]
        while len(out) < GROUP:
            if others and R.random() < 0.6:
                o, i = R.choice(others)
            else:
                o = self.headed(R.choice(self.docs), R)
                i = R.randrange(len(o["ss"]))
            s = o["ss"][i]
            a, b = R.choice(window_spans(s) + [(0, len(s))])
            out.append((self.mark(o, o["sp"][i][0] + a, o["sp"][i][0] + b, R), 0 if not core or core not in flat(s) else -1))
        return out[:GROUP]

    def sided(self, q, d, at, yes, R):
        """What stands in a sentence says yes, or no."""
        text = self.whole(d, at, R)
        return [(side(w, text), int(is_yes == yes)) for w, is_yes in self.both(q)]

    def written(self, R, near):
        """-> question, [(text, label)]"""
        lang, r = "ja" if R.random() < JA else "en", R.random()
        k = R.choice(R.choice(self.sides[lang]) if 0.2 <= r < 0.3 else (self.unanswered if r < 0.2 else self.of)[lang])  # as many yes as no
        if k in self.vague and R.random() < 0.7:
            return None
        q, hold, n, answer, yes = self.items[k]
        d = self.headed(self.docs[n], R)
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
                got = self.cut(d, at, flat(right) if hold else None, [(d, i) for i in range(len(ss)) if i not in hold and i != at], R, right, R.sample(spans, min(3, len(spans))))
                if yes is not None and hold:
                    got[1:1] = self.sided(q, d, at, yes, R)
                return q, got[:GROUP]
        if hold and hold[0] >= 0:
            at = best if best is not None else R.choice(hold)
            a, b = self.stretch(d, at, R)
            out.append((self.whole(d, a, R, b), 1))
        if R.random() < 0.15 and (not hold or hold[0] >= 0 and best is not None and d["sp"][best][1] <= 450):  # a passage as it is: the model orders those, too
            out.append(((d["now"] + "\n" if d["now"] else "") + d["text"][:450], int(bool(hold))))
        banned = set(hold)
        free = [i for i in range(len(ss)) if i not in banned] if not hold or hold[0] >= 0 else []
        R.shuffle(free)
        if near and free:  # those that look most like an answer first
            order = near["own"].get(k)
            if order is not None and R.random() < 0.7:
                free = [i for i in order if i not in banned][:4] + free
        for i in list(dict.fromkeys(free))[: 5 + (not hold)]:
            a, b = self.stretch(d, i, R)
            if any(x in banned for x in range(a, b)):
                a, b = i, i + 1
            out.append((self.whole(d, a, R, b), 0))
        while len(out) < GROUP:
            if near and k in near["far"] and R.random() < 0.6:
                o, i = R.choice(near["far"][k])
            else:
                o = R.randrange(len(self.docs))
                i = R.randrange(len(self.docs[o]["ss"]))
            if o != n:
                e = self.headed(self.docs[o], R)
                a, b = self.stretch(e, i, R)
                out.append((self.whole(e, a, R, b), 0))
        return q, out[:GROUP]

    def invented(self, R):
        """A question to an invented document, in which other things have the same properties"""
        import invent

        d = invent.document("ja" if R.random() < 0.5 else "en")
        if not d or not d[1]:
            return None
        ps, qa, absent = d
        q, a = R.choice(qa + [(x, None) for x in absent[:4]])
        d, yes = place("\n\n".join(ps)), polarity(a) if a else None
        d["now"] = ""
        a = literal(self.rows.core(a), d["text"]) if a else None
        c = flat(a) if a else None
        hold = [i for i, s in enumerate(d["ss"]) if c and c in flat(s)]
        if a and len(hold) != 1 or not d["ss"]:
            return None
        free = [i for i in range(len(d["ss"])) if i not in hold]
        R.shuffle(free)
        if R.random() < CLAUSE:
            at = hold[0] if hold else R.choice(free)
            got = self.cut(d, at, c, [(d, i) for i in free], R, a or "")
            if yes is not None:
                got[1:1] = self.sided(q, d, at, yes, R)
            return q, got[:GROUP]
        out = [(self.whole(d, i, R), 1) for i in hold] + [(self.whole(d, i, R), 0) for i in free[: GROUP - 1]]
        while len(out) < GROUP:
            e = self.headed(R.choice(self.docs), R)
            out.append((self.whole(e, R.randrange(len(e["ss"])), R), 0))
        return q, out[:GROUP]

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
        d = place(p["text"])
        ss = d["ss"]
        c = flat(self.rows.core(a))
        hold = [j for j, s in enumerate(ss) if c in flat(s)]
        if len(hold) != 1:
            return None
        free = [j for j in range(len(ss)) if j != hold[0]]
        R.shuffle(free)
        if R.random() < CLAUSE:
            return q, self.cut(d, hold[0], c, [(d, j) for j in free], R, self.rows.core(a))
        out = [(self.whole(d, hold[0], R), 1)] + [(self.whole(d, j, R), 0) for j in free[:4]]
        while len(out) < GROUP:
            o = pool[min(len(pool) - 1, max(0, i + R.randrange(-3, 4)))] if R.random() < 0.5 else R.choice(pool)
            e = place(o["text"])
            if e["ss"]:
                j = R.randrange(len(e["ss"]))
                if c not in flat(e["ss"][j]):
                    out.append((self.whole(e, j, R), 0))
        return q, out

    def batch(self, R, near, groups, shares):
        """-> ids of groups * GROUP texts, their lengths, labels [groups, GROUP], weight [groups]"""
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
            if R.random() < REWORDED:
                q = wording.reworded(q, self.rows.is_ja(q), 0.6, R.random() < 0.25)
            while R.random() < SLIPS:
                q = wording.slip(q, self.rows.is_ja(q))
            seqs += [self.pair(q, t) for t, _ in ts]
            ys.append([y for _, y in ts])
            ws.append((1.0, 0.8, 0.3)[kind])
        return np.concatenate(seqs), np.array([len(x) for x in seqs]), np.array(ys, np.float32), np.array(ws, np.float32)


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
    go, near_file = ctx.Event(), "%s.near%d" % (os.environ.get("NEAR", state), me)  # what a run before this one found

    def worker(seed):
        import pickle

        go.wait()
        near = pickle.load(open(near_file, "rb"))
        R = random.Random(seed)
        pairs.rows.R.seed(seed)
        while True:
            made.put(pairs.batch(R, near, groups, (0.58, 0.32, 0.1)))

    workers = [ctx.Process(target=worker, args=(1000 * me + i,), daemon=True) for i in range(int(os.environ.get("WORKERS", 8)))]
    for p in workers:
        p.start()
    import pickle

    dev = "cuda" if torch.cuda.is_available() else "cpu"  # after the workers have gone their ways
    if people > 1:
        torch.cuda.set_device(me)
        torch.distributed.init_process_group("nccl")
    if not ("NEAR" in os.environ and os.path.exists(near_file)):
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
    save = lambda: torch.save({"train": {k: v.detach().cpu() for k, v in ps.items()}, "rank": rank, "alpha": net.alpha}, state)
    begun, step, total, seen = time.time(), 0, 0.0, 0
    p = 0.0
    while p < 1:
        ids, lens, y, w = (torch.from_numpy(x).to(dev) for x in made.get())
        share = min(1, (step + 1) / 100) * max(0.02, 1 - p)
        for g in opt.param_groups:
            g["lr"] = g["lr0"] * share
        z = net(ids.long(), lens, drop).view(y.shape)
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
        seen += len(lens)
        if step % 500 == 0:
            log("step %d at %.2f loss %.4f, %.1fk pairs/s, %d waiting" % (step, p, total / 50, seen / (time.time() - begun) / 1e3, made.qsize()))
            total = 0.0
            if not me and step % 2000 == 0:
                save()  # what there is, should the machine go
    for q in workers:
        q.kill()
    if me:
        os._exit(0)
    save()
    log("saved after step", step)
    net.layer = layer
    if MEASURED:
        measure(pack, written, state, net, pairs)
    os._exit(0)


def stretches(text):
    """Every sentence, and two or three of which but the last neither end nor are followed by an empty line -> [(first, last, sentences)]"""
    sp = sentence_spans(text)
    ends = [bool(END.search(text[a:b])) or i + 1 < len(sp) and "\n\n" in text[b : sp[i + 1][0]] for i, (a, b) in enumerate(sp)]
    return [(sp[i][0], sp[i + n - 1][1], n) for n in (1, 2, 3) for i in range(len(sp) - n + 1) if not any(ends[i : i + n - 1])]


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
            ids = torch.from_numpy(np.concatenate([flatten[i] for i in ix])).long()
            out[ix] = net(ids.to(dev), lens.to(dev), 0.0, eff).float().cpu()
    res, at = [], 0
    for q, ts in qs:
        res.append(out[at : at + len(ts)])
        at += len(ts)
    return res


def choose(net, pairs, asked):
    """[(question, [(passage, heading)])] -> for each: sentence, clause, their logits z1 (best stretch), zs (sentence), z2 (clause)

    First the stretches of all passages; then the clauses of the two best sentences, read beside these."""
    first = [[(t, h, *x) for t, h in ps for x in stretches(t)] for _, ps in asked]
    got = score(net, pairs, [(q, [marked(t, a, b, h) for t, h, a, b, _ in ts]) for (q, _), ts in zip(asked, first)])
    second, keep = [], []
    for (q, ps), ts, z in zip(asked, first, got):
        one = sorted((i for i, t in enumerate(ts) if t[4] == 1), key=lambda i: -z[i])[:2]
        top = int(z.argmax())
        if z[one[0]] < z[top] - 1.5:
            one = [top]
        cand = [(ts[i][0], ts[i][1], ts[i][2] + a, ts[i][2] + b, k) for k, i in enumerate(one) for s in [ts[i][0][ts[i][2] : ts[i][3]]] for a, b in window_spans(s) + [(0, len(s))]]
        second.append((q, [marked(t, a, b, h) for t, h, a, b, _ in cand]))
        keep.append((cand, [ts[i] for i in one], [float(z[i]) for i in one], float(z[top])))
    z2s = score(net, pairs, second)
    out = []
    for (cand, one, zs, z1), z2 in zip(keep, z2s):
        t, h, a, b, k = cand[max(range(len(cand)), key=lambda i: z2[i] - RUNE * (cand[i][3] - cand[i][2]))]
        _, _, sa, sb, _ = one[k]
        out.append(dict(sentence=t[sa:sb], clause=t[a:b], z1=z1, zs=zs[k], z2=float(z2.max()), at=(t, h, a, b)))
    return out


def trimmed(net, pairs, asked, rounds, rune, least):
    """[(question, (text, heading, first, last))] -> the clause without words that it can do without: while it has more than least characters, the best of its trims for its length, if that is better"""
    best = [(a, b) for _, (_, _, a, b) in asked]
    open_ = list(range(len(asked)))
    for _ in range(rounds):
        open_ = [k for k in open_ if best[k][1] - best[k][0] > least]
        cands = []
        for k in open_:
            a, b = best[k]
            cands.append([(a, b)] + [(a + x, a + y) for x, y in trims(asked[k][1][0][a:b])])
        zs = score(net, pairs, [(asked[k][0], [marked(asked[k][1][0], a, b, asked[k][1][1]) for a, b in c]) for k, c in zip(open_, cands)])
        still = []
        for k, c, z in zip(open_, cands, zs):
            t = max(range(len(c)), key=lambda i: z[i] - rune * (c[i][1] - c[i][0]))
            if t:
                best[k] = c[t]
                still.append(k)
        open_ = still
    return [t[a:b] for (a, b), (_, (t, _, _, _)) in zip(best, asked)]


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
    """Held-back documents: each question with its passage and two others; is the answer in the best sentence, in the clause; are absent ones told apart. Then
    invented documents of what was held back there, and yes or no."""
    import invent

    if net is None:
        net, pairs = loaded(pack, written, state)
    R = random.Random(4)
    invent.R.seed(4)
    dump = []
    for lang in ("ja", "en"):
        docs = pairs.data.dev[lang]
        of = [(x["q"], x["a"], place(r["text"]), flat(pairs.told(x))) for r in docs for x in r["qa"] if polarity(x["a"]) is not None]
        said = [(q, polarity(a), d["text"], d["sp"][i]) for q, a, d, c in of for i in [next((i for i, s in enumerate(d["ss"]) if c in flat(s)), None)] if i is not None][:MEASURED]
        zs = score(net, pairs, [(q, [side(w, marked(t, *at)) for w, _ in pairs.both(q)]) for q, _, t, at in said])
        log("%s: yes or no of %d: %.3f right (%.3f are yes)" % (lang, len(said), sum((z[0] > z[1]) == y for (_, y, _, _), z in zip(said, zs)) / max(1, len(said)), sum(y for _, y, _, _ in said) / max(1, len(said))))
        rows = [(r, x["q"], pairs.told(x)) for r in docs for x in r["qa"] if x.get("kind") != "keyword"] + [(r, q, None) for r in docs for q in r.get("absent", [])]
        rows = [x for x in rows if not wording.vague(x[1])]
        asked = []
        for r, q, a in R.sample(rows, min(len(rows), MEASURED)):
            o = [r] + R.sample([x for x in docs if x is not r], 2)
            asked.append((q, [(d["text"], d.get("heading") or d.get("title") or "") for d in o], a))
        figures(lang, lang, net, pairs, asked, dump)
        asked = []
        while len(asked) < MEASURED * 2 // 5:
            d = invent.document(lang, held=True)
            if d and d[1]:
                ps = [("\n\n".join(d[0]), "")] + [(x["text"], "") for x in R.sample(docs, 2)]
                asked += [(q, ps, literal(pairs.rows.core(a), ps[0][0])) for q, a in R.sample(d[1], min(4, len(d[1])))] + [(q, ps, None) for q in d[2][:2]]
        figures(lang + ", invented", lang, net, pairs, asked, dump)
    json.dump(dump, open(state + ".measure.json", "w"), ensure_ascii=False)


def figures(name, lang, net, pairs, asked, dump):
    """Of questions with passages and their answers, None where there is none."""
    got = choose(net, pairs, [(q, ps) for q, ps, _ in asked])
    pos, neg = [], []
    for (q, _, a), g in zip(asked, got):
        dump.append(dict(set=name, lang=lang, q=q, a=a, **{k: v for k, v in g.items() if k != "at"}))
        (neg if a is None else pos).append((g["z1"], g["z2"], g["z1"] + g["z2"]))
    pos, neg = np.array(pos), np.array(neg)
    for k, by in enumerate(("stretch", "clause", "sum")):
        x, y = pos[:, k], neg[:, k]
        bound = np.quantile(y, 0.85)
        log("%s by %s: AUC %.3f, at 85%% refused false refusals %.3f; at 0: refused %.3f, false %.3f" % (name, by, float((x[:, None] > y[None]).mean()), float((x <= bound).mean()), float((y < 0).mean()), float((x < 0).mean())))
    some = [(q, flat(a), g) for (q, _, a), g in zip(asked, got) if a is not None and flat(a) not in ("", "はい", "いいえ", "yes", "no")]
    holds = lambda of: sum(c in flat(g[of]) for _, c, g in some) / len(some)
    brief = lambda of: sum(c in flat(t) and len(t) <= 3 * len(c) + 40 for (_, c, _), t in zip(some, of)) / len(some)
    log("%s: %d questions, in the sentence %.3f, in the clause %.3f, and that short enough %.3f" % (name, len(some), holds("sentence"), holds("clause"), brief([g["clause"] for _, _, g in some])))
    least = 30 if lang == "ja" else 80
    short = trimmed(net, pairs, [(q, g["at"]) for q, _, g in some], 3, 0.02, least)
    log("%s: trimmed at 0.02 a character while longer than %d: holds it %.3f, short enough %.3f, %.0f characters where the answers have %.0f" % (
        name, least, sum(c in flat(t) for (_, c, _), t in zip(some, short)) / len(some), brief(short), sum(map(len, short)) / len(some), sum(len(c) for _, c, _ in some) / len(some)))


def exam(pack, state, rows_file, out):
    """Rows of exam.py -> the same with the clause as context, and the logits."""
    net, pairs = loaded(pack, os.devnull, state)
    rs = [json.loads(l) for l in open(rows_file)]
    got = choose(net, pairs, [(r["q"], [(p, "") for p in r["ctx"].split("\n\n")]) for r in rs])
    with open(out, "w") as f:
        for r, g in zip(rs, got):
            r.update({k: v for k, v in g.items() if k != "at"})
            r["ctx"] = g["clause"]
            f.write(json.dumps(r, ensure_ascii=False) + "\n")


def peft_name(name):
    """PEFT's name for one of Net.train."""
    return "base_model.model.%s%s%s" % ("" if name.startswith("classifier") else "bert.", name, ".weight" if "lora" in name else "")


def stored(name, value):
    """What a tensor is stored as: halves of adapters as int8 rows, which is half the room: row r is weight[r] * scale[r]."""
    import torch

    if "lora_" not in name:
        return {name: value.half().contiguous()}
    scale = (value.float().abs().amax(1) / 127).clamp_min(1e-7).half()
    return {name: torch.round(value.float() / scale.float()[:, None]).clamp(-127, 127).to(torch.int8), name + ".scale": scale}


def halves(folder):
    """The tensors of what export wrote, or PEFT, in float32."""
    from safetensors.torch import load_file

    sd = load_file(folder + "/adapter_model.safetensors")
    return {k: v.float() * sd[k + ".scale"].float()[:, None] if k + ".scale" in sd else v.float() for k, v in sd.items() if not k.endswith(".weight.scale")}


def plain(folder, out):
    """Copies what export wrote as a folder that PEFT reads, in fp32."""
    import shutil
    from safetensors.torch import save_file

    os.makedirs(out, exist_ok=True)
    save_file(halves(folder), out + "/adapter_model.safetensors", metadata={"format": "pt"})
    shutil.copy(folder + "/adapter_config.json", out)


def export(pack, state, folder):
    import torch
    from safetensors.torch import save_file

    s = torch.load(state, map_location="cpu")
    os.makedirs(folder, exist_ok=True)
    out = {}
    for k, v in s["train"].items():
        out.update(stored(peft_name(k), v))
    save_file(out, folder + "/adapter_model.safetensors", metadata={"format": "pt"})
    cfg = dict(peft_type="LORA", task_type="SEQ_CLS", base_model_name_or_path="intfloat/multilingual-e5-small", r=s["rank"], lora_alpha=s["alpha"], lora_dropout=0.0, bias="none", fan_in_fan_out=False, inference_mode=True,
               init_lora_weights=True, target_modules=r"bert\.encoder\.layer\.\d+\.(attention\.self\.(query|key|value)|attention\.output\.dense|intermediate\.dense|output\.dense)", modules_to_save=["pooler", "classifier"])
    json.dump(cfg, open(folder + "/adapter_config.json", "w"), indent=2)
    json.dump({"base": "multilingual-e5-small", "format": 2}, open(folder + "/evidence.json", "w"), indent=2)


if __name__ == "__main__":
    {"train": train, "measure": measure, "exam": exam, "export": export, "plain": plain}[sys.argv[1]](*sys.argv[2:])
