"""Writes golden.json.gz: what transformers, peft and torch compute for small models that the Go tests rebuild.

    python golden.py [cuda FOLDER]        (torch 2.11, transformers 5.17, peft 0.21, bitsandbytes 0.50; CPU, fp32)

Weights are not stored: both sides make them with the integer hash below (core/neox/testdata/golden.py has the same). Batches are
padded here and packed there.
"""
import base64, gzip, json, math, pathlib, sys
import numpy as np, torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, get_scheduler

torch.manual_seed(0)
torch.set_num_threads(1)
here = pathlib.Path(__file__).parent
HEAD = "lm_head.weight"  # transformers 5's inner name of what files call embed_out.weight


def uniform(name, n):
    """n numbers in [-1, 1): FNV-1a of the name seeds a 32-bit mixing of the index."""
    seed = 2166136261
    for b in name.encode():
        seed = ((seed ^ b) * 16777619) & 0xFFFFFFFF
    h = (np.arange(n, dtype=np.uint64) * 2654435761 + seed) & 0xFFFFFFFF
    h = h.astype(np.uint32)
    h ^= h >> 16
    h *= np.uint32(0x7FEB352D)
    h ^= h >> 15
    h *= np.uint32(0x846CA68B)
    h ^= h >> 16
    return (h >> 8).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)


def weight(name, shape):
    name = "embed_out.weight" if name == HEAD else name
    u = uniform(name, math.prod(shape))
    if len(shape) == 2 and "embed" not in name:
        u = u * np.float32(1.5 / math.sqrt(shape[1]))
    elif name.endswith("norm.weight"):
        u = np.float32(1) + np.float32(0.25) * u
    elif len(shape) == 1:
        u = np.float32(0.25) * u
    return torch.from_numpy(u.reshape(shape).copy())


def packed(t):
    return base64.b64encode(np.ascontiguousarray(t.detach().float().numpy(), dtype="<f4").tobytes()).decode()


def model(parallel, act, pct, tied, bias):
    raw = dict(
        model_type="gpt_neox", vocab_size=80, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=80,
        max_position_embeddings=64, hidden_act=act, rotary_pct=pct, rotary_emb_base=10000, use_parallel_residual=parallel,
        tie_word_embeddings=tied, attention_bias=bias, layer_norm_eps=1e-5, bos_token_id=1, eos_token_id=2)
    m = GPTNeoXForCausalLM(GPTNeoXConfig(**raw)).eval()
    state = {k: weight(k, tuple(v.shape)) for k, v in m.state_dict().items()}
    if tied:
        state[HEAD] = state["gpt_neox.embed_in.weight"]
    m.load_state_dict(state)
    return raw, m


def examples(seed):
    """Three texts of unequal lengths, with the place from where tokens count."""
    r = np.random.default_rng(seed)
    return [dict(ids=r.integers(3, 80, n).tolist(), start=s) for n, s in ((23, 1), (9, 5), (17, 1))]


def loss_of(m, rows):
    longest = max(len(x["ids"]) for x in rows)
    ids = torch.tensor([x["ids"] + [2] * (longest - len(x["ids"])) for x in rows])
    mask = torch.tensor([[1] * len(x["ids"]) + [0] * (longest - len(x["ids"])) for x in rows])
    labels = ids.clone()
    for i, x in enumerate(rows):
        labels[i, : x["start"]] = -100
        labels[i, len(x["ids"]) :] = -100
    logits = m(input_ids=ids, attention_mask=mask).logits
    counted = int((labels[:, 1:] != -100).sum())
    total = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, 80).float(), labels[:, 1:].reshape(-1), ignore_index=-100, reduction="sum")
    return total, counted


ALL = ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]
CASES = [
    dict(parallel=False, act="gelu", pct=1.0, tied=False, bias=True, targets=["query_key_value"], ranks={}),
    dict(parallel=True, act="gelu_new", pct=0.25, tied=True, bias=True, targets=ALL, ranks={}),
    dict(parallel=False, act="silu", pct=1.0, tied=True, bias=False, targets=ALL, ranks={"attention.dense": 3, "layers.1.mlp.dense_h_to_4h": 6}),
    dict(parallel=True, act="relu", pct=0.5, tied=False, bias=True, targets=["query_key_value"], ranks={}),
    dict(parallel=False, act="gelu", pct=1.0, tied=False, bias=True, targets=["dense_4h_to_h"], ranks={}),
    dict(parallel=True, act="gelu", pct=1.0, tied=False, bias=True, targets=["dense", "dense_h_to_4h"], ranks={}),
]


def adapted(c, dropout=0.0):
    raw, base = model(c["parallel"], c["act"], c["pct"], c["tied"], c["bias"])
    config = LoraConfig(r=4, lora_alpha=10, lora_dropout=dropout, target_modules=c["targets"], rank_pattern=c["ranks"], task_type="CAUSAL_LM")
    m = get_peft_model(base, config)
    for name, p in m.named_parameters():
        if p.requires_grad:
            key = name.replace(".default", "")
            p.data = torch.from_numpy((uniform(key, p.numel()) * np.float32(0.3)).reshape(p.shape).copy())
    m.train()
    return raw, m


def case(c):
    raw, m = adapted(c)
    rows = examples(1)
    total, counted = loss_of(m, rows)
    (total / counted).backward()
    out = dict(config=raw, targets=c["targets"], ranks=c["ranks"], rows=rows, loss=float(total / counted), grads={})
    trained = {n: p for n, p in m.named_parameters() if p.requires_grad}
    for n, p in trained.items():
        out["grads"][n.replace(".default", "")] = packed(p.grad)
    opt = torch.optim.AdamW(trained.values(), lr=3e-3, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.01)
    sched = get_scheduler("cosine", opt, num_warmup_steps=3, num_training_steps=10)
    out["steps"] = []
    for step in range(10):
        opt.zero_grad()
        parts = [loss_of(m, rows) for rows in (examples(10 + step), examples(50 + step))]  # two micro-batches
        n = sum(k for _, k in parts)
        loss = sum(t for t, _ in parts) / n
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        rate = sched.get_last_lr()[0]
        opt.step()
        sched.step()
        out["steps"].append(dict(loss=float(loss.detach()), norm=float(norm), rate=rate, rows=[examples(10 + step), examples(50 + step)]))
    return out


def schedules():
    out = []
    for name, hf in (("linear", "linear"), ("cosine", "cosine"), ("constant", "constant_with_warmup")):
        for warm, steps in ((0, 7), (3, 20), (100, 60)):
            p = torch.nn.Parameter(torch.zeros(1))
            opt = torch.optim.SGD([p], lr=2e-4)
            sched = get_scheduler(hf, opt, num_warmup_steps=warm, num_training_steps=steps)
            rates = []
            for _ in range(steps):
                rates.append(sched.get_last_lr()[0])
                opt.step()
                sched.step()
            out.append(dict(schedule=name, warmup=warm, rates=rates))
    return out


def eight(device="cpu"):
    """bitsandbytes' 8-bit AdamW, 50 steps over tensors of both kinds, with gradients of the hash. Its CPU library codes the
    moments with a coarse table (some codes are 7 away from the nearest), which no GPU does; so on the CPU this takes the library's
    own plain restatement of its GPU kernel."""
    import bitsandbytes as bnb
    from bitsandbytes.backends.triton.kernels_optim import optimizer_update_8bit_blockwise_pytorch as plain

    if device == "cpu":
        import bitsandbytes.functional as F

        def update(name, g, p, s1, s2, b1, b2, b3, alpha, eps, step, lr, q1, q2, a1, a2, weight_decay=0.0, gnorm_scale=1.0, skip_zeros=False):
            plain(p, g, s1, s2, b1, b2, b3, alpha, eps, step, lr, q1, q2, a1, a2, weight_decay, gnorm_scale, skip_zeros, optimizer_name=name)

        F.optimizer_update_8bit_blockwise = update
    sizes, out = [5000, 4096, 4095, 300], []
    ps = [torch.nn.Parameter(torch.from_numpy(uniform(f"weight {n}", n).copy()).to(device)) for n in sizes]
    opt = bnb.optim.AdamW8bit(ps, lr=1e-3, betas=(0.9, 0.995), eps=1e-8, weight_decay=0.01)
    for step in range(50):
        for p in ps:
            u = torch.from_numpy(uniform(f"gradient {p.numel()} {step}", p.numel()).copy())
            size = torch.from_numpy(uniform(f"size {p.numel()}", p.numel()).copy())
            p.grad = (u * (1.01 + size) * (1 + step % 3)).to(device)  # sizes over two decades
        opt.step()
    for p in ps:
        s = opt.state[p]
        x = dict(n=p.numel(), weight=packed(p.cpu()))
        if s["state1"].dtype == torch.uint8:
            for k in ("state1", "state2"):
                x[k] = base64.b64encode(s[k].cpu().numpy().tobytes()).decode()
            for k in ("absmax1", "absmax2"):
                x[k] = packed(s[k].cpu())
        else:
            x["state1"], x["state2"] = packed(s["state1"].cpu()), packed(s["state2"].cpu())
        out.append(x)
    maps = dict(signed=packed(bnb.functional.create_dynamic_map(signed=True)), unsigned=packed(bnb.functional.create_dynamic_map(signed=False)))
    return dict(maps=maps, tensors=out)


def ours():
    """The folder ours, which Kakoi's trainer wrote, as peft reads it: logits of one text."""
    folder = here / "ours"
    if not folder.exists():
        return None
    raw, base = model(False, "gelu", 1.0, False, True)
    m = PeftModel.from_pretrained(base, folder).eval()
    ids = examples(99)[0]["ids"]
    with torch.no_grad():
        return dict(config=raw, ids=ids, logits=packed(m(input_ids=torch.tensor([ids])).logits[0]))


if sys.argv[1:2] == ["cuda"]:  # python golden.py cuda FOLDER: what bitsandbytes' GPU kernel makes, for eight_cuda.json.gz
    with gzip.GzipFile(pathlib.Path(sys.argv[2]) / "eight_cuda.json.gz", "wb", mtime=0) as f:
        f.write(json.dumps(eight("cuda")).encode())
    sys.exit()
golden = dict(cases=[case(c) for c in CASES], schedules=schedules(), eight=eight(), ours=ours())
with gzip.GzipFile(here / "golden.json.gz", "wb", mtime=0) as f:
    f.write(json.dumps(golden).encode())
