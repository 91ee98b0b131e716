package ingest

import (
	"math"
	"slices"
)

// blockKind says what stands around a block in the page's text.
type blockKind int

const (
	blockText    blockKind = iota
	blockTable             // an empty line before and after it
	blockHeading           // the same
	blockApart             // after the page's text
)

// block is a line of the page, or a table.
type block struct {
	kind blockKind
	line pdfLine
}

// free is a stretch of the sheet's width in which nothing stands.
type free struct {
	from, to float64
	both     int // lines with something on both sides of it
}

const (
	bothSides   = 3    // lines that make a region of columns
	proseFill   = 0.72 // of a column's width that most of its lines fill
	proseLength = 10   // characters of most of its lines
	maxRegion   = 500  // lines
)

// inColumns finds stretches of lines that stand in columns though the file has them across: these are read one column after the other. What are
// the rows of a table becomes one.
func (s *pdfSheet) inColumns(blocks []block) []block {
	var out []block
	for i := 0; i < len(blocks); {
		if !s.spend(1) {
			return append(out, blocks[i:]...)
		}
		if blocks[i].kind != blockText || len(blocks[i].line.parts) < 2 {
			out, i = append(out, blocks[i]), i+1
			continue
		}
		if table := s.headedTable(blocks, i); table != nil {
			out, i = append(out, table.block), table.end
			continue
		}
		end, gaps := s.region(blocks, i)
		if len(gaps) == 0 {
			out, i = append(out, blocks[i]), i+1
			continue
		}
		if table := s.openTable(blocks, i); table != nil {
			out, i = append(out, table.block), table.end
			continue
		}
		sides := sided(blocks[i:end], gaps)
		if prose(sides) {
			for _, side := range sides {
				for _, l := range side {
					out = append(out, block{line: l})
				}
			}
			i = end
			continue
		}
		out, i = append(out, blocks[i]), i+1
	}
	return out
}

// region is the longest stretch of lines from i on that one gap at least runs through, and those gaps.
func (s *pdfSheet) region(blocks []block, i int) (end int, gaps []free) {
	open := []free{}
	parts := blocks[i].line.parts
	for j := 1; j < len(parts); j++ {
		open = append(open, free{parts[j-1].box.Right, parts[j].box.Left, 0})
	}
	var last Box
	lastBoth, size := i, blocks[i].line.size
	best := 0
	for end = i; end < min(len(blocks), i+maxRegion); end++ {
		l := blocks[end].line
		if blocks[end].kind != blockText || l.down || l.turned || l.box.Empty() {
			break
		}
		if end > i {
			if l.box.Top > last.Top || last.Bottom-l.box.Top > 4*size { // not below, or far below
				break
			}
			// Lines of one side only go on as long as nothing says that the columns have ended.
			if len(l.parts) < 2 && (last.Bottom-l.box.Top > 1.2*size || math.Abs(l.size-size) > 0.15*size) && lastBoth < end-1 {
				break
			}
		}
		left := narrowed(open, l, size)
		if len(left) == 0 || !s.spend(len(open)*len(l.stretches())) {
			break
		}
		open, last = left, l.box
		for _, g := range open {
			if g.both > best {
				best, lastBoth = g.both, end
			}
		}
	}
	for _, g := range open {
		if g.both >= bothSides {
			gaps = append(gaps, g)
		}
	}
	return end, gaps
}

// narrowed are the gaps that a line leaves.
func narrowed(open []free, l pdfLine, size float64) []free {
	var out []free
	for _, g := range open {
		left, right, crossed := false, false, false
		for _, p := range l.stretches() {
			switch from, to := p.box.Left, p.box.Right; {
			case to <= g.from:
				left = true
			case from >= g.to:
				right = true
			case from <= g.from && to >= g.to:
				crossed = true
			case from <= g.from, to < g.to && from-g.from < g.to-to:
				g.from, left = to, true
			default:
				g.to, right = from, true
			}
		}
		if crossed || g.to-g.from < max(0.6*size, 3) {
			continue
		}
		if left && right {
			g.both++
		}
		out = append(out, g)
	}
	return out
}

// sided sorts the stretches of lines into columns.
func sided(blocks []block, gaps []free) [][]pdfLine {
	sides := make([][]pdfLine, len(gaps)+1)
	for _, b := range blocks {
		now := make([][]pdfLine, len(sides))
		for _, p := range b.line.stretches() {
			at := 0
			for at < len(gaps) && p.box.Left >= (gaps[at].from+gaps[at].to)/2 {
				at++
			}
			now[at] = append(now[at], p)
		}
		for at, parts := range now {
			if len(parts) > 0 && b.line.joined && at == lastOf(now) {
				parts[len(parts)-1].joined = true
			}
			sides[at] = append(sides[at], parts...)
		}
	}
	return sides
}

func lastOf(sides [][]pdfLine) int {
	for i := len(sides) - 1; i > 0; i-- {
		if len(sides[i]) > 0 {
			return i
		}
	}
	return 0
}

// prose says whether all columns are writing: lines that fill their column, and no cells of a table.
func prose(sides [][]pdfLine) bool {
	for _, side := range sides {
		if len(side) < bothSides {
			return false
		}
		left, right := math.Inf(1), math.Inf(-1)
		for _, l := range side {
			left, right = min(left, l.box.Left), max(right, l.box.Right)
		}
		var fills, lengths []float64
		for _, l := range side {
			fills = append(fills, l.box.width()/(right-left))
			n := 0.0
			for _, c := range l.chars {
				if unspaced(c.code) {
					n += 2
				} else if c.code != 0 {
					n++
				}
			}
			lengths = append(lengths, n)
		}
		slices.Sort(fills)
		slices.Sort(lengths)
		if fills[len(fills)/2] < proseFill || lengths[len(lengths)/2] < 2*proseLength {
			return false
		}
	}
	return true
}
