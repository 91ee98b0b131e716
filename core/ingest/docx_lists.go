package ingest

import (
	"strconv"
	"strings"
)

// docxStyles is what word/styles.xml says about headings and numbered styles.
type docxStyles struct {
	Style []struct {
		ID   string `xml:"styleId,attr"`
		Type string `xml:"type,attr"`
		Name struct {
			Val string `xml:"val,attr"`
		} `xml:"name"`
		PPr struct {
			OutlineLvl *struct {
				Val string `xml:"val,attr"`
			} `xml:"outlineLvl"`
			NumPr *struct {
				Num struct {
					Val string `xml:"val,attr"`
				} `xml:"numId"`
				Level struct {
					Val int `xml:"val,attr"`
				} `xml:"ilvl"`
			} `xml:"numPr"`
		} `xml:"pPr"`
	} `xml:"style"`
}

func (s docxStyles) headings() map[string]bool {
	out := map[string]bool{}
	for _, st := range s.Style {
		name := strings.ToLower(st.Name.Val)
		level := st.PPr.OutlineLvl
		out[st.ID] = level != nil && level.Val != "9" || name == "title" || strings.HasPrefix(name, "heading ")
	}
	return out
}

func (s docxStyles) lists() map[string]listRef {
	out := map[string]listRef{}
	for _, st := range s.Style {
		if n := st.PPr.NumPr; n != nil && n.Num.Val != "" && n.Num.Val != "0" {
			out[st.ID] = listRef{n.Num.Val, n.Level.Val}
		}
	}
	return out
}

// docxNumbering is word/numbering.xml: Japanese work rules number their articles with it ("第%1条").
type docxNumbering struct {
	Abstract []struct {
		ID    string      `xml:"abstractNumId,attr"`
		Level []docxLevel `xml:"lvl"`
	} `xml:"abstractNum"`
	Num []struct {
		ID       string `xml:"numId,attr"`
		Abstract struct {
			Val string `xml:"val,attr"`
		} `xml:"abstractNumId"`
		Override []struct {
			Index int        `xml:"ilvl,attr"`
			Level *docxLevel `xml:"lvl"`
			Start *struct {
				Val int `xml:"val,attr"`
			} `xml:"startOverride"`
		} `xml:"lvlOverride"`
	} `xml:"num"`
}

type docxLevel struct {
	Index int `xml:"ilvl,attr"`
	Start struct {
		Val string `xml:"val,attr"`
	} `xml:"start"`
	Format struct {
		Val string `xml:"val,attr"`
	} `xml:"numFmt"`
	Text struct {
		Val string `xml:"val,attr"`
	} `xml:"lvlText"`
}

type listRef struct {
	num   string
	level int
}

type listLevel struct {
	start        int
	format, text string
}

const (
	listLevels = 9
	// A mark is repeated before every paragraph of its list: a long one is no mark.
	maxMarkBytes = 200
)

type docxList struct {
	levels   [listLevels]listLevel
	counters [listLevels]int
	begun    [listLevels]bool
}

func (d *docxList) set(l docxLevel) {
	if l.Index < 0 || l.Index >= listLevels {
		return
	}
	start, err := strconv.Atoi(l.Start.Val)
	if err != nil {
		start = 1
	}
	text := l.Text.Val
	if len(text) > maxMarkBytes {
		text = ""
	}
	d.levels[l.Index] = listLevel{start, l.Format.Val, text}
}

type docxLists struct {
	lists     map[string]*docxList // by numId; those of one abstractNum share it and count on
	overrides map[listRef]int      // start of the first paragraph of a numId
}

func (n docxNumbering) lists() *docxLists {
	abstract := map[string]*docxList{}
	for _, a := range n.Abstract {
		list := &docxList{}
		for _, l := range a.Level {
			list.set(l)
		}
		abstract[a.ID] = list
	}
	out := &docxLists{lists: map[string]*docxList{}, overrides: map[listRef]int{}}
	for _, num := range n.Num {
		list := abstract[num.Abstract.Val]
		if list == nil {
			continue
		}
		own := *list
		redefined := false
		for _, o := range num.Override {
			if o.Level != nil {
				own.set(*o.Level)
				redefined = true
			}
			if o.Start != nil {
				out.overrides[listRef{num.ID, o.Index}] = o.Start.Val
			}
		}
		if redefined {
			list = &own // other marks: it counts for itself
		}
		out.lists[num.ID] = list
	}
	return out
}

// next counts a paragraph of the list and is what Word draws before it.
func (l *docxLists) next(ref listRef) string {
	list := l.lists[ref.num]
	if list == nil || ref.level < 0 || ref.level >= listLevels {
		return ""
	}
	level := list.levels[ref.level]
	if start, ok := l.overrides[ref]; ok {
		delete(l.overrides, ref)
		list.counters[ref.level] = start
	} else if !list.begun[ref.level] {
		list.counters[ref.level] = level.start
	} else {
		list.counters[ref.level]++
	}
	list.begun[ref.level] = true
	for i := ref.level + 1; i < listLevels; i++ {
		list.begun[i] = false
	}
	switch {
	case level.format == "bullet":
		return strings.Repeat("  ", ref.level) + "- "
	case level.format == "none" || level.text == "":
		return ""
	}
	mark := level.text
	for i := range ref.level + 1 {
		mark = strings.ReplaceAll(mark, "%"+strconv.Itoa(i+1), counter(list.counters[i], list.levels[i].format))
	}
	return mark + " "
}

// counter writes n in a number format of ECMA-376 17.18.59; those not listed are drawn in digits.
func counter(n int, format string) string {
	letters := func(first rune) string {
		if n < 1 || n > 780 {
			return strconv.Itoa(n)
		}
		return strings.Repeat(string(first+rune((n-1)%26)), (n-1)/26+1)
	}
	pick := func(set string) string {
		runes := []rune(set)
		if n < 1 || n > len(runes) {
			return strconv.Itoa(n)
		}
		return string(runes[n-1])
	}
	switch format {
	case "lowerLetter":
		return letters('a')
	case "upperLetter":
		return letters('A')
	case "lowerRoman":
		return strings.ToLower(roman(n))
	case "upperRoman":
		return roman(n)
	case "decimalZero":
		if n >= 0 && n < 10 {
			return "0" + strconv.Itoa(n)
		}
	case "decimalFullWidth", "decimalFullWidth2":
		return strings.Map(func(c rune) rune { return c - '0' + '０' }, strconv.Itoa(n))
	case "decimalEnclosedCircle", "decimalEnclosedCircleChinese":
		return pick("①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳")
	case "aiueoFullWidth", "aiueo":
		return pick("アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン")
	case "irohaFullWidth", "iroha":
		return pick("イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセス")
	case "japaneseCounting", "ideographDigital", "chineseCounting", "taiwaneseCounting", "japaneseLegal":
		return kanjiNumber(n)
	}
	return strconv.Itoa(n)
}

func roman(n int) string {
	if n < 1 || n > 3999 {
		return strconv.Itoa(n)
	}
	var b strings.Builder
	for _, r := range []struct {
		value int
		sign  string
	}{{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"}, {40, "XL"}, {10, "X"}, {9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"}} {
		for n >= r.value {
			b.WriteString(r.sign)
			n -= r.value
		}
	}
	return b.String()
}

func kanjiNumber(n int) string {
	if n < 1 || n > 9999 {
		return strconv.Itoa(n)
	}
	digits := []rune("〇一二三四五六七八九")
	var b strings.Builder
	for _, u := range []struct {
		value int
		sign  string
	}{{1000, "千"}, {100, "百"}, {10, "十"}, {1, ""}} {
		d := n / u.value % 10
		if d > 1 || d == 1 && u.value == 1 {
			b.WriteRune(digits[d])
		}
		if d > 0 {
			b.WriteString(u.sign)
		}
	}
	return b.String()
}
