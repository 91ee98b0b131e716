package dataset

import "hash/fnv"

// pcg is PCG-XSH-RR 64/32 (O'Neill, 2014). Its numbers do not change with the release of Go.
type pcg struct{ state, inc uint64 }

// newPCG is a stream of numbers for a seed and a name: streams of different names are independent.
func newPCG(seed uint64, name string) *pcg {
	h := fnv.New64a()
	h.Write([]byte(name))
	p := &pcg{inc: h.Sum64()<<1 | 1}
	p.next()
	p.state += seed
	p.next()
	return p
}

func (p *pcg) next() uint32 {
	old := p.state
	p.state = old*6364136223846793005 + p.inc
	x := uint32((old>>18 ^ old) >> 27)
	r := uint32(old >> 59)
	return x>>r | x<<(-r&31)
}

// below is a number from 0 to n-1, each as likely.
func (p *pcg) below(n int) int {
	bound := uint32(n)
	least := -bound % bound
	for {
		if r := p.next(); r >= least {
			return int(r % bound)
		}
	}
}

// shuffle puts n things into another order (Fisher and Yates).
func (p *pcg) shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, p.below(i+1))
	}
}
