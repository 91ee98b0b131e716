package vault

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// keep asks the system not to write the page of memory with a Key into its swap space, as far as this user may have pages locked (RLIMIT_MEMLOCK, mlock(2)): where not, the
// key is used all the same. Go's heap does not move what is on it. The page stays locked after Close, which has zeroed the key: another Key may lie on it. What is
// derived of the key for the time of its use (a file's key, a cipher's state, the library's copy) is not locked.
func (k *Key) keep() *Key {
	_ = unix.Mlock(unsafe.Slice((*byte)(unsafe.Pointer(k)), unsafe.Sizeof(*k)))
	return k
}
