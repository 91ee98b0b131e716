package app

// Kept is how much memory the pictures kept take.
func (p *Pages) Kept() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	total := 0
	for _, d := range p.drawn {
		total += d.picture.Bytes()
	}
	return total
}
