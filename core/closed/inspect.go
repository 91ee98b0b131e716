package closed

// Process is what the kernel tells of a running process: read at the moment, not remembered.
type Process struct {
	PID          int          `json:"pid"`
	Program      string       `json:"program"` // file that runs
	User         int          `json:"user"`    // effective user
	Threads      int          `json:"threads"`
	Filtered     int          `json:"filtered_threads"` // threads that the kernel reports to be under a seccomp filter
	NoNewPrivs   int          `json:"no_new_privs_threads"`
	Capabilities string       `json:"capabilities"` // effective ones, hexadecimal (capabilities(7)); zeros: none
	NoCore       bool         `json:"no_core_files"`
	Unreadable   bool         `json:"unreadable"` // see Proof
	Descriptors  []Descriptor `json:"descriptors"`
	Mapped       []string     `json:"mapped"`         // files whose code is in memory: the program and its libraries, in order of name
	Anonymous    int          `json:"anonymous_code"` // areas of memory with code that comes from no file (compiled on the spot)
}

// Kinds of descriptors.
const (
	KindFile      = "file"
	KindFolder    = "folder"
	KindPipe      = "pipe"
	KindTerminal  = "terminal"
	KindDevice    = "device"
	KindUnix      = "unix_socket"
	KindSocket    = "other_socket" // of a network: there must be none
	KindAnonymous = "kernel"       // epoll, eventfd, inotify and the like
)

// Descriptor is one open descriptor of a process.
type Descriptor struct {
	FD     int    `json:"fd"`
	Kind   string `json:"kind"` // one of the constants above
	Target string `json:"target"`
	Write  bool   `json:"write"`
	Peer   string `json:"peer,omitempty"` // of a Unix socket: the address it is connected to or listens at; "" has no name, as a socketpair
}

// Networked are the descriptors of sockets that are not Unix sockets.
func (p Process) Networked() []Descriptor {
	var out []Descriptor
	for _, d := range p.Descriptors {
		if d.Kind == KindSocket {
			out = append(out, d)
		}
	}
	return out
}
