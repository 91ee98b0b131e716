package index

import (
	"slices"
	"strings"
	"sync"
	"unicode"

	"kakoi/index/gloss"
)

// The words of a question that package gloss knows are looked for in the passages by all their forms: in those of the other script by what they are called there, in those of its
// own by what else they are called. All forms of a word count as one (dictionary-based retrieval across languages: Pirkola 1998). docs/decisions/0025 has the figures.

// form is a form of a word as passages are searched for it: terms, all of which a passage has that has the form.
type form []uint32

// concept is a word of a question: its forms in one of the languages.
type concept []form

// dictionary looks words of questions up.
type dictionary struct {
	lines []gloss.Line
	words map[[mostWords]uint32][]int32 // English: by the stems of a form's words
	runs  map[string][]int32            // Japanese: by a form's characters
}

const (
	mostWords = 4  // of an English form
	mostRunes = 14 // of a Japanese one
)

// loadDictionary makes it once, at the first search.
var loadDictionary = sync.OnceValues(func() (*dictionary, error) {
	lines, err := gloss.Lines()
	if err != nil {
		return nil, err
	}
	return newDictionary(lines), nil
})

func newDictionary(lines []gloss.Line) *dictionary {
	d := &dictionary{lines, make(map[[mostWords]uint32][]int32, 2*len(lines)), make(map[string][]int32, 3*len(lines))}
	for i, l := range lines {
		for _, f := range l.English {
			for _, f := range inflected(f) {
				if words := mains(foldRunes(f)); len(f) > 2 && len(words) <= mostWords && !grammar(words) {
					key := keyOf(words)
					d.words[key] = append(d.words[key], int32(i))
				}
			}
		}
		for _, f := range l.Japanese {
			for _, f := range inflected(f) {
				if n := len([]rune(f)); n <= mostRunes && !short(f) {
					key := string(foldRunes(f))
					d.runs[key] = append(d.runs[key], int32(i))
				}
			}
		}
	}
	return d
}

// short says whether a Japanese form is of so few hiragana that it stands in many other words.
func short(form string) bool {
	n := 0
	for _, r := range form {
		if n++; n > 2 || !unicode.Is(unicode.Hiragana, r) {
			return false
		}
	}
	return true
}

func keyOf(words []main) (key [mostWords]uint32) {
	for i, w := range words {
		key[i] = w.hash
	}
	return key
}

// functionWords are English words that say nothing of what is asked.
var functionWords = func() map[uint32]bool {
	out := map[uint32]bool{}
	for _, w := range strings.Fields(`a an the is are was were be been being do does did done have has had can could may might must shall should will would i me my we us our you your he she it its they
		them their there here this that these those what which who whom whose when where why how if of in on at to for from by with without and or but not no any all some so then than too also else other
		another one ones thing things about into out up down as many much long often`) {
		out[hashWord([]rune(w))] = true
	}
	return out
}()

// grammar says whether a form is of function words alone.
func grammar(words []main) bool {
	return !slices.ContainsFunc(words, func(w main) bool { return !functionWords[w.hash] })
}

// conjugated are the kana that the end of a verb's stem becomes, by what follows: 払い, 払う, 払わない, 払えば, 払って.
var conjugated = map[rune]string{
	'い': "うわえおっ", 'き': "くかけこい", 'し': "すさせそ", 'ち': "つたてとっ", 'に': "ぬなねのん", 'み': "むまめもん", 'り': "るられろっ", 'ぎ': "ぐがげごい", 'び': "ぶばべぼん",
}

// irregular are the forms of English words that their stem (Porter's) does not tell, by each of them.
var irregular = func() map[string][]string {
	out := map[string][]string{}
	for _, w := range strings.Split(`be was were been,bear bore born borne,beat beaten,become became,begin began begun,bend bent,bind bound,bite bit bitten,bleed bled,blow blew blown,break broke broken,breed bred,
bring brought,build built,burn burnt,buy bought,catch caught,choose chose chosen,come came,deal dealt,dig dug,do did done,draw drew drawn,drink drank drunk,drive drove driven,eat ate eaten,fall fell fallen,feed fed,
feel felt,fight fought,find found,flee fled,fly flew flown,forbid forbade forbidden,forget forgot forgotten,freeze froze frozen,get got gotten,give gave given,go went gone,grind ground,grow grew grown,hang hung,hear heard,
hide hid hidden,hold held,keep kept,know knew known,lay laid,lead led,lean leant,learn learnt,leave left,lend lent,lie lay lain,light lit,lose lost,make made,mean meant,meet met,pay paid,ride rode ridden,ring rang rung,
rise rose risen,run ran,say said,see saw seen,seek sought,sell sold,send sent,sew sewn,shake shook shaken,shine shone,shoot shot,show shown,shrink shrank shrunk,sing sang sung,sink sank sunk,sit sat,sleep slept,
slide slid,speak spoke spoken,speed sped,spend spent,spill spilt,spin spun,spoil spoilt,stand stood,steal stole stolen,stick stuck,strike struck,swear swore sworn,sweep swept,swell swollen,swim swam swum,take took taken,
teach taught,tear tore torn,tell told,think thought,throw threw thrown,wake woke woken,wear wore worn,weave woven,win won,wind wound,withdraw withdrew withdrawn,write wrote written,
man men,woman women,child children,person people,foot feet,tooth teeth,mouse mice,knife knives,leaf leaves,shelf shelves,life lives,half halves,wife wives,criterion criteria,analysis analyses,index indices,
good better best,bad worse worst,far farther further`, ",") {
		words := strings.Fields(w)
		for i, one := range words {
			out[one] = append(append(out[one], words[:i]...), words[i+1:]...)
		}
	}
	return out
}()

// particles stand behind a word of one character, which is looked for with them: most of where it stands without is a part of other words.
const particles = "はがをのにでとへもやか"

// inflected are a form and what else it may be in a text: with an irregular form for its first or last word in English; in Japanese the other stems of what may be a verb, and the
// particles behind a single character.
func inflected(form string) []string {
	out := []string{form}
	if form[0] < 0x80 {
		words := strings.Fields(strings.ToLower(form))
		for _, i := range slices.Compact([]int{0, len(words) - 1}) {
			for _, w := range irregular[words[i]] {
				other := slices.Clone(words)
				other[i] = w
				out = append(out, strings.Join(other, " "))
			}
		}
		return out
	}
	rs := []rune(form)
	if len(rs) == 1 {
		out = out[:0]
		for _, r := range particles {
			out = append(out, form+string(r))
		}
		return out
	}
	if n := len(rs) - 1; n > 0 && unicode.Is(unicode.Han, rs[n-1]) {
		for _, r := range conjugated[rs[n]] {
			out = append(out, string(rs[:n])+string(r))
		}
	}
	return out
}

// known gives the words of a question that the dictionary knows, by their lines. The longest go first, and no word is in two.
func (d *dictionary) known(question string) (out [][]int32) {
	runes := foldRunes(question)
	if scriptOf(question) == japanese {
		for i := 0; i < len(runes); i++ {
			for n := min(mostRunes, len(runes)-i); n > 1; n-- {
				if lines := d.runs[string(runes[i:i+n])]; lines != nil && !insideRun(runes, i, i+n) {
					out = append(out, lines)
					i += n - 1
					break
				}
			}
		}
		return out
	}
	words := mains(runes)
	for i := 0; i < len(words); i++ {
		for n := min(mostWords, len(words)-i); n > 0; n-- {
			if lines := d.words[keyOf(words[i:i+n])]; lines != nil {
				out = append(out, lines)
				i += n - 1
				break
			}
		}
	}
	return out
}

// concepts are known words by their forms in a language.
func (d *dictionary) concepts(known [][]int32, in script) []concept {
	out := make([]concept, len(known))
	for i, lines := range known {
		out[i] = d.formsIn(lines, in)
	}
	return out
}

// insideRun says whether characters of a Japanese question are a part of a longer run of kanji, or of katakana, and too few to be a word of it.
func insideRun(runes []rune, from, to int) bool {
	same := func(a, b rune) bool {
		return unicode.Is(unicode.Han, a) && unicode.Is(unicode.Han, b) || katakana(a) && katakana(b)
	}
	before := from > 0 && same(runes[from-1], runes[from])
	behind := to < len(runes) && same(runes[to-1], runes[to])
	single := to-from == 2 && unicode.Is(unicode.Hiragana, runes[to-1]) // a character and its particle
	return (katakana(runes[from]) || single) && (before || behind) || to-from < 3 && before && behind
}

func katakana(r rune) bool { return unicode.Is(unicode.Katakana, r) || r == 'ー' }

// formsIn are the forms of lines in a language.
func (d *dictionary) formsIn(lines []int32, in script) (out concept) {
	for _, i := range lines {
		forms := d.lines[i].English
		if in == japanese {
			forms = d.lines[i].Japanese
		}
		for _, f := range forms {
			for _, f := range inflected(f) {
				if in == japanese && short(f) {
					continue
				}
				var terms form
				for _, m := range mains(foldRunes(f)) {
					if !functionWords[m.hash] {
						terms = append(terms, m.hash)
					}
				}
				if len(terms) > 0 && !slices.ContainsFunc(out, func(o form) bool { return slices.Equal(o, terms) }) {
					out = append(out, terms)
				}
			}
		}
	}
	return out
}
