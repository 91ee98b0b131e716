"""Thirty training steps of kakoi-engine beside transformers + peft + bitsandbytes: the same base weights in NF4 with double
quantisation, first adapter weights, rows and settings; the losses of every step, and how far they are apart.

    python steps.py --engine kakoi-engine --tokenizer resources/starter --work DIR [--layers 4 --hidden 2816 --heads 22] [--device cuda:0]

On the CPU (--device cpu, for trying it out) both sides compute in fp32 with unquantised weights.
"""
import argparse, json, pathlib, shutil, subprocess, time
import torch
from peft import PeftModel, prepare_model_for_kbit_training
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, GPTNeoXConfig, GPTNeoXForCausalLM, get_scheduler

p = argparse.ArgumentParser()
for name, default in (("engine", ""), ("tokenizer", ""), ("work", ""), ("device", "cuda:0")):
    p.add_argument("--" + name, default=default)
for name, default in (("layers", 4), ("hidden", 2816), ("heads", 22), ("vocab", 65536), ("rows", 12), ("longest", 1000), ("steps", 30)):
    p.add_argument("--" + name, type=int, default=default)
a = p.parse_args()
work, gpu = pathlib.Path(a.work), a.device != "cpu"
folder = work / "model"
folder.mkdir(parents=True)
torch.manual_seed(1)
config = GPTNeoXConfig(
    vocab_size=a.vocab, hidden_size=a.hidden, num_hidden_layers=a.layers, num_attention_heads=a.heads, intermediate_size=4 * a.hidden,
    hidden_act="gelu", rotary_pct=1.0, rotary_emb_base=10000, max_position_embeddings=2048, layer_norm_eps=1e-5, use_parallel_residual=False,
    tie_word_embeddings=False, bos_token_id=1, eos_token_id=2)
with torch.device(a.device):
    model = GPTNeoXForCausalLM(config).to(torch.float16 if gpu else torch.float32)
state = {("embed_out.weight" if k == "lm_head.weight" else k): v.contiguous().cpu() for k, v in model.state_dict().items()}
save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
(folder / "config.json").write_text(json.dumps({**config.to_dict(), "model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"]}))
shutil.copy(pathlib.Path(a.tokenizer) / "tokenizer.json", folder / "tokenizer.json")
del model, state

tok = Tokenizer.from_file(str(folder / "tokenizer.json"))
pieces = [w for w in (pathlib.Path(a.tokenizer).parent.parent / "README.md").read_text().split() if w]
g = torch.Generator().manual_seed(2)
rows, ids = [], []
for i in range(a.rows):
    n = int(torch.randint(a.longest // 4, a.longest, (1,), generator=g))
    words, text = torch.randint(0, len(pieces), (n,), generator=g).tolist(), ""
    for w in words:
        more = (text + " " + pieces[w]).strip()
        if len(tok.encode(more, add_special_tokens=False).ids) > n:
            break
        text = more
    rows.append(dict(id=str(i), inputs=text[: len(text) // 2], labels=text[len(text) // 2 :]))
    ids.append(tok.encode(text, add_special_tokens=False).ids + [2])
print(json.dumps(dict(tokens=sum(map(len, ids)), longest=max(map(len, ids)))))


def settings(steps, warm, lr):
    return dict(
        preset="techlab", rank=8, alpha=32, dropout=0, targets=["query_key_value"], epochs=steps, batch=a.rows, accumulate=1, max_tokens=1024,
        loss_on="all", learning_rate=lr, schedule="linear", warmup_steps=warm, optimizer="paged_adamw_8bit", beta1=0.9, beta2=0.999, epsilon=1e-8,
        clip_norm=1, compute="auto", recompute="none", eval_steps=100000, keep=1, seed=42)


def ours(name, s):
    d = work / name
    d.mkdir()
    request = dict(Dir=str(d), Rows=rows, Settings=s)
    (work / (name + ".json")).write_text(json.dumps(request))
    out = subprocess.run([a.engine, "train", "--model", str(folder), "--request", str(work / (name + ".json")), "--device", a.device,
                          "--dtype", "nf4" if gpu else "fp32"], capture_output=True, text=True)
    if out.returncode:
        raise SystemExit(out.stdout[-2000:] + out.stderr[-3000:])
    events = [json.loads(x) for x in out.stdout.splitlines()]
    return [e for e in events if e.get("kind") == "step"], [e for e in events if e.get("kind") == "plan"][0]["plan"]


def theirs(first, s):
    kw = dict(quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.bfloat16),
              device_map={"": 0}) if gpu else {}
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float16 if gpu else torch.float32, **kw)
    if gpu:
        base = prepare_model_for_kbit_training(base, use_gradient_checkpointing=True, gradient_checkpointing_kwargs=dict(use_reentrant=False))
    m = PeftModel.from_pretrained(base, first, is_trainable=True)
    m.train()
    trained = [q for q in m.parameters() if q.requires_grad]
    if gpu:
        import bitsandbytes as bnb

        opt = bnb.optim.PagedAdamW8bit(trained, lr=s["learning_rate"], betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    else:
        opt = torch.optim.AdamW(trained, lr=s["learning_rate"], betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    sched = get_scheduler("linear", opt, num_warmup_steps=s["warmup_steps"], num_training_steps=s["epochs"])
    longest = max(map(len, ids))
    x = torch.tensor([i + [2] * (longest - len(i)) for i in ids], device=a.device)
    mask = torch.tensor([[1] * len(i) + [0] * (longest - len(i)) for i in ids], device=a.device)
    labels = x.masked_fill(mask == 0, -100)
    out = []
    for _ in range(s["epochs"]):
        opt.zero_grad()
        start = time.time()
        with torch.autocast("cuda" if gpu else "cpu", dtype=torch.bfloat16, enabled=gpu):
            logits = m(input_ids=x, attention_mask=mask).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].float().reshape(-1, logits.size(-1)), labels[:, 1:].reshape(-1), ignore_index=-100)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        opt.step()
        sched.step()
        out.append(float(loss.detach()))
    return out


ours("first", settings(1, 100, 2e-4))  # a warm-up's first step has the rate 0: these are the first weights
for name, warm, lr in (("recipe", 100, 2e-4), ("faster", 3, 2e-3)):
    s = settings(a.steps, warm, lr)
    events, plan = ours(name, s)
    mine = [e["loss"] for e in events]
    peer = theirs(work / "first" / "adapter", s)
    apart = [abs(x - y) / y for x, y in zip(mine, peer)]
    print(json.dumps(dict(run=name, steps=len(mine), ours=mine, theirs=peer, most_apart=max(apart), planned=plan["bytes"], peak=max(e.get("peak", 0) for e in events),
                          rate=[e["tokens_second"] for e in events][-1])))
    assert len(mine) == len(peer) == a.steps and max(apart) < 0.01, "a step's losses are more than 1% apart"
