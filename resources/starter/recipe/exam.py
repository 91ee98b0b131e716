"""Stage 7: figures on rows that training never read.

usage: exam.py make PACK_DIR WRITTEN_DIR OUT.jsonl          the rows: held-back written passages, held-back relations, held-back manuals
       exam.py run MODEL_DIR_or_STATE.pt PACK_DIR EXAM.jsonl ANSWERS.jsonl

Each question is asked with its passage and two others. correct: the reference stands in the answer (a yes or no is also the right
one); false refusal: refused although the passage answers; refused: refused where it does not. p is the probability of refusing.
"""
import json, os, random, re, sys


def make(pack, written, out):
    import rows, invent

    rnd = random.Random(11)
    rows.R.seed(12)
    d = rows.Data(pack, written)
    exam = []
    for lang in ("ja", "en"):
        docs = d.dev[lang]
        others = [p["text"] for p in docs] + [p["text"] for p in d.dev_real[lang]]
        for name, source in (("written", docs), ("manual", rnd.sample(d.dev_real[lang], min(70, len(d.dev_real[lang]))))):
            for p in source:
                qa = [(x["q"], x["a"], x.get("kind")) for x in p["qa"]] if name == "written" else [(q, a, k) for q, a, k in rnd.sample(p["qa"], min(1, len(p["qa"]))) if k not in ("label", "row")]
                for q, a, k in qa + [(q, None, "absent") for q in p.get("absent", [])]:
                    ctx = [p["text"]] + rnd.sample([o for o in others if o != p["text"]], 2)
                    rnd.shuffle(ctx)
                    exam.append(dict(set=name, lang=lang, kind=k, ctx="\n\n".join(ctx), q=q, gold=a))
        n = 0
        while n < 110:
            doc = invent.document(lang, held=True)
            if not doc:
                continue
            ps, qa, absent = doc
            for q, a in rnd.sample(qa, min(2, len(qa))) + [(q, None) for q in absent[:1]]:
                ctx = ps + rnd.sample(others, 2)
                rnd.shuffle(ctx)
                exam.append(dict(set="families", lang=lang, kind="families" if a else "absent", ctx="\n\n".join(ctx), q=q, gold=a))
                n += 1
    with open(out, "w") as f:
        for r in exam:
            f.write(json.dumps(r, ensure_ascii=False) + "\n")
    count = {}
    for r in exam:
        k = (r["set"], r["lang"], bool(r["gold"]))
        count[k] = count.get(k, 0) + 1
    print(count)


def squeeze(s):
    return re.sub(r"[\s。.、,]", "", s).lower()


def refused(s):
    return "記載がありません" in s or "do not say" in s


def right(gold, out):
    m = re.match("(はい|いいえ|yes|no)\\b", gold, re.I)
    if m:
        return bool(re.match(m.group(), out, re.I))
    g = re.sub("(です|だ)?[。.]?$", "", gold.strip())
    return squeeze(g) in squeeze(out)


def run(where, pack, exam, answers):
    import torch, sentencepiece as spm, model, rows

    dev = "cuda" if torch.cuda.is_available() else "cpu"
    if where.endswith(".pt"):
        sd = torch.load(where, map_location="cpu")["net"]
        layers = 1 + max(int(k.split(".")[1]) for k in sd if k.startswith("blocks."))
        net = model.NeoX(*sd["embed.weight"].shape, sd["embed.weight"].shape[1] // 64, layers)
        net.load_state_dict(sd)
        sp = spm.SentencePieceProcessor(pack + "/spiece.model")
    else:
        net, sp = model.load_folder(where), spm.SentencePieceProcessor(where + "/spiece.model")
    net = net.to(dev).eval()
    rs = [json.loads(l) for l in open(exam)]
    prompts = []
    for r in rs:
        lang = "ja" if rows.is_ja(r["q"]) else "en"
        p = rows.PROMPT[lang]
        prompts.append((sp.encode(p[0]) + sp.encode(r["ctx"])[:880] + sp.encode(p[1]) + sp.encode(p[2] % r["q"]), lang))
    ref = {l: sp.encode(t) for l, t in rows.REFUSAL.items()}
    outs, probs = answer(net, sp, [p for p, _ in prompts], [ref[l] for _, l in prompts], dev)
    with open(answers, "w") as f:
        for r, o, p in zip(rs, outs, probs):
            f.write(json.dumps(dict(set=r["set"], lang=r["lang"], kind=r["kind"], q=r["q"], gold=r["gold"], out=o[0], p=round(p, 4), alt=o[1]), ensure_ascii=False) + "\n")
    report(answers)


def answer(net, sp, prompts, refusals, dev, most=48, size=96):
    """Greedy answers, the probability of the whole refusal, and what is answered when refusing is forbidden."""
    import torch

    @torch.no_grad()
    def batch(ps):
        n = max(map(len, ps))
        ids = torch.full((len(ps), n), 3, device=dev)
        for i, p in enumerate(ps):
            ids[i, : len(p)] = torch.tensor(p, device=dev)
        with torch.autocast(dev, torch.bfloat16, enabled=dev == "cuda"):
            return net(ids, torch.arange(n, device=dev)[None].expand(len(ps), n), None)

    def greedy(ps, ban=None):
        out, live = [[] for _ in ps], list(range(len(ps)))
        for step in range(most):
            h = batch([ps[i] + out[i] for i in live])
            last = torch.stack([h[j, len(ps[i]) + len(out[i]) - 1] for j, i in enumerate(live)]).float() @ net.embed.weight.float().t()
            if ban is not None:
                for j, i in enumerate(live):  # at the first token that is the refusal's own (" The" also begins answers)
                    at = 1 if ban[i][0] == the else 0
                    if step == at and out[i] == ban[i][:at]:
                        last[j, ban[i][at]] = -1e9
            nxt = last.argmax(-1).tolist()
            for j, i in enumerate(live):
                out[i].append(nxt[j])
            live = [i for i in live if out[i][-1] != 2]
            if not live:
                break
        return [sp.decode([t for t in o if t != 2]).strip() for o in out]

    the = sp.encode(" The")[0]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    outs, probs = [None] * len(prompts), [0.0] * len(prompts)
    for s in range(0, len(order), size):
        ix = order[s : s + size]
        ps = [prompts[i] for i in ix]
        with torch.no_grad():
            h = batch([p + refusals[i] for p, i in zip(ps, ix)])
            for j, i in enumerate(ix):
                r = refusals[i]
                lg = (h[j, len(ps[j]) - 1 : len(ps[j]) + len(r) - 1].float() @ net.embed.weight.float().t()).log_softmax(-1)
                probs[i] = lg[range(len(r)), r].sum().exp().item()
        a = greedy(ps)
        b = greedy(ps, [refusals[i] for i in ix])
        for j, i in enumerate(ix):
            outs[i] = (a[j], b[j])
    return outs, probs


def report(path):
    rs = [json.loads(l) for l in open(path)]
    for s in sorted({(r["set"], r["lang"]) for r in rs}):
        part = [r for r in rs if (r["set"], r["lang"]) == s]
        yes, no = [r for r in part if r["gold"]], [r for r in part if not r["gold"]]
        line = []
        for t in (None, 0.5, 0.7, 0.8, 0.9, 0.95):
            said = lambda r: r["out"] if t is None else ("do not say" if r["p"] > t else r["alt"] if refused(r["out"]) else r["out"])
            c = sum(right(r["gold"], said(r)) for r in yes) / max(1, len(yes))
            f = sum(refused(said(r)) for r in yes) / max(1, len(yes))
            n = sum(refused(said(r)) for r in no) / max(1, len(no))
            line.append("%s %.2f/%.2f/%.2f" % (t or "greedy", c, f, n))
        print("%-9s %s n=%d+%d correct/false refusal/refused: %s" % (*s, len(yes), len(no), "  ".join(line)))
        if s[0] == "written":
            kinds = {}
            for r in yes:
                kinds.setdefault(r["kind"], []).append(right(r["gold"], r["out"]))
            print("          ", {k: "%d/%d" % (sum(v), len(v)) for k, v in sorted(kinds.items(), key=lambda x: -len(x[1]))})


if __name__ == "__main__":
    {"make": make, "run": run, "report": report}[sys.argv[1]](*sys.argv[2:])
