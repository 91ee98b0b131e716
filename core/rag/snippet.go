package rag

// Nearest is the sentence or line of text that shares most with the query; ok is false when none shares a content word.
func Nearest(query, text string) (s Span, ok bool) {
	asked := newProfile(query)
	rs := []rune(text)
	best := 0.0
	for _, span := range Sentences(text) {
		p := newProfile(string(rs[span.Start:span.End]))
		if asked.sharedContent(p) == 0 {
			continue
		}
		// Of two with as much of the query, the one with less else.
		if worth := asked.sharedWeight(p) + 0.1*p.containment(asked); worth > best {
			s, best, ok = span, worth, true
		}
	}
	return s, ok
}
