#!/usr/bin/env python3
"""Writes the sources of the PDFs that programs make: flat OpenDocument for LibreOffice, LaTeX. Run by make.sh."""

JA = """従業員は、入社の日から六か月を経過したとき、十日の年次有給休暇を取ることができる。ただし、出勤率が八割に満たない者を除く。
休暇を取ろうとする者は、三日前までに所属長に申し出なければならない。急病その他やむを得ない理由があるときは、事後に遅滞なく届け出るものとする。
会社は、事業の正常な運営を妨げる場合に限り、請求された時季を変更することがある。
出張の旅費は、交通費、日当および宿泊料とする。宿泊料は実費を支給し、一泊につき一万二千円を上限とする。
通勤手当は、最も経済的な経路による定期券の額とし、月額五万円を超えないものとする。
時間外労働の割増率は、平日は二割五分、法定休日は三割五分とし、一か月六十時間を超える部分は五割とする。
情報機器を社外に持ち出すときは、画面の鍵と記憶装置の暗号化を確かめ、紛失したときは直ちに情報管理室に連絡する。
災害のおそれがあるときは、防災責任者の指示に従い、安否を確認したうえで帰宅の可否を判断する。"""
JA = JA.split("\n")
EN = """The battery lasts six hours at the highest brightness and forty hours at the lowest.
Charging takes three hours with the adapter that comes with the lamp, and about twice as long from a computer.
Requests are made at least three days before the leave, in writing or by electronic mail.
Unused goods can be returned within thirty days; the refund is paid within seven business days after they arrive at the warehouse.
The committee reviewed the measurements of the second quarter and found no reason to change the limits.
Every instrument is calibrated twice a year, and the records are kept for five years after it is taken out of service.
When the alarm sounds, leave the building by the nearest stairs and wait at the assembly point until the names have been called.
Small differences between the two series are explained by the temperature of the hall, which was not constant.""".split("\n")


def para(lang, n, k):
    src = JA if lang == "ja" else EN
    return ("" if lang == "ja" else " ").join(src[(k + i) % len(src)] for i in range(n))


def fodt(name, body, lang="ja", page="", style="", header="", footer="", vertical=False, size="A4", columns=0, automatic=""):
    w, h = ("21cm", "29.7cm") if size == "A4" else ("14.8cm", "21cm")
    cols = f'<style:columns fo:column-count="{columns}" fo:column-gap="0.8cm"/>' if columns else ""
    mode = 'style:writing-mode="tb-rl"' if vertical else 'style:writing-mode="lr-tb"'
    master = ""
    if header:
        master += f"<style:header>{header}</style:header>"
    if footer:
        master += f"<style:footer>{footer}</style:footer>"
    hs = '<style:header-style><style:header-footer-properties fo:min-height="0.6cm" fo:margin-bottom="0.5cm"/></style:header-style>' if header else ""
    fs = '<style:footer-style><style:header-footer-properties fo:min-height="0.6cm" fo:margin-top="0.5cm"/></style:footer-style>' if footer else ""
    open(name + ".fodt", "w").write(f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.text">
<office:font-face-decls><style:font-face style:name="JP" svg:font-family="'Noto Sans CJK JP'"/></office:font-face-decls>
<office:styles>
<style:default-style style:family="paragraph"><style:paragraph-properties fo:margin-bottom="0.2cm"/><style:text-properties style:font-name="JP" style:font-name-asian="JP" fo:font-size="10.5pt" style:font-size-asian="10.5pt" fo:language="{lang}" fo:country="{"JP" if lang == "ja" else "GB"}" style:language-asian="ja" style:country-asian="JP"/></style:default-style>
<style:style style:name="Standard" style:family="paragraph"/>
<style:style style:name="H1" style:family="paragraph" style:parent-style-name="Standard" style:default-outline-level="1"><style:text-properties fo:font-size="16pt" style:font-size-asian="16pt" fo:font-weight="bold" style:font-weight-asian="bold"/></style:style>
<style:style style:name="H2" style:family="paragraph" style:parent-style-name="Standard" style:default-outline-level="2"><style:text-properties fo:font-size="13pt" style:font-size-asian="13pt"/></style:style>
<style:style style:name="Small" style:family="paragraph" style:parent-style-name="Standard"><style:text-properties fo:font-size="9pt" style:font-size-asian="9pt"/></style:style>
<style:style style:name="Footnote" style:family="paragraph"><style:text-properties fo:font-size="8pt" style:font-size-asian="8pt"/></style:style>
{style}</office:styles>
<office:automatic-styles>
<style:page-layout style:name="pm"><style:page-layout-properties fo:page-width="{w}" fo:page-height="{h}" fo:margin-top="2cm" fo:margin-bottom="2cm" fo:margin-left="2cm" fo:margin-right="2cm" {mode}>{cols}</style:page-layout-properties>{hs}{fs}</style:page-layout>
<style:style style:name="cell" style:family="table-cell"><style:table-cell-properties fo:padding="0.1cm" fo:border="0.5pt solid #000000"/></style:style>
<style:style style:name="Two" style:family="section"><style:section-properties><style:columns fo:column-count="2" fo:column-gap="0.8cm"/></style:section-properties></style:style>
<style:style style:name="Brk" style:family="paragraph" style:parent-style-name="Standard"><style:paragraph-properties fo:break-before="page"/></style:style>
{automatic}</office:automatic-styles>
<office:master-styles><style:master-page style:name="Standard" style:page-layout-name="pm">{master}</style:master-page></office:master-styles>
<office:body><office:text>{body}</office:text></office:body></office:document>""")


p = lambda s, st="Standard": f'<text:p text:style-name="{st}">{s}</text:p>'
h = lambda s, l=1: f'<text:h text:style-name="H{l}" text:outline-level="{l}">{s}</text:h>'
note = lambda n, s: f'<text:note text:id="n{n}" text:note-class="footnote"><text:note-citation>{n}</text:note-citation><text:note-body>{p(s, "Footnote")}</text:note-body></text:note>'
PAGE = '<text:page-number text:select-page="current"/>'


def table(rows, head=True, spans={}):
    out = '<table:table>' + f'<table:table-column table:number-columns-repeated="{len(rows[0])}"/>'
    for r, row in enumerate(rows):
        cells = ""
        for c, v in enumerate(row):
            if v is None:
                cells += "<table:covered-table-cell/>"
                continue
            a = ""
            if (r, c) in spans:
                rs, cs = spans[r, c]
                a = f' table:number-rows-spanned="{rs}" table:number-columns-spanned="{cs}"'
            cells += f'<table:table-cell table:style-name="cell"{a}>{p(v)}</table:table-cell>'
        tr = f"<table:table-row>{cells}</table:table-row>"
        out += f"<table:table-header-rows>{tr}</table:table-header-rows>" if head and r == 0 else tr
    return out + "</table:table>"


# Japanese, header and footer with numbers, headings, footnotes.
body = h("就業規則")
for i in range(1, 7):
    body += h(f"第{i}章 服務 その{i}", 2)
    for k in range(4):
        body += p(f"第{i}{k}条 " + para("ja", 3, i + k) + (note(i, para('ja', 1, i * 3)) + para("ja", 2, k) if k == 1 else ""))
fodt("ja-headed", body, header=p("株式会社ひかり 就業規則", "Small"), footer=p(f"- {PAGE} -", "Small"))
# Japanese in two columns.
body = h("研究報告 通信方式の比較") + '<text:section text:style-name="Two" text:name="s">'
for i in range(1, 9):
    body += p(f"{i}. 節の見出し", "H2") + p(para("ja", 4, i)) + p(para("ja", 3, i + 2))
body += "</text:section>"
fodt("ja-two", body, header=p("情報通信学会論文誌 第12巻", "Small"), footer=p(PAGE, "Small"))
# Vertical.
body = p("縦書きの随筆", "H1")
for i in range(8):
    body += p(para("ja", 4, i))
fodt("ja-vertical", body, vertical=True, size="A5", footer=p(PAGE, "Small"))
# Tables with borders, names of columns repeated on each page, merged cells.
rows = [["品番", "品名", "単価", "在庫", "備考"]] + [[f"KX-{200+i}", ["加湿器", "除湿機", "空気清浄機"][i % 3], f"{12000+i*150:,}円", f"{(i*7)%40}台", "受注生産" if i % 4 == 0 else ""] for i in range(70)]
body = h("価格表") + p(para("ja", 1, 0)) + table(rows)
body += p("部門別の予算", "H2") + table([["部門", "科目", "金額"], ["総務部", "旅費", "120,000円"], [None, "会議費", "35,000円"], ["営業部", "交際費", "80,000円"]], spans={(1, 0): (2, 1)})
fodt("ja-tables", body, header=p("社外秘 価格表 2026年版", "Small"), footer=p(f"{PAGE} ページ", "Small"))
# English report with header, footnotes, table.
body = h("Annual report of the instrument committee")
for i in range(1, 9):
    body += h(f"{i}. Measurements of series {i}", 2)
    for k in range(3):
        body += p(para("en", 4, i + k) + (note(i, para('en', 1, i * 3)) + " " + para("en", 2, k) if k == 1 else ""))
body += table([["Series", "Mean", "Deviation"]] + [[f"S{i}", f"{i*3.1:.1f}", f"{i*0.2:.2f}"] for i in range(1, 9)])
fodt("en-report", body, lang="en", header=p("Instrument committee - Annual report 2026", "Small"), footer=p(f"Page {PAGE}", "Small"))

# LaTeX: two columns, footnotes, a table with rules above and below, running heads.
tex = r"""\documentclass[twocolumn,10pt]{article}
\usepackage{booktabs}\usepackage{fancyhdr}\pagestyle{fancy}\fancyhf{}\fancyhead[L]{Journal of Small Lamps}\fancyhead[R]{Vol. 7}\fancyfoot[C]{\thepage}
\title{A comparison of lamps in offices}\author{A. Writer \and B. Reader}\date{March 2026}
\begin{document}\maketitle\thispagestyle{fancy}
\begin{abstract}""" + para("en", 3, 0) + r"\end{abstract}" + "\n"
for i in range(1, 8):
    tex += rf"\section{{Series {i} of the measurements}}" + "\n" + para("en", 5, i) + rf"\footnote{{Note {i} about the hall: " + EN[i % 8] + "}" + "\n\n" + para("en", 6, i + 3) + "\n\n" + para("en", 4, i + 5) + "\n\n"
    if i == 2:
        tex += r"\begin{table}\caption{Brightness}\begin{tabular}{lrr}\toprule Lamp & Lumens & Price \\ \midrule LM-40 & 800 & 59 \\ LM-60 & 1200 & 89 \\ LM-80 & 1600 & 129 \\ \bottomrule\end{tabular}\end{table}" + "\n"
tex += r"\end{document}"
open("en-two.tex", "w").write(tex)
