"""Training rates beside transformers + peft + bitsandbytes, in one run on one GPU: the reference model's shape with random weights in NF4 with
double quantisation, r 8 on query_key_value, dropout 0.05, paged AdamW in 8 bits. Tokens that are padding do not count. Theirs: batches of 12
padded to the longest row, with gradient checkpointing (as prepare_model_for_kbit_training sets it up) and without it.

    python rates.py --engine kakoi-engine [--layers 36 --steps 3] [--figures none,gelu,layer,low,natural]
"""
import argparse, json, math, random, subprocess, time
import torch

p = argparse.ArgumentParser()
for name, default in (("engine", ""), ("device", "cuda:0"), ("figures", "")):
    p.add_argument("--" + name, default=default)
for name, default in (("layers", 36), ("hidden", 2816), ("heads", 22), ("vocab", 65536), ("steps", 3), ("batch", 12), ("length", 1024)):
    p.add_argument("--" + name, type=int, default=default)
a = p.parse_args()


def ours():
    cmd = [a.engine, "bench", "train", "--shape", "rinna-4b", "--dtype", "nf4", "--device", a.device, "--profile"]
    out = subprocess.run(cmd + (["--setting", a.figures] if a.figures else []), capture_output=True, text=True)
    print(out.stdout, end="")
    if out.returncode:
        print(json.dumps(dict(error=out.stderr[-2000:])))
    return [json.loads(x) for x in out.stdout.splitlines() if "tokens_per_second" in x]


def lengths(n):
    r = random.Random(1)
    return [int(min(900, max(150, 380 * math.exp(r.gauss(0, 0.5))))) for _ in range(n)]


def theirs(mine):
    import bitsandbytes as bnb
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    config = GPTNeoXConfig(
        vocab_size=a.vocab, hidden_size=a.hidden, num_hidden_layers=a.layers, num_attention_heads=a.heads, intermediate_size=4 * a.hidden,
        hidden_act="gelu", rotary_pct=1.0, rotary_emb_base=10000, max_position_embeddings=2048, use_parallel_residual=False, tie_word_embeddings=False)
    config.use_cache = False
    torch.set_default_dtype(torch.float16)
    with torch.device(a.device):
        model = GPTNeoXForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    for _, parent in list(model.gpt_neox.named_modules()):
        for name, m in list(parent.named_children()):
            if isinstance(m, torch.nn.Linear):
                new = bnb.nn.Linear4bit(m.in_features, m.out_features, bias=m.bias is not None, compute_dtype=torch.bfloat16, compress_statistics=True, quant_type="nf4", device="meta")
                new.weight = bnb.nn.Params4bit(m.weight.data.cpu(), requires_grad=False, compress_statistics=True, quant_type="nf4").to(a.device)
                new.bias = m.bias
                setattr(parent, name, new)
    model.is_loaded_in_4bit = True
    torch.cuda.empty_cache()
    rows = [torch.randint(3, a.vocab, (n,)) for n in lengths(40 * a.batch)]

    def batch(some):
        longest = max(map(len, some))
        ids = torch.full((len(some), longest), 2)
        mask = torch.zeros((len(some), longest), dtype=torch.long)
        for i, r in enumerate(some):
            ids[i, : len(r)], mask[i, : len(r)] = r, 1
        ids, mask = ids.to(a.device), mask.to(a.device)
        return dict(input_ids=ids, attention_mask=mask, labels=ids.masked_fill(mask == 0, -100)), int(mask.sum())

    full = [batch([torch.randint(3, a.vocab, (a.length,)) for _ in range(a.batch)])]
    mix = [batch(rows[i * a.batch : (i + 1) * a.batch]) for i in range(6)]
    ordered = sorted(rows, key=len)
    grouped = [batch(ordered[i * a.batch : (i + 1) * a.batch]) for i in range(0, 40, 7)]
    m = None
    for checkpoint in (True, False):
        if m is None:
            model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=True, gradient_checkpointing_kwargs=dict(use_reentrant=False))
            m = get_peft_model(model, LoraConfig(r=8, lora_alpha=32, lora_dropout=0.05, target_modules=["query_key_value"], bias="none", task_type="CAUSAL_LM"))
            m.train()
        else:
            model.gradient_checkpointing_disable()
        trained = [q for q in m.parameters() if q.requires_grad]
        opt = bnb.optim.PagedAdamW8bit(trained, lr=1e-4)
        for name, batches in (("12 x 1024", full), ("natural lengths", mix), ("natural lengths, grouped", grouped)):
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            took, real = 0.0, 0
            steps = a.steps if batches is full else len(batches)
            warm = 1 if batches is full else len(batches)  # each shape once before
            try:
                for step in range(warm + steps):
                    b, n = batches[step % len(batches)]
                    torch.cuda.synchronize()
                    start = time.time()
                    with torch.autocast("cuda", dtype=torch.bfloat16):
                        loss = m(**b).loss
                    loss.backward()
                    torch.nn.utils.clip_grad_norm_(trained, 1.0)
                    opt.step()
                    opt.zero_grad()
                    torch.cuda.synchronize()
                    if step >= warm:
                        took, real = took + time.time() - start, real + n
            except torch.OutOfMemoryError:
                print(json.dumps(dict(peer=name, checkpointing=checkpoint, error="out of memory")), flush=True)
                continue
            figure = dict(peer=name, checkpointing=checkpoint, tokens_per_second=round(real / took), milliseconds=round(1e3 * took / steps), peak_bytes=torch.cuda.max_memory_allocated())
            for o in mine:
                if (o["name"] == "train, natural lengths") == (batches is not full) and o.get("recompute") == "none":
                    figure["ours_times"] = round(o["tokens_per_second"] / figure["tokens_per_second"], 2)
            print(json.dumps(figure), flush=True)


mine = ours() if a.engine else []
theirs(mine)
