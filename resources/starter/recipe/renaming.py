"""Consistent renaming of words inside one training row, so that answers are read and not remembered.

What carries the meaning must stay: words that the question alone has (its own wording), and as a rule the words of relations ("fee",
"deadline", "because"), which a question may paraphrase. Names, objects and numbers that question, answer and passage share are renamed most.
"""
import random as R
import re

STOP = set("""the a an is are was were be been being it its this that these those of to in on at by for from with and as or not no if when what which who
whom whose where why how do does did can could should must may will would have has had you your i my me we our us they them their he she his her there here than
then so but about into up out over under after before all any some each every one two three four five six seven eight nine ten more most other such only same also
just tell many much long often way say says said per between during without very own too because until within while through again still back off down yes
january february march april may june july august september october november december monday tuesday wednesday thursday friday saturday sunday am pm hour hours
minute minutes day days week weeks month months year years percent number time date people please documents answer question information user system using dollars euros""".split())
KEEP_JA = set("何誰日月年時分秒円人名回個件台本枚階号第約以上下前後中内外間万億千百十一二三四五六七八九〇資料記載情報参照質問回答午令和平成昭大正曜火水木金土々")
SUFFIX = re.compile("ing|ed|ers?|tion|ation|ments?|able|ible|ness|ally|[ae]nce|ies|.?ting|.?ding|ling|ring|ning|ions?|tions|ity|ive|ous|ful|i[sz]e?[ds]?|ly|als?|ical|ate[ds]?")


class Renamer:
    def __init__(self, sp, fixed, protected):
        self.kind, self.form, self.stem, self.forms, self.pool = {}, {}, {}, {}, {1: [], 2: []}
        self.protected = protected
        for i in range(sp.get_piece_size()):
            if sp.is_control(i) or sp.is_unknown(i) or sp.is_byte(i) or i in fixed:
                continue
            p = sp.id_to_piece(i)
            w = p.lstrip("\u2581")
            if re.fullmatch("[一-鿿々]+", w) and p == w and not any(c in KEEP_JA for c in (w if len(w) == 1 else "") + ("" if len(w) == 1 else "".join(c for c in w if c in "何誰曜"))):
                self.kind[i] = 1
                self.pool[1].append(i)
            elif re.fullmatch("[ァ-ヺー]{2,}", w) and p == w:
                self.kind[i] = 2
                self.pool[2].append(i)
            elif re.fullmatch("[A-Za-z]{3,}", w) and w.lower() not in STOP and (p != w or not SUFFIX.fullmatch(w)):
                stem, form = w.lower(), (p != w, w[0].isupper())
                self.kind[i], self.stem[i], self.form[i] = 3, stem, form
                self.forms.setdefault(stem, {})[form] = i
        self.stems = [s for s, f in self.forms.items() if (True, False) in f]
        self.digits = [sp.piece_to_id(str(d)) for d in range(10)]

    def plan(self, context, asked, absent):
        """context: tokens; asked, absent: token lists of answered and unanswered questions (with answers) -> map of tokens"""
        if R.random() < 0.1:
            return {}
        shared_rate, context_rate = R.choice([0.4, 0.7, 0.9, 1.0, 1.0]), R.choice([0, 0, 0.1, 0.3, 0.6])
        absent_rate = shared_rate if R.random() < 0.5 else 0
        keep = self.protected if R.random() < 0.6 else ()
        ctx, q = set(context), set(t for b in asked for t in b)
        m, stems = {}, {}
        if R.random() < 0.6:
            m.update(zip(self.digits, R.sample(self.digits, 10)))
        for t in ctx | q | set(t for b in absent for t in b):
            k = self.kind.get(t)
            if not k or t in keep:
                continue
            rate = shared_rate if t in ctx and t in q else context_rate if t in ctx else 0 if t in q else absent_rate
            if k < 3:
                if R.random() < rate:
                    m[t] = R.choice(self.pool[k])
                continue
            s = self.stem[t]
            if s not in stems:
                stems[s] = R.choice(self.stems) if R.random() < rate else None
            if stems[s]:
                f, have = self.form[t], self.forms[stems[s]]
                m[t] = have.get(f) or have.get((f[0], not f[1])) or t
        return m
