package ui

// makeScreens puts the screens together, in the order of the rail.
func (s *Shell) makeScreens() {
	s.entries = []*entry{}
}

// welcome is what a new data folder shows first.
func (s *Shell) welcome() { s.show(s.current) }
