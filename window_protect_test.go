//go:build window

package kakoi

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/ui/uitest"
)

// TestWindowProtects sets a passphrase on the way through the welcome, with the keyboard alone: the library is encrypted, and the welcome goes on.
func TestWindowProtects(t *testing.T) {
	const pass = "seven grey cats"
	d := &desk{Desktop: uitest.Start(t), t: t, data: filepath.Join(t.TempDir(), "kakoi")}
	d.open()
	defer d.close()
	d.guest("settings", "theme", "light")
	d.rests()
	d.Keys("Return")
	d.rests()
	d.shot("welcome")
	d.Keys("shift+Tab", "shift+Tab", "Return") // past the way back, to the offer
	d.rests()
	d.Type(pass)
	d.Keys("Return")
	d.Type(pass)
	d.shot("welcome-typed")
	d.Keys("Return")
	d.until("the library is encrypted", 60*time.Second, func() bool {
		_, err := os.Stat(filepath.Join(d.data, "vault.json"))
		return err == nil
	})
	d.until("it is open again", 30*time.Second, func() bool {
		_, _, code := kakoi(t, d.data, "status")
		return code == 0
	})
	d.rests()
	d.shot("welcome-after")
	d.Keys("Return") // the sample collection
	d.at(0)
	d.until("ten documents can be searched", 60*time.Second, func() bool { return len(d.documents()) == 10 })
	d.until("nothing is added any more", 60*time.Second, func() bool { // else the window asks before it ends
		out, _, code := kakoi(t, d.data, "--json", "status")
		return code == 0 && strings.Contains(out, `"unfinished":[]`)
	})
	d.rests()
	d.Keys("ctrl+shift+l")
	d.until("it is locked", 60*time.Second, func() bool {
		_, _, code := kakoi(t, d.data, "status")
		return code != 0
	})
	d.Keys("ctrl+q")
	d.left()
	for _, dir := range []string{"library", "logs"} { // the samples' own files lie beside them
		if holds(t, filepath.Join(d.data, dir), "KX-200") {
			d.fail("a text of the samples stands in the open in %s", dir)
		}
	}
}
