"""Writes golden.json.gz: what transformers computes for models and settings that the Go tests rebuild.

    python golden.py [STARTER_FOLDER]      (torch 2.11, transformers 5.17; CPU, fp32)

Random models are not stored: both sides make their weights with the integer hash below. The starter model's
4-bit weights are decoded here with numpy, by the format's description, not with Kakoi's code.
"""
import base64, gzip, json, math, sys, pathlib
import numpy as np, torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast
from transformers.generation import logits_process as lp
from transformers import LogitsProcessor, LogitsProcessorList

torch.manual_seed(0)
torch.set_grad_enabled(False)
torch.use_deterministic_algorithms(True)
here = pathlib.Path(__file__).parent
starter = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "../../../resources/starter"


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


HEAD = "lm_head.weight"  # transformers 5's inner name of what files call embed_out.weight


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
    return base64.b64encode(np.ascontiguousarray(t.float().numpy(), dtype="<f4").tobytes()).decode()


def in_bf16(m):
    """The model as from_pretrained(dtype=bfloat16) makes it: the rotary frequencies stay fp32."""
    freq = m.gpt_neox.rotary_emb.inv_freq.clone()
    m.bfloat16()
    m.gpt_neox.rotary_emb.inv_freq = freq
    return m


def random_models():
    out = []
    for layers in (2, 12):
        for parallel in (True, False):
            for pct in (0.25, 1.0):
                for tied in (True, False):
                    for bias in (True, False):
                        raw = dict(
                            model_type="gpt_neox", vocab_size=80, hidden_size=64, num_hidden_layers=layers,
                            num_attention_heads=4, intermediate_size=160, max_position_embeddings=64,
                            hidden_act="gelu" if parallel else "gelu_new", rotary_pct=pct, rotary_emb_base=10000,
                            use_parallel_residual=parallel, tie_word_embeddings=tied, attention_bias=bias,
                            layer_norm_eps=1e-5, bos_token_id=1, eos_token_id=2)
                        m = GPTNeoXForCausalLM(GPTNeoXConfig(**raw)).eval()
                        state = {k: weight(k, tuple(v.shape)) for k, v in m.state_dict().items()}
                        if tied:
                            state[HEAD] = state["gpt_neox.embed_in.weight"]
                        m.load_state_dict(state)
                        assert tied == (m.get_output_embeddings().weight is m.get_input_embeddings().weight)
                        ids = [(i * 37 + 11) % 80 for i in range(16)]
                        x = torch.tensor([ids])
                        if not parallel and pct == 1.0:  # transformers 5's way of saying the same
                            raw["rope_parameters"] = dict(rope_type="default", rope_theta=raw.pop("rotary_emb_base"),
                                                          partial_rotary_factor=raw.pop("rotary_pct"))
                        logits = packed(m(x).logits[0])
                        out.append(dict(config=raw, ids=ids, logits=logits, top_bf16=in_bf16(m)(x).logits[0].float().argmax(-1).tolist()))
    return out


def read_safetensors(path):
    raw = path.read_bytes()
    n = int.from_bytes(raw[:8], "little")
    kinds = dict(F32="<f4", F16="<f2", I8="i1", U8="u1")
    return {k: np.frombuffer(raw[8 + n + v["data_offsets"][0] : 8 + n + v["data_offsets"][1]], kinds[v["dtype"]]).reshape(v["shape"])
            for k, v in json.loads(raw[8 : 8 + n]).items() if k != "__metadata__"}


def starter_model():
    t = read_safetensors(starter / "model.safetensors")
    state = {}
    for k, v in t.items():
        if k + ".quant_map" in t:
            meta = json.loads(bytes(t[k + ".quant_state.bitsandbytes__nf4"]))
            b = v.reshape(-1)
            codes = np.stack([b >> 4, b & 15], 1).reshape(-1)
            a = t[k + ".nested_quant_map"][t[k + ".absmax"]] * np.repeat(t[k + ".nested_absmax"], meta["nested_blocksize"])[: len(t[k + ".absmax"])]
            a = a + np.float32(meta["nested_offset"])
            w = t[k + ".quant_map"][codes] * np.repeat(a, meta["blocksize"])
            state[k] = torch.from_numpy(w.reshape(meta["shape"]).astype(np.float32))
        elif k + ".scale" in t:
            state[k] = torch.from_numpy(v.astype(np.float32) * t[k + ".scale"].astype(np.float32)[:, None])
        elif k.endswith((".weight", ".bias")) and v.dtype == np.dtype("<f2"):
            state[k] = torch.from_numpy(v.astype(np.float32))
    raw = json.loads((starter / "config.json").read_text())
    raw.pop("quantization_config")
    raw.pop("torch_dtype")
    m = GPTNeoXForCausalLM(GPTNeoXConfig(**raw)).eval().float()
    state[HEAD] = state["gpt_neox.embed_in.weight"]
    m.load_state_dict(state)
    assert m.get_output_embeddings().weight is m.get_input_embeddings().weight
    return m


def greedy(m, ids, pad):
    n = max(map(len, ids))
    x = torch.tensor([[pad] * (n - len(i)) + i for i in ids])
    mask = torch.tensor([[0] * (n - len(i)) + [1] * len(i) for i in ids])
    out = m.generate(x, attention_mask=mask, do_sample=False, max_new_tokens=64, pad_token_id=pad)
    return [o[n:].tolist() for o in out]


JA = "ユーザー:以下の情報を参照し、質問に回答してください。\n\n-----------\n{}\n-----------\n\n質問→{}\nシステム:"
EN = "User: Answer the question using the information below.\n\n-----------\n{}\n-----------\n\nQuestion: {}\nSystem:"


class NotBeginning(LogitsProcessor):
    """Keeps a text from beginning with another, however that is split into tokens."""

    def __init__(self, text, prompt, pieces):
        self.text, self.prompt, self.pieces = text, prompt, pieces

    def __call__(self, ids, scores):
        for row in range(len(ids)):
            begun = b"".join(self.pieces[i] for i in ids[row, self.prompt:].tolist())
            for i, piece in enumerate(self.pieces):
                if (begun + piece).lstrip().startswith(self.text):
                    scores[row, i] = -math.inf
        return scores


REFUSALS = [("資料には記載がありません。", ""), (" The documents do not say.", " The")]


def refusals(m, tok, prompts):
    """How likely each sentence is behind each prompt, token by token, and what is answered when it is forbidden: no text that begins
    with the tokens up to the first one that goes beyond what it has in common with other answers."""
    pieces = []
    for i in range(len(tok)):
        t = tok.convert_ids_to_tokens(i)
        byte = t.startswith("<0x") and t.endswith(">")
        pieces.append(bytes([int(t[3:5], 16)]) if byte else b"" if t in tok.all_special_tokens or i < 4 else t.replace("\u2581", " ").encode())
    out = []
    for i, prompt in enumerate(prompts):
        text, common = REFUSALS[0 if prompt.startswith("ユーザー") else 1]
        before = tok(prompt, add_special_tokens=False).input_ids
        both = tok(prompt + text, add_special_tokens=False).input_ids
        assert both[: len(before)] == before
        ids = both[len(before):]
        steps = torch.log_softmax(m(torch.tensor([both])).logits[0].double(), -1)
        logs = [float(steps[len(before) - 1 + k, t]) for k, t in enumerate(ids)]
        n = next(k + 1 for k in range(len(ids)) if len(b"".join(pieces[t] for t in ids[: k + 1])) > len(common.encode()))
        begin = b"".join(pieces[t] for t in ids[:n]).lstrip()
        x = torch.tensor([before])
        said = m.generate(x, attention_mask=torch.ones_like(x), do_sample=False, max_new_tokens=64, pad_token_id=3,
                          logits_processor=LogitsProcessorList([NotBeginning(begin, len(before), pieces)]))[0, len(before):].tolist()
        out.append(dict(prompt=prompt, text=text, common=common, ids=ids, logs=logs, decisive=n, forbidden=said))
    return out


def starter_runs():
    m = starter_model()
    tok = PreTrainedTokenizerFast(tokenizer_file=str(starter / "tokenizer.json"))
    manual = "倉庫の営業時間は午前八時から午後六時までです。日曜日は休みです。\n\n有給休暇は、入社から六か月後に十日付与されます。申請は三日前までに上長へ提出してください。"
    rules = "The warehouse opens at 8 am and closes at 6 pm. It is closed on Sundays.\n\nPaid leave of ten days is granted after six months. Requests go to the manager three days ahead."
    prompts = [JA.format(manual, "倉庫は何時に閉まりますか?"), JA.format(manual, "有給休暇は何日付与されますか?"),
               EN.format(rules, "When does the warehouse close?"), EN.format(rules, "How many days of paid leave are granted?"),
               "社員は、", "The printer is connected to the", "会議室の予約は総務部が行い、"]
    ids = [tok(p, add_special_tokens=False).input_ids for p in prompts]
    m.generation_config.eos_token_id = None  # 64 tokens whatever comes
    one = [greedy(m, [i], 3)[0] for i in ids]
    batch = greedy(m, ids, 3)
    m.generation_config.eos_token_id = 2
    ended = [greedy(m, [i], 3)[0] for i in ids[:4]]
    refused = refusals(m, tok, prompts[:4] + [JA.format(manual, "社員食堂は何時に開きますか?"), JA.format(manual, "休みはいつ?"), JA.format(manual, "倉庫の住所はどこですか?"),
                                              EN.format(rules, "What does lunch cost?"), EN.format(rules, "Who approves leave?"), EN.format(rules, "What does the manager do?")])
    text = "".join(prompts[:4])
    long = tok(text, add_special_tokens=False).input_ids
    logits = m(torch.tensor([long])).logits[0]
    half = in_bf16(m)(torch.tensor([long])).logits[0].float()
    return dict(prompts=prompts, ids=ids, continuations=one, batch=batch, answers=[tok.decode(e, skip_special_tokens=True) for e in ended], refusals=refused,
                long=long, top=logits.argmax(-1).tolist(), top_bf16=half.argmax(-1).tolist(), some=packed(logits[-1][::40]))


def sampler():
    logits = torch.from_numpy(uniform("sampler.logits", 300) * np.float32(9))[None]
    logits[0, 17] = logits[0, 23]  # a tie
    seen = [5, 17, 23, 99, 100, 101, 250, 5]
    out = []
    for temperature in (1.0, 0.2, 1.7):
        for k, p, pen in ((0, 0, 0), (20, 0, 0), (0, 0.9, 0), (50, 0.5, 1.1), (1, 0, 1.3), (0, 0.97, 1.1), (299, 0.05, 2.0), (7, 0.999, 0.7)):
            x, ids = logits.clone(), torch.tensor([seen])
            if pen:
                x = lp.RepetitionPenaltyLogitsProcessor(pen)(ids, x)
            if temperature != 1.0:
                x = lp.TemperatureLogitsWarper(temperature)(ids, x)
            if k:
                x = lp.TopKLogitsWarper(k)(ids, x)
            if p:
                x = lp.TopPLogitsWarper(p)(ids, x)
            q = torch.softmax(x.double(), -1)[0]
            keep = [[int(i), round(float(q[i]), 10)] for i in q.nonzero()[:, 0] if q[i] > 1e-9]
            out.append(dict(temperature=temperature, top_k=k, top_p=p, repetition_penalty=pen, probs=keep))
    return dict(seen=seen, cases=out)


golden = dict(models=random_models(), starter=starter_runs(), sampler=sampler())
with gzip.GzipFile(here / "golden.json.gz", "wb", mtime=0) as f:
    f.write(json.dumps(golden, ensure_ascii=False, separators=(",", ":")).encode())
for a, b in zip(golden["starter"]["continuations"], golden["starter"]["batch"]):
    print(a == b, a[:8])
print(golden["starter"]["answers"])
for r in golden["starter"]["refusals"]:
    print(r["decisive"], [round(math.exp(x), 4) for x in r["logs"]], r["forbidden"])
