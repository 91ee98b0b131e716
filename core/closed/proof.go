package closed

import (
	"fmt"
	"time"

	"kakoi/core/closed/landlock"
)

// Proof says what was done to close the process and how it was tried out.
type Proof struct {
	When       time.Time `json:"when"`
	Filter     []string  `json:"filter"`       // the seccomp program, one readable instruction a line
	NoNewPrivs bool      `json:"no_new_privs"` // as the kernel reports it
	Threads    int       `json:"threads"`      // threads of the process under the filter when it was tried
	Attempts   []Attempt `json:"attempts"`
	NoCore     bool      `json:"no_core_files"` // a crash leaves no picture of the memory
	Unreadable bool      `json:"unreadable"`    // other programs of the same user can neither read the memory nor trace the process

	Files *landlock.State `json:"files,omitempty"` // of the engine: what it can reach of the file system; nil: this process is not closed in

	Process *Process `json:"process,omitempty"` // read when it was asked for
}

// Attempt is one try to reach a network, with what came of it.
type Attempt struct {
	What    string `json:"what"` // "socket AF_INET SOCK_STREAM"
	Refused bool   `json:"refused"`
	Error   string `json:"error"` // the refusal; empty when it was not refused
}

// Refusals counts the Attempts that were refused; on a closed process it is all of them.
func (p Proof) Refusals() int {
	n := 0
	for _, a := range p.Attempts {
		if a.Refused {
			n++
		}
	}
	return n
}

func attempt(what string, err error) Attempt {
	if err == nil {
		return Attempt{What: what}
	}
	return Attempt{What: what, Refused: true, Error: err.Error()}
}

// open returns an error that names the first Attempt that was not refused.
func (p Proof) open() error {
	for _, a := range p.Attempts {
		if !a.Refused {
			return fmt.Errorf("%s was not refused", a.What)
		}
	}
	return nil
}
