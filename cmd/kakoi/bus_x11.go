//go:build x11

package main

import (
	"os"
	"path/filepath"
	"strconv"
)

// busVariable names the session bus of D-Bus, of which the toolkit asks whether the desktop is dark; it sends nothing of a person's.
const busVariable = "DBUS_SESSION_BUS_ADDRESS"

// noBus is an address that leads nowhere.
const noBus = "disabled:"

// closeBus takes the session bus away from this process where a person wants that, and where there is none: the toolkit would start one
// (dbus-launch), which would stay behind.
func closeBus(strict bool) {
	address := os.Getenv(busVariable)
	if _, err := os.Stat(filepath.Join("/run/user", strconv.Itoa(os.Getuid()), "bus")); strict || err != nil && (address == "" || address == "autolaunch:") {
		_ = os.Setenv(busVariable, noBus) // a name without NUL and "="
	}
}
