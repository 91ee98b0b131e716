package landlock

import (
	"errors"
	"fmt"
)

// Rules are what a program may reach. Paths are absolute; folders stand for all below them; what is not there is left out.
type Rules struct {
	Run   []string `json:"run"`   // read, list and run
	Read  []string `json:"read"`  // read and list
	Write []string `json:"write"` // read, list, write, make, move and remove
	Use   []string `json:"use"`   // devices, and files of /proc: read, write, and commands to the device
}

// Kinds of access, as a State lists them.
const (
	AccessRun   = "run"
	AccessRead  = "read"
	AccessWrite = "write"
	AccessUse   = "use"
)

// Grant is one rule in force.
type Grant struct {
	Path   string `json:"path"`
	Access string `json:"access"` // one of the constants above
}

// Reasons why nothing is closed: translation keys.
const (
	ReasonKernel  = "landlock.reason.kernel"  // the kernel has no Landlock
	ReasonSetting = "landlock.reason.setting" // a person has turned it off
	ReasonTool    = "landlock.reason.tool"    // started by hand or to measure: its files may lie anywhere
)

// State is what is closed in a process, and how it was tried.
type State struct {
	On       bool      `json:"on"`
	Reason   string    `json:"reason,omitempty"` // why it is not on: one of the constants above
	ABI      int       `json:"abi"`              // version of the kernel's Landlock; 0: none
	Grants   []Grant   `json:"grants"`
	TCP      bool      `json:"tcp"`              // connecting and listening by TCP are refused too
	Abstract bool      `json:"abstract_sockets"` // abstract Unix sockets of other programs are out of reach
	Signals  bool      `json:"signals"`          // no signals to other programs
	Devices  bool      `json:"device_commands"`  // ioctl on devices is refused where not granted
	Outside  []string  `json:"outside"`          // paths that have to be refused, among others
	Attempts []Attempt `json:"attempts"`
}

// Attempt is one try to reach what was not granted, with what came of it.
type Attempt struct {
	What    string `json:"what"` // "open /etc/passwd"
	Refused bool   `json:"refused"`
	Error   string `json:"error"` // the refusal; empty when it was not refused
}

// Refusals counts the attempts that were refused; it is all of them where State.On.
func (s State) Refusals() int {
	n := 0
	for _, a := range s.Attempts {
		if a.Refused {
			n++
		}
	}
	return n
}

// Open is the State of a process that is not closed, for a reason.
func Open(reason string) State {
	return State{Reason: reason, ABI: ABI(), Grants: []Grant{}, Outside: []string{}, Attempts: []Attempt{}}
}

// Again tries once more whether what was not granted is refused; the error (ErrOpen) names what was not.
func (s State) Again() (State, error) {
	if !s.On {
		return s, nil
	}
	s.Attempts = try(s)
	for _, t := range s.Attempts {
		if !t.Refused {
			return s, fmt.Errorf("%s: %w", t.What, ErrOpen)
		}
	}
	if len(s.Attempts) == 0 {
		return s, fmt.Errorf("nothing could be tried: %w", ErrOpen)
	}
	return s, nil
}

// ErrOpen is what Inherited returns where something that should be closed is not.
var ErrOpen = errors.New("not refused")
