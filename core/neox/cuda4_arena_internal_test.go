package neox

import (
	"cmp"
	"slices"
	"testing"
)

// Nothing in the arena overlaps, everything begins at a multiple of 256, and the plan counts exactly what is allocated.
func TestArena4(t *testing.T) {
	tied, small := RinnaShape, RinnaShape
	tied.TieWordEmbeddings, tied.VocabSize = true, 1001
	small.HiddenSize, small.Heads, small.IntermediateSize, small.RotaryPct, small.MaxPositionEmbeddings = 512, 8, 2048, 0, 300
	for name, c := range map[string]Config{"reference": RinnaShape, "tied": tied, "small, no rotary": small} {
		a := newArena4(c)
		d, f, v, n := int64(c.HiddenSize), int64(c.IntermediateSize), int64(c.VocabSize+15)/16*16, int64(min(chunk4, c.MaxPositionEmbeddings))
		angles := 4 * int64(c.MaxPositionEmbeddings) * int64(c.RotaryDims()/2)
		type piece struct{ at, bytes int64 }
		pieces := []piece{
			{0, a.layout.Bytes()}, {a.embed, 2 * v * d}, {a.cos, angles}, {a.sin, angles}, {a.ids, 4 * n}, {a.x, 4 * n * d}, {a.normed, 2 * n * d},
			{a.wide, 2 * n * max(3*d, f)}, {a.narrow, 2 * n * d}, {a.low, 2 * n * maxRank4}, {a.matrix, 2 * d * max(3*d, f)}, {a.total, 0},
		}
		if !c.TieWordEmbeddings {
			pieces = append(pieces, piece{a.head, 2 * v * d})
		} else if a.head != a.embed {
			t.Errorf("%s: the head lies apart", name)
		}
		slices.SortFunc(pieces, func(x, y piece) int { return cmp.Compare(x.at, y.at) })
		for i, p := range pieces[:len(pieces)-1] {
			if p.at%256 != 0 || p.at+p.bytes > pieces[i+1].at {
				t.Errorf("%s: %d bytes at %d, the next at %d", name, p.bytes, p.at, pieces[i+1].at)
			}
		}
		if a.weights != a.ids {
			t.Errorf("%s: weights end at %d, buffers begin at %d", name, a.weights, a.ids)
		}
		p, err := NewPlan(PlanRequest{Config: c, Device: "cuda", DType: "nf4", Stored: "NF4", Context: 100})
		if err != nil {
			t.Fatal(err)
		}
		planned := int64(0)
		for _, b := range []string{BufferLayers, BufferEmbed, BufferHead, BufferRotary, BufferDequantised, BufferActivations} {
			planned += p.Bytes(b)
		}
		if planned != a.total {
			t.Errorf("%s: planned %d, allocated %d", name, planned, a.total)
		}
	}
}

// Copies are made where an eighth of the memory holds them, and planned then.
func TestCopies4(t *testing.T) {
	const all = 2 * 3_425_697_792
	for free, want := range map[int64]int64{0: 0, 24 << 30: 0, 8*all - 1: 0, 8 * all: all, 140 << 30: all} {
		p, err := NewPlan(PlanRequest{Config: RinnaShape, Device: "cuda", DType: "nf4", Stored: "NF4", Context: 100, Free: free})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Bytes(BufferCopies); got != want || copies4(RinnaShape, free) != want {
			t.Errorf("%d bytes free: %d bytes of copies, want %d", free, got, want)
		}
	}
}

// The staging area holds every kind of tensor in each of its slots, beside a matrix between two forms.
func TestStaging4(t *testing.T) {
	slot, own, total := staging4(RinnaShape, 2*largest4(RinnaShape), 300)
	if slot < 2*2816*11264 || slot%256 != 0 {
		t.Errorf("slots of %d bytes", slot)
	}
	blocks := int64(2816 * 11264 / 64)
	for _, x := range [][3]int64{{own.codes, 2816 * 11264 / 2, own.absmax}, {own.absmax, 4 * blocks, own.q}, {own.q, blocks, own.absmax2}, {own.absmax2, 4 * blocks / 256, own.offset}, {own.offset, 4, own.scratch}, {own.scratch, scratch4, own.end}} {
		if x[0]%256 != 0 || x[0]+x[1] > x[2] {
			t.Errorf("%d bytes at %d, the next at %d", x[1], x[0], x[2])
		}
	}
	if total != depth4*slot+own.end+1200 {
		t.Errorf("%d bytes in all", total)
	}
}

// Large devices take whole chunks, small ones half of them; a model of few positions has one chunk.
func TestCut4(t *testing.T) {
	for _, x := range []struct{ chunk, sms, want int }{{1024, 132, 1024}, {1024, 100, 1024}, {1024, 40, 512}, {300, 40, 300}, {300, 132, 300}} {
		if got := cut4(x.chunk, x.sms); got != x.want {
			t.Errorf("chunk %d on %d multiprocessors: cut at %d, not %d", x.chunk, x.sms, got, x.want)
		}
	}
}
