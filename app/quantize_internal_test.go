package app

// SetLarge says from how many parameters on an imported model is kept in 4 bits, for the tests; it returns what undoes that.
func SetLarge(n int64) (restore func()) {
	old := large
	large = n
	return func() { large = old }
}
