package app

import "os"

// stopped ends an exchange in the middle, as a kill does.
type stopped struct{}

// StopSwapAt runs f and stops it before its n-th step; done is true when it had fewer.
func StopSwapAt(n int, f func()) (done bool) {
	step := func() {
		if n--; n == 0 {
			panic(stopped{})
		}
	}
	defer func() {
		renameFile, removeFile = os.Rename, os.RemoveAll
		if r := recover(); r != nil {
			if _, ok := r.(stopped); !ok {
				panic(r)
			}
			done = false
		}
	}()
	renameFile = func(a, b string) error { step(); return os.Rename(a, b) }
	removeFile = func(a string) error { step(); return os.RemoveAll(a) }
	f()
	return true
}
