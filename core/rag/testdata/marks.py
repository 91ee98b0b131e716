"""Writes marks.json: stretches of texts as the recipe of the evidence model marks them. usage: python marks.py (needs numpy)"""
import json, os, random, sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "../../../resources/starter/recipe"))
from evidence import marked, sentence_spans, window_spans

texts = [
    "第1条 この規程は、«出張»の取扱いを定める。\n第2条 宿泊費は、一泊につき12,000円を上限とする。ただし、東京都区部では15,000円とする。\n\n第3条 日当は2,000円とし、半日の場合はその半額を支給する。" * 2,
    "The hall is let by the hour. It costs 40 euros, and 25 on weekdays before noon; members pay half. «Keys» are at the desk (ask for Ms Ito).\n\nThe gym is let by the day. It costs 90 euros. "
    + "Whoever breaks something says so, and pays for it unless it was worn before. " * 6,
    "Item: Paper A4, Price: 480, Stock: 12\nItem: Paper A3, Price: 910, Stock: 0\nItem: 封筒, Price: 300, Stock: 40",
    "Supercalifragilistic" * 30 + " ends. And more follows" + "x" * 200,
]
R, out = random.Random(1), []
for t in texts:
    spans = sentence_spans(t)
    for a, b in spans + [(a + x, a + y) for a, b in R.sample(spans, min(3, len(spans))) for x, y in window_spans(t[a:b])[:3]]:
        h = R.choice(["", "", "Rooms", "第1条"])
        out.append(dict(text=t, heading=h, start=a, end=b, marked=marked(t, a, b, h)))
json.dump(out, open(os.path.join(here, "marks.json"), "w"), ensure_ascii=False, indent=0)
print(len(out))
