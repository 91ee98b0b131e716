//go:build linux && amd64

package closed

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// run is the kernel's reading of a filter (classic BPF, the operations we use): it gives the action for one call.
func run(t *testing.T, steps []step, arch, number uint32, family uint64) uint32 {
	t.Helper()
	var a uint32
	for pc := 0; pc < len(steps); pc++ {
		s := steps[pc]
		var yes bool
		switch s.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			switch s.K {
			case 0:
				a = number
			case 4:
				a = arch
			case 16:
				a = uint32(family)
			default:
				t.Fatalf("instruction %d loads offset %d", pc, s.K)
			}
			continue
		case unix.BPF_RET | unix.BPF_K:
			return s.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			yes = a == s.K
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			yes = a >= s.K
		case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
			yes = a > s.K
		default:
			t.Fatalf("instruction %d has code %#x", pc, s.Code)
		}
		if yes {
			pc += int(s.Jt)
		} else {
			pc += int(s.Jf)
		}
	}
	t.Fatal("the filter runs off its end")
	return 0
}

func TestFilterActions(t *testing.T) {
	const (
		allow   = uint32(unix.SECCOMP_RET_ALLOW)
		eacces  = uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.EACCES)
		eperm   = uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.EPERM)
		enosys  = uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.ENOSYS)
		native  = uint32(unix.AUDIT_ARCH_X86_64)
		i386    = uint32(unix.AUDIT_ARCH_I386)
		aarch64 = uint32(unix.AUDIT_ARCH_AARCH64)
	)
	steps := filter()
	for number := uint32(0); number < 1000; number++ {
		for _, family := range []uint64{0, unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK, 1<<32 | unix.AF_UNIX} {
			want := allow
			switch number {
			case unix.SYS_SOCKET, unix.SYS_SOCKETPAIR:
				if uint32(family) != unix.AF_UNIX {
					want = eacces
				}
			case 425, 426, 427:
				want = enosys
			}
			if got := run(t, steps, native, number, family); got != want {
				t.Errorf("call %d family %d: action %#x, want %#x", number, family, got, want)
			}
			if got := run(t, steps, native, number|x32Bit, family); got != enosys {
				t.Errorf("x32 call %d: action %#x, want ENOSYS", number, got)
			}
			for _, arch := range []uint32{i386, aarch64, 0} {
				if got := run(t, steps, arch, number, family); got != eperm {
					t.Errorf("arch %#x call %d: action %#x, want EPERM", arch, number, got)
				}
			}
		}
	}
	for family := uint64(0); family < 64; family++ {
		want := eacces
		if family == unix.AF_UNIX {
			want = allow
		}
		if got := run(t, steps, native, unix.SYS_SOCKET, family); got != want {
			t.Errorf("socket family %d: action %#x, want %#x", family, got, want)
		}
	}
}

func TestListingNamesEveryInstruction(t *testing.T) {
	lines := listing(filter())
	if len(lines) != len(filter()) {
		t.Fatalf("%d lines for %d instructions", len(lines), len(filter()))
	}
	for i, l := range lines {
		if !strings.HasPrefix(l, fmt.Sprintf("%2d  ", i)) || strings.HasSuffix(l, "  ") {
			t.Errorf("line %d: %q", i, l)
		}
	}
}

func TestOpenAttemptIsFound(t *testing.T) {
	p := Proof{Attempts: []Attempt{attempt("a", unix.EACCES), attempt("b", nil)}}
	if err := p.open(); err == nil || !strings.Contains(err.Error(), "b was not refused") {
		t.Errorf("open: %v", err)
	}
	if p.Refusals() != 1 {
		t.Errorf("refusals: %d", p.Refusals())
	}
}
