package help

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// keyLine is a shortcut as it is shown.
type keyLine struct {
	keys string // "Ctrl+K"
	text string
}

// keyGroup is what one screen's shortcuts are.
type keyGroup struct {
	title string
	lines []keyLine
}

// row is what the text is made of, from top to bottom.
type row struct {
	id    string
	title string    // of the shortcuts as a whole; "" otherwise
	group *keyGroup // nil: block
	block block
}

// chapter is an entry of the contents.
type chapter struct {
	title string
	row   string // its first one
}

// model is the help without its widgets.
type model struct {
	groups   []keyGroup
	sections []section
	words    []string // looked for, folded
	rows     []row
	chapters []chapter
}

// loadGuide reads the guide in a language.
func loadGuide(files fs.FS, lang string) ([]section, error) {
	raw, err := fs.ReadFile(files, "guide/"+lang+".md")
	if err != nil {
		return nil, fmt.Errorf("read guide: %w", err)
	}
	return parseGuide(string(raw)), nil
}

// fill makes the rows of what has all the words looked for: a section as a whole, a shortcut by itself.
func (m *model) fill(shortcuts string) {
	m.rows, m.chapters = nil, nil
	var groups []row
	for i, g := range m.groups {
		found := keyGroup{title: g.title}
		for _, l := range g.lines {
			if m.has(g.title + " " + l.keys + " " + l.text) {
				found.lines = append(found.lines, l)
			}
		}
		if len(found.lines) > 0 {
			groups = append(groups, row{id: fmt.Sprintf("keys/%d/%s", i, strings.Join(m.words, " ")), group: &found})
		}
	}
	if len(groups) > 0 {
		m.chapters = append(m.chapters, chapter{shortcuts, "keys"})
		m.rows = append(append(m.rows, row{id: "keys", title: shortcuts}), groups...)
	}
	for i, s := range m.sections {
		var text strings.Builder
		for _, b := range s.blocks {
			text.WriteString(b.text() + "\n")
		}
		if !m.has(text.String()) {
			continue
		}
		id := fmt.Sprintf("guide/%d", i)
		m.chapters = append(m.chapters, chapter{s.title, id + "/0/" + strings.Join(m.words, " ")})
		for j, b := range s.blocks {
			m.rows = append(m.rows, row{id: fmt.Sprintf("%s/%d/%s", id, j, strings.Join(m.words, " ")), block: b})
		}
	}
}

// search sets what is looked for.
func (m *model) search(text, shortcuts string) {
	m.words = strings.Fields(fold(text))
	m.fill(shortcuts)
}

func (m *model) has(text string) bool {
	text = fold(text)
	return !slices.ContainsFunc(m.words, func(w string) bool { return !strings.Contains(text, w) })
}

// fold makes equal what a person types alike: case and width.
func fold(s string) string { return strings.ToLower(norm.NFKC.String(s)) }

// part is a stretch of a text that was found, or not.
type part struct {
	text  string
	found bool
}

// mark parts a text at the words looked for.
func (m *model) mark(text string) []part {
	if len(m.words) == 0 {
		return []part{{text: text}}
	}
	runes := []rune(text)
	hit := make([]bool, len(runes))
	folded := make([]string, len(runes))
	for i, r := range runes {
		folded[i] = fold(string(r))
	}
	for _, w := range m.words {
		for i := range runes {
			if end := i + starts(folded[i:], w); end > i {
				for j := i; j < end; j++ {
					hit[j] = true
				}
			}
		}
	}
	var parts []part
	for i, r := range runes {
		if i == 0 || hit[i] != hit[i-1] {
			parts = append(parts, part{found: hit[i]})
		}
		parts[len(parts)-1].text += string(r)
	}
	return parts
}

// starts is how many of the pieces begin with a word; 0 when they do not.
func starts(pieces []string, word string) int {
	n := 0
	for word != "" {
		if n == len(pieces) || pieces[n] == "" || !strings.HasPrefix(word, pieces[n]) {
			return 0
		}
		word = word[len(pieces[n]):]
		n++
	}
	return n
}
