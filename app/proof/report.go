package proof

import (
	"time"

	"kakoi/core/bundle"
	"kakoi/core/closed"
	"kakoi/core/engine"
	"kakoi/core/ingest"
)

// Format names the form of the JSON.
const Format = "kakoi-report-1"

// Report is what was found. Field names in JSON are stable.
type Report struct {
	Format     string     `json:"format"`
	Made       time.Time  `json:"made"`
	OK         bool       `json:"ok"`     // nothing in Failed
	Failed     []string   `json:"failed"` // what is not as it should be, or could not be tried: see the constants Fail...
	Machine    Machine    `json:"machine"`
	Program    Program    `json:"program"`
	Kakoi      Process    `json:"kakoi"`  // the program itself
	Engine     Process    `json:"engine"` // that computes with the models
	EngineInfo EngineInfo `json:"engine_info"`
	PDF        PDF        `json:"pdf_engine"`
	Manifest   Manifest   `json:"manifest"`
	Encryption Encryption `json:"encryption"`
	Leaks      []Leak     `json:"leaks"` // ways out that are not the network's, and how they stand here
	Modules    []Module   `json:"modules"`
	Licences   []Licence  `json:"licences"`
}

// What can fail.
const (
	FailKakoiNetwork   = "kakoi_network"   // an attempt to reach a network was not refused, or none was made
	FailKakoiThreads   = "kakoi_threads"   // a thread is not under the filter
	FailKakoiSockets   = "kakoi_sockets"   // a network socket is open
	FailEngine         = "engine"          // did not start: nothing of it could be tried
	FailEngineNetwork  = "engine_network"  // as the above
	FailEngineThreads  = "engine_threads"  //
	FailEngineSockets  = "engine_sockets"  //
	FailEngineFiles    = "engine_files"    // a file that should be out of its reach was not
	FailEngineNotShut  = "engine_not_shut" // its files are not closed off: see engine.proof.files.reason
	FailPDF            = "pdf_engine"      // something could be reached from inside the PDF engine
	FailManifest       = "manifest"        // a file of the installation is not what the manifest says, or its signature is wrong
	FailLibraries      = "libraries"       // a library in memory could not be read
	FailMemory         = "memory"          // other programs of this user can read the memory of a process, or a crash leaves it in a file
	FailEngineSelftest = "engine_selftest" // a check of its self-test failed, or it could not be made
	FailEngineIdentity = "engine_version"  // the engine is of another build
)

// Machine is the computer.
type Machine struct {
	Kernel       string `json:"kernel"`
	System       string `json:"system"` // as /etc/os-release has it
	Architecture string `json:"architecture"`
	GPUDriver    string `json:"gpu_driver"` // "" where there is none
	Landlock     int    `json:"landlock"`   // version of the kernel's; 0: none
}

// Program is this build.
type Program struct {
	Version  string    `json:"version"`
	Go       string    `json:"go"`
	Settings []Setting `json:"settings"` // of the build, as the Go tool recorded them
}

// Setting is one of a build.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Process is one of the two programs while it runs.
type Process struct {
	Error     string       `json:"error,omitempty"` // why nothing is known; the rest is empty then
	Proof     closed.Proof `json:"proof"`           // tried at this moment; proof.process is what the kernel tells
	Libraries []Library    `json:"libraries"`       // the program and everything that it consists of
}

// Library is a file with code.
type Library struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256,omitempty"`
	Bytes  int64  `json:"bytes,omitempty"`
	Loaded bool   `json:"loaded"`          // its code is in memory now
	Needed bool   `json:"needed"`          // the program file names it (ELF, DT_NEEDED)
	Error  string `json:"error,omitempty"` // why it could not be read
}

// EngineInfo is what the engine tells of itself.
type EngineInfo struct {
	Version   string            `json:"version"`
	Device    engine.DeviceInfo `json:"device"`
	Checks    []engine.Check    `json:"checks"`           // its self-test, made for this report
	Libraries string            `json:"libraries"`        // folder of libtorch
	Reason    string            `json:"libraries_reason"` // why this one: translation key
}

// PDF is what a hostile module got at in the PDF engine's place.
type PDF struct {
	Error    string              `json:"error,omitempty"`
	Attempts []ingest.PDFAttempt `json:"attempts"`
}

// Refusals counts the attempts that were refused.
func (p PDF) Refusals() int {
	n := 0
	for _, a := range p.Attempts {
		if a.Refused {
			n++
		}
	}
	return n
}

// Manifest is whether the files of the installation are those that its maker listed.
type Manifest struct {
	There bool             `json:"there"` // the installation has a manifest
	Error string           `json:"error,omitempty"`
	Parts []*bundle.Report `json:"parts"`
}

// OK says whether all files are as listed and no signature is wrong.
func (m Manifest) OK() bool {
	for _, p := range m.Parts {
		if !p.OK() || p.Signature.State == bundle.Invalid {
			return false
		}
	}
	return m.There && m.Error == "" && len(m.Parts) > 0
}

// Encryption is how the library lies on the disk.
type Encryption struct {
	On       bool   `json:"on"`
	Recovery bool   `json:"recovery"` // a recovery code opens it as well
	Error    string `json:"error,omitempty"`
	Disk     string `json:"disk"`       // what is known of the disk below: see the constants Disk...
	FSType   string `json:"filesystem"` // of the data folder
	Network  bool   `json:"network"`    // the data folder lies on another machine
}

// States of the disk.
const (
	DiskEncrypted = "encrypted" // dm-crypt below the data folder
	DiskPlain     = "plain"
	DiskUnknown   = "unknown"
)

// Leak is a way out that is not the network's.
type Leak struct {
	Key      string   `json:"key"`      // "clipboard", "dbus", ...: the texts are leak.KEY.what and leak.KEY.off
	State    string   `json:"state"`    // one of the constants below
	Evidence []string `json:"evidence"` // what was looked at and found, in signs
}

// States of a Leak.
const (
	LeakAbsent  = "absent"  // not there at this moment: looked for and not found
	LeakOff     = "off"     // there, and this program is cut off from it
	LeakOpen    = "open"    // there, and something can leave through it
	LeakOutside = "outside" // not this program's: what others do cannot be seen from here
)

// Module is a Go package collection that the program is built of.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Sum     string `json:"sum"`
}

// Licence is under which terms a part may be used.
type Licence struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
	Licence string `json:"licence"`
}
