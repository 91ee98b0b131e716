"""Stage 4: the tokenizer (SentencePiece Unigram, 16,384 pieces) -> spiece.model and tokenizer.json.

usage: tokenizer.py REAL.jsonl WORDS.json WRITTEN_DIR OUT_DIR

No normalisation, byte fallback, digits one by one, no dummy prefix, the line end its own piece, all JIS level 1 kanji. The word lists
teach everyday words that manuals do not have. tokenizer.json gives the same pieces to the tokenizers library.
"""
import glob, json, os, random, re, sys
import sentencepiece as spm
import invent
from held import rows

SIZE = 16384
# Pieces end where kanji, hiragana and katakana meet: else whole phrases of the invented documents become pieces ("の料金は").
CUT = "\x1f"
MEET = re.compile("(?<=[一-鿿々ァ-ヺー])(?=[ぁ-ゖ])|(?<=[ぁ-ゖ])(?=[一-鿿々ァ-ヺ])|(?<=[一-鿿々])(?=[ァ-ヺ])|(?<=[ァ-ヺー])(?=[一-鿿々])")


def texts(real, words, written):
    rnd, of = random.Random(1), {}
    for line in open(real):
        p = json.loads(line)
        of[p["id"]] = p["text"]
        if p["lang"] == "ja" or rnd.random() < 0.09:
            yield p["title"] + " " + p["heading"]
            yield from p["text"].split("\n")
    for path in sorted(glob.glob(written + "/**/*.jsonl*", recursive=True)):
        for r in rows(path, of):
            for _ in range(2):
                yield from r["passage"].split("\n")
                yield from [x["q"] + " " + x["a"] for x in r["qa"]]
    invent.load_words(words)
    for lang, n in (("ja", 2500), ("en", 1200)):
        for _ in range(n):
            d = invent.document(lang)
            if d:
                yield from "\n".join(d[0]).split("\n")
                yield from [q for q, _ in d[1]]
    w = json.load(open(words))
    for group, most in (("noun", 12000), ("kata", 4000), ("sahen", 5000), ("verb", 8000), ("adj", 2000), ("adverb", 2000), ("family", 2500), ("town", 2000)):
        ws = w["ja"][group][:most]
        for _ in range(2 if group in ("noun", "sahen", "verb", "adj") else 1):  # common ones (the front of the list) come oftener
            ws = ws + ws[: len(ws) // 3]
        rnd.shuffle(ws)
        for i in range(0, len(ws), 12):
            yield "、".join(ws[i : i + 12])
    for group in ("noun", "verb", "adj", "adv"):
        ws = w["en"][group][:6000]
        ws = ws + ws[: len(ws) // 3] * 2
        rnd.shuffle(ws)
        for i in range(0, len(ws), 12):
            yield "the " + " ".join(ws[i : i + 12])


def required():
    kanji = [bytes([0xA0 + r, 0xA0 + c]).decode("euc-jp", "ignore") for r in range(16, 48) for c in range(1, 95)]
    kana = [chr(c) for c in list(range(0x3041, 0x3097)) + list(range(0x30A1, 0x30FB))]
    marks = "ー々〜、。「」『』（）【】・％￥円℃①②③④⑤⑥⑦⑧⑨⑩→←※…〒０１２３４５６７８９：／－■□●○◆★“”‘’–—€£°×"
    return "".join(k for k in kanji if len(k) == 1) + "".join(kana) + marks + "".join(map(chr, range(33, 127)))


def write_json(model, path):
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    sp = spm.SentencePieceProcessor(model)
    pieces = [(sp.id_to_piece(i), sp.get_score(i)) for i in range(sp.get_piece_size())]
    tk = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=True))
    space = dict(replacement="\u2581", prepend_scheme="never", split=False)
    tk.pre_tokenizer = pre_tokenizers.Metaspace(**space)
    tk.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse(), decoders.Metaspace(**space)])
    tk.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in ("<unk>", "<s>", "</s>", "<pad>")])
    tk.add_tokens([AddedToken("\n", normalized=False, special=False)])
    tk.save(path, pretty=False)  # half the size
    return sp, tk


def main(real, words, written, out):
    corpus = os.path.join(out, "tok.txt")
    with open(corpus, "w") as f:
        for t in texts(real, words, written):
            if t.strip():
                f.write(MEET.sub(CUT, t[:3000]) + "\n")
    spm.SentencePieceTrainer.train(
        input=corpus, model_prefix=out + "/spiece", model_type="unigram", vocab_size=SIZE, byte_fallback=True, character_coverage=0.9995,
        normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False, split_digits=True,
        max_sentencepiece_length=10, pretokenization_delimiter=CUT, user_defined_symbols=["\n"], required_chars=required(), unk_id=0, bos_id=1, eos_id=2, pad_id=3,
        num_threads=2, max_sentence_length=9000, minloglevel=1)
    sp, tk = write_json(out + "/spiece.model", out + "/tokenizer.json")
    lines = [l.rstrip("\n").replace(CUT, "") for l in open(corpus)]
    some = random.Random(2).sample(lines, 2000)
    differ = sum(tk.encode(t, add_special_tokens=False).ids != sp.encode(t) for t in some)
    print("tokenizer.json differs on %d of 2000 lines; %.2f characters a token" % (differ, sum(map(len, some)) / sum(len(sp.encode(t)) for t in some)))
    os.remove(corpus)


if __name__ == "__main__":
    main(*sys.argv[1:5])
