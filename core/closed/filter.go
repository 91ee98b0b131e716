//go:build linux && amd64

package closed

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	x32Bit = 0x40000000 // __X32_SYSCALL_BIT

	// Offsets in struct seccomp_data.
	offNumber = 0
	offArch   = 4
	offArg0   = 16 // low half; the kernel reads the family as an int, so the high half has no say

	actAllow = unix.SECCOMP_RET_ALLOW
	actErrno = unix.SECCOMP_RET_ERRNO
)

// step is one BPF instruction with the words that `kakoi doctor` shows for it.
type step struct {
	unix.SockFilter
	text string
}

func load(off uint32, what string) step {
	return step{unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: off}, "load " + what}
}

// jump compares the loaded word with k: yes and no count instructions to leave out.
func jump(op uint16, k uint32, yes, no uint8, text string) step {
	return step{unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | op, Jt: yes, Jf: no, K: k}, text}
}

func ret(action uint32, text string) step {
	return step{unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}, text}
}

// filter is the whole rule. Other architectures are refused as a whole, since their call numbers differ and the
// i386 entry (int 0x80) is open to every x86-64 process; so is x32, which shares the architecture word. io_uring
// can open sockets without the socket call. socketpair is held to the same family as socket because some families
// (TIPC) make pairs that can send elsewhere.
func filter() []step {
	const allow, refuse, foreign, missing = 10, 11, 12, 13 // indexes of the returns below
	to := func(at, target int) uint8 { return uint8(target - at - 1) }
	return []step{
		0: load(offArch, "architecture"),
		1: jump(unix.BPF_JEQ, unix.AUDIT_ARCH_X86_64, 0, to(1, foreign), "if it is not x86-64: EPERM"),
		2: load(offNumber, "system call number"),
		3: jump(unix.BPF_JGE, x32Bit, to(3, missing), 0, "if it is an x32 call: ENOSYS"),
		4: jump(unix.BPF_JEQ, unix.SYS_SOCKET, to(4, 8), 0, "if it is socket: look at its family"),
		5: jump(unix.BPF_JEQ, unix.SYS_SOCKETPAIR, to(5, 8), 0, "if it is socketpair: look at its family"),
		6: jump(unix.BPF_JGE, unix.SYS_IO_URING_SETUP, 0, to(6, allow), "if it is below io_uring_setup: allow"),
		7: jump(unix.BPF_JGT, unix.SYS_IO_URING_REGISTER, to(7, allow), to(7, missing),
			"if it is one of io_uring_setup, io_uring_enter, io_uring_register: ENOSYS, else allow"),
		8:       load(offArg0, "socket family"),
		9:       jump(unix.BPF_JEQ, unix.AF_UNIX, to(9, allow), to(9, refuse), "if it is AF_UNIX: allow, else EACCES"),
		allow:   ret(actAllow, "allow"),
		refuse:  ret(actErrno|uint32(unix.EACCES), "refuse with EACCES"),
		foreign: ret(actErrno|uint32(unix.EPERM), "refuse with EPERM"),
		missing: ret(actErrno|uint32(unix.ENOSYS), "refuse with ENOSYS"),
	}
}

// listing is the filter as numbered, readable lines.
func listing(steps []step) []string {
	lines := make([]string, len(steps))
	for i, s := range steps {
		lines[i] = fmt.Sprintf("%2d  %04x %2d %2d %08x  %s", i, s.Code, s.Jt, s.Jf, s.K, s.text)
	}
	return lines
}
