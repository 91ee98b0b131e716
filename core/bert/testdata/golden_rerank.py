"""Writes the cross-encoders of core/bert's tests and their golden scores.

usage: python golden_rerank.py      (transformers 5.17, torch 2.11; after golden.py, whose tokenizer one of them has)

rerank_xlmr/  XLMRobertaForSequenceClassification, one label, 2 layers, random weights, tiny's tokenizer, 40 tokens
rerank_bert/  BertForSequenceClassification, one label, 2 layers, random weights, two token types, vocab.txt, 40 tokens
rerank.json   {"questions": [...], "texts": [...], "rerank_xlmr": [logits], "rerank_bert": [logits]}: each question with each of its texts, of which
              some are longer than what fits
The long ones are cut as sentence-transformers' CrossEncoder cuts them ("longest_first").
"""
import json, os, shutil
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from transformers import (BertConfig, BertForSequenceClassification, BertTokenizer, PreTrainedTokenizerFast, XLMRobertaConfig,
                          XLMRobertaForSequenceClassification)

HERE = os.path.dirname(os.path.abspath(__file__))
MAX = 40
QUESTIONS = ["倉庫は何時に閉まりますか", "When does the warehouse open?"]
TEXTS = ["a", "倉庫", "The warehouse opens at 8 am.", "有給休暇の申請は三日前まで。", "KX-200 の電源", "倉庫 の 電源 を 確認 します。 " * 9, "The warehouse opens at eight. " * 12]


def random_weights(model, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        for n, p in model.named_parameters():  # the usual initialisation is so small that errors would not show
            p.copy_(torch.randn_like(p) * (0.25 if p.dim() > 1 else 0.2) + (1.0 if n.endswith("LayerNorm.weight") else 0.0))
    return model.eval()


def folder(name):
    path = os.path.join(HERE, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def scores(model, tok):
    out = []
    for q in QUESTIONS:
        for t in TEXTS:
            enc = tok(q, t, truncation="longest_first", max_length=MAX, return_tensors="pt")
            assert enc["input_ids"].shape[1] <= MAX
            out.append(float(model(**enc).logits[0, 0]))
    return out


def xlmr():
    path = folder("rerank_xlmr")
    for f in ["tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(os.path.join(HERE, "tiny", f), path)
    tok = PreTrainedTokenizerFast.from_pretrained(path)
    cfg = XLMRobertaConfig(vocab_size=len(tok), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, num_labels=1,
                           max_position_embeddings=MAX + 2, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0, eos_token_id=2)
    m = random_weights(XLMRobertaForSequenceClassification(cfg), 5)
    m.save_pretrained(path)
    return scores(m, tok)


def bert():
    path = folder("rerank_bert")
    letters = sorted({c for t in QUESTIONS + TEXTS for c in t.lower() if not c.isspace()})
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "warehouse", "opens", "the", "at"] + letters + ["##" + c for c in letters]
    with open(os.path.join(path, "vocab.txt"), "w") as f: f.write("\n".join(vocab) + "\n")
    with open(os.path.join(path, "tokenizer_config.json"), "w") as f: json.dump({"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": MAX}, f)
    tok = BertTokenizer.from_pretrained(path)
    cfg = BertConfig(vocab_size=len(vocab), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, num_labels=1,
                     max_position_embeddings=MAX + 4, type_vocab_size=2)
    m = random_weights(BertForSequenceClassification(cfg), 6)
    m.save_pretrained(path)
    return scores(m, tok)


with torch.no_grad():
    golden = {"questions": QUESTIONS, "texts": TEXTS, "rerank_xlmr": xlmr(), "rerank_bert": bert()}
with open(os.path.join(HERE, "rerank.json"), "w") as f: json.dump(golden, f, ensure_ascii=False, indent=1)
