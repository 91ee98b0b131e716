package ingest

import (
	"slices"
)

// grid is a table whose borders are drawn.
type grid struct {
	box    Box
	xs, ys []float64 // the borders, xs from left to right, ys from top to bottom
	across [][]bool  // across[r][c]: there is a border below the cell of row r and column c
	down   [][]bool  // down[r][c]: there is a border right of it
}

const (
	touching   = 3.0 // points that rules may miss each other by
	sameBorder = 2.5 // points between rules that are one border
	maxGridRow = 500
	maxGridCol = 60
	maxRules   = 3000
	narrowCell = 5.0 // points: what is narrower is a double line
)

// grids finds the tables among the rules of a page.
func grids(rules []rule) []grid {
	if len(rules) < 4 || len(rules) > maxRules {
		return nil
	}
	// Rules that touch belong together.
	parent := make([]int, len(rules))
	for i := range parent {
		parent[i] = i
	}
	var root func(int) int
	root = func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	for i, a := range rules {
		for j := range i {
			if b := rules[j]; a.touches(b) {
				parent[root(i)] = root(j)
			}
		}
	}
	groups := map[int][]rule{}
	var order []int
	for i, r := range rules {
		at := root(i)
		if groups[at] == nil {
			order = append(order, at)
		}
		groups[at] = append(groups[at], r)
	}
	var out []grid
	for _, at := range order {
		if g, ok := newGrid(groups[at]); ok {
			out = append(out, g)
		}
	}
	return out
}

func (r rule) touches(o rule) bool {
	if r.down == o.down {
		return near(r.at, o.at, sameBorder) && r.from <= o.to+touching && o.from <= r.to+touching
	}
	return r.at >= o.from-touching && r.at <= o.to+touching && o.at >= r.from-touching && o.at <= r.to+touching
}

func newGrid(rules []rule) (grid, bool) {
	var g grid
	var xs, ys []float64
	first := true
	for _, r := range rules {
		if r.down {
			xs = append(xs, r.at)
			g.box = g.box.span(Box{r.at, r.from, r.at, r.to}, first)
		} else {
			ys = append(ys, r.at)
			g.box = g.box.span(Box{r.from, r.at, r.to, r.at}, first)
		}
		first = false
	}
	if len(xs) == 0 || len(ys) < 2 {
		return g, false
	}
	// Tables are often open at their sides: the rules across end there.
	g.xs = borders(append(xs, g.box.Left, g.box.Right))
	g.ys = borders(append(ys, g.box.Bottom, g.box.Top))
	slices.Reverse(g.ys)
	rows, columns := len(g.ys)-1, len(g.xs)-1
	if rows < 2 || columns < 2 || rows > maxGridRow || columns > maxGridCol {
		return g, false
	}
	for r := range rows {
		g.across, g.down = append(g.across, make([]bool, columns)), append(g.down, make([]bool, columns))
		y := (g.ys[r] + g.ys[r+1]) / 2
		for c := range columns {
			x := (g.xs[c] + g.xs[c+1]) / 2
			g.across[r][c], g.down[r][c] = r == rows-1, c == columns-1
			for _, l := range rules {
				switch {
				case !l.down && near(l.at, g.ys[r+1], sameBorder) && l.from <= x && x <= l.to:
					g.across[r][c] = true
				case l.down && near(l.at, g.xs[c+1], sameBorder) && l.from <= y && y <= l.to:
					g.down[r][c] = true
				}
			}
		}
	}
	return g, true
}

// span is with for boxes without an area.
func (b Box) span(o Box, first bool) Box {
	if first {
		return o
	}
	return Box{min(b.Left, o.Left), min(b.Bottom, o.Bottom), max(b.Right, o.Right), max(b.Top, o.Top)}
}

// borders are the places of rules, in order, with those that are one border joined.
func borders(at []float64) []float64 {
	slices.Sort(at)
	out := at[:1]
	for _, v := range at[1:] {
		if v-out[len(out)-1] > narrowCell {
			out = append(out, v)
		}
	}
	return out
}

// place is the row and column of a point; false outside of the grid.
func (g *grid) place(x, y float64) (row, column int, ok bool) {
	if x < g.xs[0]-touching || x > g.xs[len(g.xs)-1]+touching || y > g.ys[0]+touching || y < g.ys[len(g.ys)-1]-touching {
		return 0, 0, false
	}
	for column < len(g.xs)-2 && x > g.xs[column+1] {
		column++
	}
	for row < len(g.ys)-2 && y < g.ys[row+1] {
		row++
	}
	return row, column, true
}

// joined gives for each field of the grid the upper left one of its cell.
func (g *grid) joined() [][][2]int {
	rows, columns := len(g.across), len(g.across[0])
	first := make([][][2]int, rows)
	for r := range first {
		first[r] = make([][2]int, columns)
		for c := range first[r] {
			first[r][c] = [2]int{r, c}
			if c > 0 && !g.down[r][c-1] {
				first[r][c] = first[r][c-1]
			} else if r > 0 && !g.across[r-1][c] && (c == 0 || g.down[r-1][c-1]) {
				first[r][c] = first[r-1][c]
			}
		}
	}
	return first
}
