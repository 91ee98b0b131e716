package uitest

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// Drop drags files over a point of the screen and drops them on the window there, as a file manager does: the XDND
// protocol, version 5 (freedesktop.org/wiki/Specifications/XDND).
func (d *Desktop) Drop(window, x, y int, paths ...string) {
	d.t.Helper()
	if err := d.drop(xproto.Window(window), x, y, paths); err != nil {
		d.t.Fatalf("drop: %v", err)
	}
}

// source is the dragging side.
type source struct {
	c      *xgb.Conn
	window xproto.Window
	target xproto.Window
	atoms  map[string]xproto.Atom
	data   []byte
}

func (d *Desktop) drop(target xproto.Window, x, y int, paths []string) error {
	d.Point(x, y)
	c, err := xgb.NewConnDisplay(d.Display)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer c.Close()
	s := &source{c: c, target: target, atoms: map[string]xproto.Atom{}}
	for _, name := range []string{"XdndSelection", "XdndEnter", "XdndPosition", "XdndStatus", "XdndDrop", "XdndFinished", "XdndActionCopy", "text/uri-list"} {
		reply, err := xproto.InternAtom(c, false, uint16(len(name)), name).Reply()
		if err != nil {
			return fmt.Errorf("atom %s: %w", name, err)
		}
		s.atoms[name] = reply.Atom
	}
	var list strings.Builder
	for _, p := range paths {
		list.WriteString((&url.URL{Scheme: "file", Path: p}).String() + "\r\n")
	}
	s.data = []byte(list.String())
	screen := xproto.Setup(c).DefaultScreen(c)
	if s.window, err = xproto.NewWindowId(c); err != nil {
		return fmt.Errorf("window: %w", err)
	}
	if err := xproto.CreateWindowChecked(c, 0, s.window, screen.Root, 0, 0, 1, 1, 0, xproto.WindowClassInputOnly, 0, 0, nil).Check(); err != nil {
		return fmt.Errorf("window: %w", err)
	}
	if err := xproto.SetSelectionOwnerChecked(c, s.window, s.atoms["XdndSelection"], xproto.TimeCurrentTime).Check(); err != nil {
		return fmt.Errorf("selection: %w", err)
	}
	return s.play(uint32(x), uint32(y))
}

// play sends enter, position and drop, and hands the data over when it is asked for.
func (s *source) play(x, y uint32) error {
	me := uint32(s.window)
	if err := s.send("XdndEnter", me, 5<<24, uint32(s.atoms["text/uri-list"]), 0, 0); err != nil {
		return err
	}
	if err := s.send("XdndPosition", me, 0, x<<16|y, 0, uint32(s.atoms["XdndActionCopy"])); err != nil {
		return err
	}
	dropped := false
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		event, xerr := s.c.PollForEvent()
		if xerr != nil {
			return fmt.Errorf("event: %w", xerr)
		}
		switch e := event.(type) {
		case nil:
			time.Sleep(5 * time.Millisecond)
		case xproto.SelectionRequestEvent:
			if err := s.give(e); err != nil {
				return err
			}
		case xproto.ClientMessageEvent:
			switch {
			case e.Type == s.atoms["XdndStatus"] && e.Data.Data32[1]&1 == 0:
				return fmt.Errorf("the window does not take it")
			case e.Type == s.atoms["XdndStatus"] && !dropped:
				dropped = true
				if err := s.send("XdndDrop", me, 0, 0, 0, 0); err != nil {
					return err
				}
			case e.Type == s.atoms["XdndFinished"]:
				return nil
			}
		}
	}
	return fmt.Errorf("no end of the drag within 10 s (dropped: %v)", dropped)
}

func (s *source) send(kind string, data ...uint32) error {
	event := xproto.ClientMessageEvent{Format: 32, Window: s.target, Type: s.atoms[kind], Data: xproto.ClientMessageDataUnionData32New(data)}
	if err := xproto.SendEventChecked(s.c, false, s.target, 0, string(event.Bytes())).Check(); err != nil {
		return fmt.Errorf("send %s: %w", kind, err)
	}
	return nil
}

func (s *source) give(e xproto.SelectionRequestEvent) error {
	if err := xproto.ChangePropertyChecked(s.c, xproto.PropModeReplace, e.Requestor, e.Property, e.Target, 8, uint32(len(s.data)), s.data).Check(); err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	note := xproto.SelectionNotifyEvent{Time: e.Time, Requestor: e.Requestor, Selection: e.Selection, Target: e.Target, Property: e.Property}
	if err := xproto.SendEventChecked(s.c, false, e.Requestor, 0, string(note.Bytes())).Check(); err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	return nil
}
