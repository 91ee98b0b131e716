package uitest

import (
	"github.com/jezek/xgb/xproto"
)

// Properties are the values of all properties that a window has on the display, one after the other: what other programs can read of it.
func (d *Desktop) Properties(window int) string {
	d.t.Helper()
	list, err := xproto.ListProperties(d.c, xproto.Window(window)).Reply()
	if err != nil {
		d.t.Fatalf("properties of the window: %v", err)
	}
	all := ""
	for _, atom := range list.Atoms {
		p, err := xproto.GetProperty(d.c, false, xproto.Window(window), atom, xproto.AtomAny, 0, 1<<16).Reply()
		if err != nil {
			continue // it went meanwhile
		}
		all += string(p.Value) + "\n"
	}
	return all
}

// Offered says whether a program offers something to paste under a selection: "CLIPBOARD", "PRIMARY".
func (d *Desktop) Offered(selection string) bool {
	d.t.Helper()
	atom, err := xproto.InternAtom(d.c, false, uint16(len(selection)), selection).Reply()
	if err != nil {
		d.t.Fatalf("atom %s: %v", selection, err)
	}
	owner, err := xproto.GetSelectionOwner(d.c, atom.Atom).Reply()
	if err != nil {
		d.t.Fatalf("owner of %s: %v", selection, err)
	}
	return owner.Owner != 0
}
