"""Writes PDFs whose Japanese fonts are only named, ones drawn line by line across columns, turned sheets (reportlab). Run by make.sh."""
from reportlab.pdfgen import canvas
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont, CIDFont
from office import EN, para
A4 = (595, 842)
for f in ("HeiseiMin-W3", "HeiseiKakuGo-W5"):
    pdfmetrics.registerFont(UnicodeCIDFont(f))

def wrap(s, n):
    return [s[i:i+n] for i in range(0, len(s), n)]

def words(s, n):
    out, line = [], ""
    for w in s.split():
        if len(line) + len(w) + 1 > n:
            out.append(line); line = w
        else:
            line = (line + " " + w).strip()
    return out + [line]

def interleaved(name, font, size, left, right, head):
    c = canvas.Canvas(name, pagesize=A4)
    pages = [(left[i:i+45], right[i:i+45]) for i in range(0, len(left), 45)]
    for no, (l, r) in enumerate(pages, 1):
        c.setFont(font, size)
        c.drawString(57, 800, head)
        y = 770
        for a, b in zip(l, r):
            c.drawString(57, y, a); c.drawString(310, y, b); y -= 15
        c.drawCentredString(297, 40, f"{no}")
        c.showPage()
    c.save()

ja = [x for i in range(14) for x in wrap(para("ja", 8, i), 23)]
interleaved("ja-across.pdf", "HeiseiMin-W3", 10, ja[:135], ja[135:270], "社内報 第41号")
en = [x for i in range(14) for x in words(para("en", 8, i), 46)]
interleaved("en-across.pdf", "Times-Roman", 10, en[:135], en[135:270], "Newsletter no. 41")

c = canvas.Canvas("ja-cid.pdf", pagesize=A4)
for no in range(1, 9):
    c.setFont("HeiseiKakuGo-W5", 14); c.drawString(57, 790, f"第{no}章 規程の細則")
    c.setFont("HeiseiMin-W3", 10.5)
    y = 760
    for i in range(6):
        for line in wrap("　" + para("ja", 4, no + i), 44):
            c.drawString(57, y, line); y -= 16
    c.setFont("HeiseiMin-W3", 9); c.drawCentredString(297, 30, f"－{no}－")
    c.showPage()
c.save()
for enc, name in (("90ms-RKSJ-V", "ja-vert-cid.pdf"),):
    pdfmetrics.registerFont(CIDFont("HeiseiMin-W3", enc))
    f = "HeiseiMin-W3-" + enc
    c = canvas.Canvas(name, pagesize=A4)
    for no in range(1, 5):
        # two tiers, each from right to left
        for tier in range(2):
            lines = [x for i in range(6) for x in wrap(para("ja", 4, no + i + tier), 30)][:26]
            x = 530
            for line in lines:
                t = c.beginText(x, 780 - tier * 380); t.setFont(f, 11)
                t._code.append("<%s> Tj" % line.encode("cp932").hex()); c.drawText(t); x -= 18
        c.setFont("Helvetica", 9); c.drawCentredString(297, 25, str(no))
        c.showPage()
    c.save()

# Text of many pages, with a running head and the page number in one line.
c = canvas.Canvas("en-long.pdf", pagesize=A4)
for no in range(1, 41):
    c.setFont("Helvetica", 8); c.drawString(57, 805, "Handbook of the small lamp"); c.drawRightString(538, 805, f"page {no} of 40")
    c.setFont("Helvetica-Bold", 14); c.drawString(57, 775, f"{no}. Chapter on lamps")
    c.setFont("Helvetica", 10); y = 750
    for i in range(5):
        for line in words(para("en", 6, no + i), 95):
            c.drawString(57, y, line); y -= 13
        y -= 6
    c.showPage()
c.save()
# EUC-JP, and a table whose lines are thin rectangles.
pdfmetrics.registerFont(CIDFont("HeiseiKakuGo-W5", "EUC-H"))
c = canvas.Canvas("ja-euc.pdf", pagesize=A4)
for no in range(1, 4):
    def put(x, y, s, size=10):
        t = c.beginText(x, y); t.setFont("HeiseiKakuGo-W5-EUC-H", size); t._code.append("<%s> Tj" % s.encode("euc_jp").hex()); c.drawText(t)
    put(57, 790, f"点検記録 第{no}号", 15)
    rows = [["設備", "周期", "担当", "結果"]] + [[f"ポンプ{i}号機", f"{i}か月", "保全係", "良" if i % 3 else "要交換"] for i in range(1, 13)]
    for r, row in enumerate(rows):
        for k, v in enumerate(row):
            put(62 + 110 * k, 752 - 22 * r, v)
    for r in range(len(rows) + 1):
        c.rect(57, 768 - 22 * r, 440, 0.7, stroke=0, fill=1)
    for k in range(5):
        c.rect(57 + 110 * k, 768 - 22 * len(rows), 0.7, 22 * len(rows), stroke=0, fill=1)
    for i, line in enumerate(wrap(para("ja", 4, no), 44)):
        put(57, 440 - 16 * i, line)
    c.showPage()
c.save()
# Sheets that are turned to be read.
c = canvas.Canvas("en-turned.pdf", pagesize=A4)
for no in range(1, 5):
    c.setPageRotation(90); c.saveState(); c.translate(595, 0); c.rotate(90)
    c.setFont("Times-Roman", 8); c.drawString(57, 565, "Minutes of the lamp committee"); c.drawString(700, 565, f"{no}")
    c.setFont("Times-Roman", 11); y = 530
    for line in words(para("en", 16, no), 120):
        c.drawString(57, y, line); y -= 15
    c.restoreState(); c.showPage()
c.save()
