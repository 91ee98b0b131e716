"""Stage 4c: the embedder in 8 bits with the pieces that our texts use, small enough to carry to a GPU.

usage: teacher.py make E5_DIR PACK_DIR     -> PACK_DIR/teacher.npz, teacher.json (its tokenizer)
       teacher.py check E5_DIR PACK_DIR    how near the packed embedder is to the original

multilingual-e5-small (MIT). evidence.py trains on it; it was also tried as a teacher of the writer's middle layers (README.md, what was found).
"""
import bz2, json, lzma, sys
import numpy as np


class Teacher:
    """multilingual-e5-small (BERT with learnt positions, 12 layers of 384), last hidden states, in the number format of the device."""

    def __init__(self, pack, device, dtype):
        import torch

        z = np.load(pack + "/teacher.npz")
        self.w = {}
        for k in z.files:
            if k.endswith(".q"):
                t = torch.from_numpy(z[k]).to(device).float() * torch.from_numpy(z[k[:-2] + ".s"]).to(device).float()[:, None]
                self.w[k[:-2]] = t.to(dtype)
            elif k.endswith(".f"):
                self.w[k[:-2]] = torch.from_numpy(z[k]).to(device).to(dtype)
        self.mean, self.spread = (torch.from_numpy(z[k]).to(device).float() for k in ("mean", "spread"))

    def states(self, ids, lens):
        """ids [N, L], lens [N] -> [N, L, 384]"""
        import torch
        import torch.nn.functional as F

        w, n = self.w, ids.shape[1]
        norm = lambda x, k: F.layer_norm(x, (384,), w[k + ".weight"], w[k + ".bias"], 1e-12)
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:n] + w["embeddings.token_type_embeddings.weight"][0]
        x = norm(x, "embeddings.LayerNorm")
        mask = (torch.arange(n, device=ids.device)[None] < lens[:, None])[:, None, None]
        for i in range(12):
            p = "encoder.layer.%d." % i
            lin = lambda x, k: F.linear(x, w[p + k + ".weight"], w[p + k + ".bias"])
            q, k, v = (lin(x, "attention.self." + t).view(*x.shape[:2], 12, 32).transpose(1, 2) for t in ("query", "key", "value"))
            a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(x.shape)
            x = norm(x + lin(a, "attention.output.dense"), p + "attention.output.LayerNorm")
            x = norm(x + lin(F.gelu(lin(x, "intermediate.dense")), "output.dense"), p + "output.LayerNorm")
        return x


def make(e5, pack):
    import torch
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    import evidence
    from held import rows
    import wording

    sd = {k.removeprefix("bert."): v.float() for k, v in load_file(e5 + "/model.safetensors").items()}
    tk = Tokenizer.from_file(e5 + "/tokenizer.json")
    count = np.zeros(sd["embeddings.word_embeddings.weight"].shape[0], np.int64)
    texts, of = [], {}
    rnd = np.random.default_rng(1)
    for line in lzma.open(pack + "/real.jsonl.xz", "rt"):
        p = json.loads(line)
        of[p["id"]] = p["text"]
        if p["lang"] == "ja" or rnd.random() < 0.4:
            texts.append(p["text"])
    w = json.load(open(pack + "/words.json"))
    words = [x for l in w.values() for g in (l.values() if isinstance(l, dict) else [l]) for x in g if isinstance(x, str)]
    import glob

    for path in glob.glob("written/*.jsonl.*"):
        for r in rows(path, of):
            texts += [r["passage"]] * 3 + [x["q"] + " " + x["a"] for x in r["qa"]] * 3
            texts += [evidence.marked(r["passage"], *at) for at in evidence.sentence_spans(r["passage"])[::2]]
    texts += list(bz2.open(wording.LIST, "rt", encoding="utf-8")) * 3
    texts += [" ".join(words[i : i + 50]) for i in range(0, len(words), 50)] * 2
    tk.no_padding()
    tk.no_truncation()
    for i in range(0, len(texts), 512):
        for e in tk.encode_batch(texts[i : i + 512], add_special_tokens=False):
            np.add.at(count, e.ids, 1)
    count[:4] = 1 << 40
    keep = np.flatnonzero(count)
    t = json.loads(tk.to_str())  # with the pieces that are used alone the texts are cut as before
    t["model"]["vocab"] = [t["model"]["vocab"][i] for i in keep]
    t["model"]["unk_id"], t["added_tokens"], t["post_processor"] = 3, [], None
    json.dump(t, open(pack + "/teacher.json", "w"), ensure_ascii=False)
    full, tk = tk, Tokenizer.from_file(pack + "/teacher.json")
    small = np.full(len(count), 3, np.int32)
    small[keep] = np.arange(len(keep))
    some = [texts[i] for i in rnd.choice(len(texts), 3000, replace=False)]
    print("cut otherwise", sum(tk.encode(x, add_special_tokens=False).ids != small[full.encode(x, add_special_tokens=False).ids].tolist() for x in some), "of 3000")
    print("pieces", len(keep))
    out = {}
    for k, t in sd.items():
        if k.startswith("pooler") or "position_ids" in k:
            continue
        if k == "embeddings.word_embeddings.weight":
            t = t[torch.from_numpy(keep)]
        if t.ndim == 2 and t.shape[0] > 2:
            s = t.abs().amax(1).clamp_min(1e-8) / 127
            out[k + ".q"], out[k + ".s"] = (t / s[:, None]).round().to(torch.int8).numpy(), s.half().numpy()
        else:
            out[k + ".f"] = t.half().numpy()
    out["mean"], out["spread"] = np.zeros(384, np.float32), np.ones(384, np.float32)
    np.savez(pack + "/teacher.npz", **out)
    t = Teacher(pack, "cpu", torch.float32)
    hs = []
    with torch.inference_mode():
        for s in some[:400]:
            ids = [0] + tk.encode("passage: ", add_special_tokens=False).ids + tk.encode(s, add_special_tokens=False).ids[:300] + [2]
            hs.append(t.states(torch.tensor([ids]), torch.tensor([len(ids)]))[0, 3:-1])
    h = torch.cat(hs)
    out["mean"], out["spread"] = h.mean(0).numpy(), h.std(0).numpy()
    np.savez(pack + "/teacher.npz", **out)
    print("spread", float(h.std(0).min()), float(h.std(0).max()), "tokens", len(h))


def check(e5, pack):
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModel, AutoTokenizer

    tk, net = AutoTokenizer.from_pretrained(e5), AutoModel.from_pretrained(e5).float().eval()
    t = Teacher(pack, "cpu", torch.float32)
    mine = Tokenizer.from_file(pack + "/teacher.json")
    with torch.inference_mode():
        for s in ("passage: 会議室の料金は一時間あたり千二百円です。利用は三日前までに申し込んでください。", "query: 会議室を借りるといくらかかりますか", "passage: The warranty lasts two years from the day of purchase."):
            b = tk(s, return_tensors="pt")
            a = net(**b).last_hidden_state[0]
            ids = [0] + mine.encode(s, add_special_tokens=False).ids + [2]
            c = t.states(torch.tensor([ids]), torch.tensor([len(ids)]))[0]
            print("cosine", float(torch.nn.functional.cosine_similarity(a.mean(0), c.mean(0), 0)), "tokens", float(torch.nn.functional.cosine_similarity(a, c, -1).min()), "unknown", ids.count(3))


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](*sys.argv[2:4])
