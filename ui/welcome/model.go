package welcome

import (
	"path/filepath"
	"slices"
	"strings"
)

// steps in their order.
const (
	stepLook = iota
	stepPlace
	stepDocuments
	steps
)

// Sizes of the text that are offered, in percent.
var sizes = []int{90, 100, 125, 150}

// themes that are offered, as the settings name them.
var themes = []string{"system", "light", "dark"}

// languages that are offered.
var languages = []string{"ja", "en"}

// model is the welcome without its widgets.
type model struct {
	step  int
	size  int // text size that is chosen
	theme string
	paths []string // to add: dropped before the last step, or chosen
	ended bool
	guard bool // the fields of a passphrase are shown
}

func newModel(size int, theme string) model {
	m := model{size: size, theme: theme}
	if m.size == 0 {
		m.size = 100
	}
	if !slices.Contains(themes, m.theme) {
		m.theme = themes[0]
	}
	return m
}

// next and back turn the pages; they say whether there was one.
func (m *model) next() bool {
	if m.step == steps-1 {
		return false
	}
	m.step++
	return true
}

func (m *model) back() bool {
	if m.step == 0 {
		return false
	}
	m.step--
	return true
}

// take remembers files and folders, each once.
func (m *model) take(paths []string) {
	seen := make(map[string]bool, len(m.paths)+len(paths))
	for _, p := range m.paths {
		seen[p] = true
	}
	for _, p := range paths {
		if !seen[p] {
			seen[p] = true
			m.paths = append(m.paths, p)
		}
	}
}

// end says whether the welcome ends now: only once, however often a button is pressed.
func (m *model) end() bool {
	if m.ended {
		return false
	}
	m.ended = true
	return true
}

// named lists the first of the paths by their names, and how many others there are.
func (m *model) named() (names string, others int) {
	const shown = 3
	var list []string
	for _, p := range m.paths[:min(shown, len(m.paths))] {
		list = append(list, filepath.Base(p))
	}
	return strings.Join(list, ", "), len(m.paths) - len(list)
}

// nearest is the offered size that comes closest to the one set.
func (m *model) nearest() int {
	best := sizes[0]
	for _, s := range sizes {
		if abs(s-m.size) < abs(best-m.size) {
			best = s
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }
