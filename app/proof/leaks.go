package proof

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"kakoi/core/closed"
)

// leaks looks at every way out that is not the network's, as it stands here and now.
func (s Sources) leaks(r Report) []Leak {
	display := s.Env("DISPLAY")
	peers := func(parts ...string) []string { // connections of this process whose address holds one of the parts
		var out []string
		if p := r.Kakoi.Proof.Process; p != nil {
			for _, d := range p.Descriptors {
				for _, part := range parts {
					if d.Kind == closed.KindUnix && strings.Contains(d.Peer, part) {
						out = append(out, fmt.Sprintf("descriptor %d: %s", d.FD, d.Peer))
					}
				}
			}
		}
		return out
	}
	mapped := func(parts ...string) []string {
		var out []string
		if p := r.Kakoi.Proof.Process; p != nil {
			for _, path := range p.Mapped {
				for _, part := range parts {
					if strings.HasPrefix(filepath.Base(path), part) {
						out = append(out, path)
					}
				}
			}
		}
		return out
	}
	window := peers("/tmp/.X11-unix/")
	desktop := func(key string) Leak {
		switch {
		case len(window) > 0:
			return Leak{key, LeakOpen, window}
		case display != "":
			return Leak{key, LeakOpen, []string{"DISPLAY=" + display}} // the window would
		}
		return Leak{key, LeakAbsent, []string{"DISPLAY is not set", "no connection to a display"}}
	}
	all := []Leak{desktop("clipboard"), desktop("dragdrop"), desktop("x11"), s.input(desktop("input"))}
	all = append(all, s.bus(peers("/bus", "dbus")), portals(s.Strict))
	a11y := append(peers("at-spi"), mapped("libatspi", "libatk-bridge")...)
	all = append(all, absentUnless("accessibility", a11y, "no library and no connection of AT-SPI"))
	printers := append(peers("cups"), mapped("libcups")...)
	all = append(all, absentUnless("printers", printers, "no library and no connection of CUPS"))
	return append(all, s.recent(), s.thumbnails(), coreFiles(r), swap(), s.network(r.Encryption), s.indexers(r.Encryption), Leak{"administrator", LeakOutside, []string{}}, Leak{"same_user", LeakOutside, []string{}}, Leak{"screen", LeakOutside, []string{}})
}

func absentUnless(key string, found []string, none string) Leak {
	if len(found) > 0 {
		return Leak{key, LeakOpen, found}
	}
	return Leak{key, LeakAbsent, []string{none}}
}

// input adds which input method there is.
func (s Sources) input(l Leak) Leak {
	if x := s.Env("XMODIFIERS"); x != "" {
		l.Evidence = append(l.Evidence, "XMODIFIERS="+x)
	} else if l.State == LeakOpen {
		l = Leak{l.Key, LeakAbsent, []string{"XMODIFIERS is not set"}}
	}
	return l
}

func (s Sources) bus(connected []string) Leak {
	address := s.Env("DBUS_SESSION_BUS_ADDRESS")
	found := []string{}
	if address != "" {
		found = append(found, "DBUS_SESSION_BUS_ADDRESS="+address)
	}
	if path := filepath.Join("/run/user", strconv.Itoa(os.Getuid()), "bus"); there(path) {
		found = append(found, path)
	}
	switch found = append(found, connected...); {
	case len(connected) > 0:
		return Leak{"dbus", LeakOpen, found}
	case len(found) == 0:
		return Leak{"dbus", LeakAbsent, []string{"no session bus, no connection"}}
	case s.Strict || address == "disabled:":
		return Leak{"dbus", LeakOff, append(found, "no connection")}
	}
	return Leak{"dbus", LeakOpen, append(found, "no connection at this moment")}
}

// portals are spoken to over D-Bus only, and only to ask whether the desktop is dark.
func portals(strict bool) Leak {
	if strict {
		return Leak{"portals", LeakOff, []string{"strict = true"}}
	}
	return Leak{"portals", LeakOpen, []string{"strict = false"}}
}

// recent looks whether the desktop's list of recent files names something of the data folder.
func (s Sources) recent() Leak {
	base := s.Env("XDG_DATA_HOME")
	if base == "" {
		base = filepath.Join(s.Env("HOME"), ".local", "share")
	}
	path := filepath.Join(base, "recently-used.xbel")
	raw, err := os.ReadFile(path)
	if err != nil {
		return Leak{"recent", LeakAbsent, []string{path + ": " + reason(err)}}
	}
	if n := strings.Count(string(raw), "file://"+s.Data+"/"); n > 0 {
		return Leak{"recent", LeakOpen, []string{fmt.Sprintf("%s names %d files of %s", path, n, s.Data)}}
	}
	return Leak{"recent", LeakAbsent, []string{path + " names nothing of " + s.Data}}
}

// thumbnails are made by file managers of pictures and documents that a person looks at there.
func (s Sources) thumbnails() Leak {
	base := s.Env("XDG_CACHE_HOME")
	if base == "" {
		base = filepath.Join(s.Env("HOME"), ".cache")
	}
	path := filepath.Join(base, "thumbnails")
	if !there(path) {
		return Leak{"thumbnails", LeakAbsent, []string{path + ": not there"}}
	}
	return Leak{"thumbnails", LeakOutside, []string{path}}
}

func coreFiles(r Report) Leak {
	pattern, _ := os.ReadFile("/proc/sys/kernel/core_pattern")
	found := []string{"core_pattern: " + strings.TrimSpace(string(pattern))}
	for _, p := range []struct {
		name string
		of   Process
	}{{"kakoi", r.Kakoi}, {"kakoi-engine", r.Engine}} {
		switch x := p.of.Proof.Process; {
		case x == nil:
			found = append(found, p.name+": not known")
		case !x.NoCore || !x.Unreadable:
			return Leak{"core", LeakOpen, append(found, p.name+": RLIMIT_CORE or PR_SET_DUMPABLE is open")}
		default:
			found = append(found, p.name+": RLIMIT_CORE 0, not dumpable")
		}
	}
	return Leak{"core", LeakOff, found}
}

// swap is where the kernel may put memory: on a disk, unless it is memory itself (zram) or encrypted.
func swap() Leak {
	raw, err := os.ReadFile("/proc/swaps")
	if err != nil {
		return Leak{"swap", LeakOutside, []string{"/proc/swaps: " + reason(err)}}
	}
	l := Leak{"swap", LeakAbsent, []string{}}
	for i, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		fields := strings.Fields(line)
		if i == 0 || len(fields) == 0 {
			continue
		}
		name := strings.ReplaceAll(fields[0], `\040`, " ")
		state := LeakOpen
		switch {
		case strings.HasPrefix(name, "/dev/zram"):
			state = LeakOff
		case encryptedDevice(name):
			state = LeakOff
		}
		l.Evidence = append(l.Evidence, name)
		if l.State != LeakOpen {
			l.State = state
		}
	}
	if len(l.Evidence) == 0 {
		l.Evidence = []string{"/proc/swaps: none"}
	}
	return l
}

func (s Sources) network(e Encryption) Leak {
	found := []string{s.Data + ": " + e.FSType}
	switch {
	case e.FSType == "":
		return Leak{"network_folder", LeakOutside, []string{s.Data + ": not known"}}
	case e.Network:
		return Leak{"network_folder", LeakOpen, found}
	}
	return Leak{"network_folder", LeakAbsent, found}
}

// indexers read what lies in the home folder; an encrypted library is nothing to them.
func (s Sources) indexers(e Encryption) Leak {
	var found []string
	for _, path := range []string{".cache/tracker3", ".local/share/baloo", ".cache/tracker"} {
		if full := filepath.Join(s.Env("HOME"), path); there(full) {
			found = append(found, full)
		}
	}
	switch {
	case len(found) == 0:
		return Leak{"indexers", LeakAbsent, []string{"no index of Tracker or Baloo in the home folder"}}
	case e.On:
		return Leak{"indexers", LeakOff, found}
	}
	return Leak{"indexers", LeakOpen, found}
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// reason is an error without the path, which stands beside it already.
func reason(err error) string {
	if os.IsNotExist(err) {
		return "not there"
	}
	return err.Error()
}
