package widget

// Mark changes which rows of a list are marked, by their ids, as a person goes to row to from row from; id names a row.
// A stretch begins at anchor, which is kept between steps and "" when none is begun. MoveCursor changes nothing, and
// MoveOnly leaves none marked: whether the one gone to is, is the owner's.
func Mark(marked map[string]bool, anchor *string, how Move, from, to, rows int, id func(row int) string) {
	switch how {
	case MoveOnly:
		clear(marked)
		*anchor = ""
	case MoveToggle:
		if name := id(to); marked[name] {
			delete(marked, name)
		} else {
			marked[name] = true
		}
		*anchor = ""
	case MoveExtend:
		if *anchor == "" {
			*anchor = id(from)
		}
		start := -1
		for k := range rows {
			if id(k) == *anchor {
				start = k
				break
			}
		}
		clear(marked)
		for k := max(0, min(start, to)); k <= max(start, to); k++ {
			marked[id(k)] = true
		}
	}
}
