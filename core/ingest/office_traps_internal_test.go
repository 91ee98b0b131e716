package ingest

import (
	"strings"
	"testing"
)

// TestOfficeTraps: what each format hides, repeats or spells in its own way.
func TestOfficeTraps(t *testing.T) {
	deck := func(slide string, more ...string) []byte {
		return parts(t, append([]string{
			"_rels/.rels", relHead + `<Relationship Id="r" Type="x/officeDocument" Target="ppt/p.xml"/></Relationships>`,
			"ppt/p.xml", `<p:presentation xmlns:p="p" xmlns:r="r"><p:sldIdLst><p:sldId id="256" r:id="b"/><p:sldId id="257" r:id="a"/></p:sldIdLst></p:presentation>`,
			"ppt/_rels/p.xml.rels", relHead + `<Relationship Id="a" Type="x/slide" Target="slides/s1.xml"/><Relationship Id="b" Type="x/slide" Target="/ppt/slides/s2.xml"/></Relationships>`,
			"ppt/slides/s1.xml", `<s><sp><txBody><p><r><t>後</t></r></p></txBody></sp></s>`,
			"ppt/slides/s2.xml", slide,
		}, more...)...)
	}
	shape := func(place, text string) string {
		return `<sp><nvPr><ph type="` + place + `"/></nvPr><txBody><p><r><t>` + text + `</t></r></p></txBody></sp>`
	}
	sheet := func(rows, tail string, more ...string) []byte {
		return workbook(t, `<worksheet><sheetData>`+rows+`</sheetData>`+tail+`</worksheet>`, more...)
	}
	mail := func(lines ...string) []byte { return []byte(strings.Join(lines, "\r\n")) }
	for _, c := range []struct {
		what, kind string
		data       []byte
		want       string // pages, joined by a form feed
	}{
		{"order, title, footer", "pptx", deck(`<s>` + shape("ftr", "社外秘") + shape("body", "本文") + shape("title", "表題") + shape("sldNum", "1") + `</s>`), "表題\n\n本文\f後"},
		{"choice and fallback", "pptx", deck(`<s><AlternateContent><Choice>` + shape("", "一度") + `</Choice><Fallback>` + shape("", "一度") + `</Fallback></AlternateContent></s>`), "一度\f後"},
		{"diagram", "pptx", deck(`<s>`+shape("title", "図")+`</s>`, "ppt/slides/_rels/s2.xml.rels", relHead+`<Relationship Id="d" Type="x/diagramData" Target="../d.xml"/></Relationships>`,
			"ppt/d.xml", `<m><ptLst><pt><t><p><r><t>計画</t></r></p></t></pt><pt><t><p><r><t>実行</t></r></p></t></pt></ptLst></m>`), "図\n\n計画\n実行\f後"},

		{"inline, phonetic, escapes, errors", "xlsx", sheet(`<row r="2"><c r="B2" t="inlineStr"><is><r><t>東京</t></r><rPh><t>トウキョウ</t></rPh></is></c><c r="C2" t="s"><v>0</v></c><c r="D2" t="e"><v>#N/A</v></c><c r="E2" t="b"><v>1</v></c></row>`, "",
			"xl/shared.xml", `<sst><si><t>一_x000D_二</t><rPh sb="0" eb="1"><t>イチ</t></rPh></si></sst>`), "S\n\n東京 | 一 二 | TRUE"},
		{"filter tells the names", "xlsx", sheet(`<row><c t="str"><v>部</v></c><c t="str"><v>長</v></c></row><row><c t="str"><v>総務</v></c><c t="str"><v>田中</v></c></row>`, `<autoFilter ref="A1:B2"/>`), "S\n\n部: 総務 | 長: 田中"},
		{"namespaces with prefixes", "xlsx", sheet(`</sheetData><x:sheetData xmlns:x="m"><x:row><x:c t="str"><x:v>x</x:v></x:c></x:row></x:sheetData><sheetData>`, ""), "S\n\nx"},
		{"numbers above are no names", "xlsx", sheet(`<row><c><v>1</v></c><c><v>2</v></c></row><row><c t="str"><v>a</v></c><c t="str"><v>b</v></c></row>`, ""), "S\n\n1 | 2\na | b"},

		{"deleted, ruby, spaces, notes", "odt", odf(t, `<o:text><t:tracked-changes><t:p>消した</t:p></t:tracked-changes><t:p>有<t:ruby><t:ruby-base>給</t:ruby-base><t:ruby-text>きゅう</t:ruby-text></t:ruby>
			休<t:s t:c="3"/>暇<t:note><t:note-citation>1</t:note-citation><t:note-body><t:p>注釈</t:p></t:note-body></t:note><o:annotation><t:p>意見</t:p></o:annotation><t:line-break/>次</t:p></o:text>`), "有給 休   暇\n次\n\n注釈"},
		{"heading", "odt", odf(t, `<o:text><t:p>前</t:p><t:h>題</t:h><t:p>後</t:p></o:text>`), "前\n\n題\n\n後"},

		{"code pages and \\u", "rtf", []byte(`{\rtf1\ansi\ansicpg932\uc1{\fonttbl{\f0\fcharset0 A;}{\f1\fcharset128 M;}}\f1\'8a\'94\'8e\'ae\par\f0 caf\'e9 \u26085?\u-10179?\u-8704?\uc2\u26412\'96\'7b!\par}`), "株式\ncafé 日😀本!"},
		{"hidden, deleted, fields, pictures", "rtf", []byte(`{\rtf1 a{\v hidden}{\deleted gone}{\field{\*\fldinst PAGE}{\fldrslt 7}}{\pict 00ff}{\*\unknown x}{\header h}\bin3 {}}b\par}`), "a7b"},
		{"table and note", "rtf", []byte(`{\rtf1 \trowd\trhdr\intbl K\cell V\cell\row\trowd\intbl 1\cell 2\par 3\cell\row\pard after{\footnote note}.\par}`), "K: 1 | V: 2 3\n\nafter.\n\nnote"},
		{"unicode beside ansi", "rtf", []byte(`{\rtf1 {\upr{old}{\*\ud{new}}}{\info{\upr{\title t}{\*\ud{\title u}}}}\par}`), "new"},

		{"raw letters in the header", "eml", append([]byte("Subject: "), append([]byte("\x89\xef\x8b\x63\x82\xcc\x82\xa8\x92\x6d\x82\xe7\x82\xb9"), []byte("\n\n本文")...)...), "会議のお知らせ\n\n本文"},
		{"flowed", "eml", mail("Subject: f", "Content-Type: text/plain; format=flowed; delsp=yes", "", "This is ", "one line.", "> quoted ", "> text", ""), "f\n\nThis isone line.\n> quotedtext"},
		{"html with a cut boundary", "eml", mail("Subject: h", `Content-Type: multipart/related; boundary="b"`, "", "--b", "Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: quoted-printable", "", "<p>=E6=9C=AC=E6=96=87 long=", "er</p>"), "h\n\n本文 longer"},
		{"half kana and Windows letters in ISO-2022-JP", "eml", mail("Subject: k", "Content-Type: text/plain; charset=iso-2022-jp", "", "\x1b$B-!\x1b(I6\x1b(B"), "k\n\n①ｶ"},
		{"attachment that is damaged", "eml", mail("Subject: d", `Content-Type: multipart/mixed; boundary=b`, "", "--b", "", "text", "--b", "Content-Type: application/pdf; name=x.docx", "Content-Transfer-Encoding: base64", "", "UEsDBAAA", "--b--"), "d\n\nAttachments: x.docx (damaged)\n\ntext"},
		{"web page with its pictures", "mht", mail("From: <Saved by Blink>", "Subject: =?utf-8?Q?=E8=A1=A8?=", `Content-Type: multipart/related; type="text/html"; boundary="b"`, "", "--b", "Content-Type: text/html", "", "<h1>表</h1><p>本文</p>", "--b", "Content-Type: image/png", "Content-Transfer-Encoding: base64", "Content-Location: x.png", "", "AAAA", "--b--"), "表\n\n本文"},
	} {
		pages, _, err := parse(t.Context(), c.kind, c.data, Options{})
		if err != nil {
			t.Errorf("%s (%s): %v", c.what, c.kind, err)
			continue
		}
		var texts []string
		for _, p := range pages {
			texts = append(texts, p.Text)
		}
		if got := strings.Join(texts, "\f"); got != c.want {
			t.Errorf("%s (%s): %q, want %q", c.what, c.kind, got, c.want)
		}
	}
}
