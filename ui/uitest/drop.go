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
// protocol, version 5 (freedesktop.org/wiki/Specifications/XDND). Long lists go in pieces (ICCCM 2.7.2), as those of GTK do. A path
// with "://" in it is an address and goes as it is.
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
	rest   []byte // in pieces: what has not gone yet
	ask    xproto.SelectionRequestEvent
	pieces bool
}

// most is the longest list that goes in one piece; piece is how long they are otherwise.
const most, piece = 200_000, 60_000

func (d *Desktop) drop(target xproto.Window, x, y int, paths []string) error {
	d.Point(x, y)
	c, err := xgb.NewConnDisplay(d.Display)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer c.Close()
	s := &source{c: c, target: target, atoms: map[string]xproto.Atom{}}
	for _, name := range []string{"XdndSelection", "XdndEnter", "XdndPosition", "XdndStatus", "XdndDrop", "XdndFinished", "XdndActionCopy", "text/uri-list", "INCR"} {
		reply, err := xproto.InternAtom(c, false, uint16(len(name)), name).Reply()
		if err != nil {
			return fmt.Errorf("atom %s: %w", name, err)
		}
		s.atoms[name] = reply.Atom
	}
	var list strings.Builder
	for _, p := range paths {
		if strings.Contains(p, "://") { // an address, not a path
			list.WriteString(p + "\r\n")
			continue
		}
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
		case xproto.PropertyNotifyEvent:
			if s.pieces && e.State == xproto.PropertyDelete && e.Atom == s.ask.Property && e.Window == s.ask.Requestor {
				if err := s.next(); err != nil {
					return err
				}
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

// next hands over a piece; one without anything in it is the end.
func (s *source) next() error {
	n := min(piece, len(s.rest))
	if n == 0 {
		s.pieces = false
	}
	now := s.rest[:n]
	s.rest = s.rest[n:]
	if err := xproto.ChangePropertyChecked(s.c, xproto.PropModeReplace, s.ask.Requestor, s.ask.Property, s.ask.Target, 8, uint32(n), now).Check(); err != nil {
		return fmt.Errorf("hand over a piece: %w", err)
	}
	return nil
}

func (s *source) give(e xproto.SelectionRequestEvent) error {
	if len(s.data) > most {
		s.rest, s.ask, s.pieces = s.data, e, true
		if err := xproto.ChangeWindowAttributesChecked(s.c, e.Requestor, xproto.CwEventMask, []uint32{xproto.EventMaskPropertyChange}).Check(); err != nil {
			return fmt.Errorf("watch the pieces: %w", err)
		}
		size := []byte{byte(len(s.data)), byte(len(s.data) >> 8), byte(len(s.data) >> 16), byte(len(s.data) >> 24)}
		if err := xproto.ChangePropertyChecked(s.c, xproto.PropModeReplace, e.Requestor, e.Property, s.atoms["INCR"], 32, 1, size).Check(); err != nil {
			return fmt.Errorf("announce pieces: %w", err)
		}
		return s.told(e)
	}
	if err := xproto.ChangePropertyChecked(s.c, xproto.PropModeReplace, e.Requestor, e.Property, e.Target, 8, uint32(len(s.data)), s.data).Check(); err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	return s.told(e)
}

// told says that the data is there.
func (s *source) told(e xproto.SelectionRequestEvent) error {
	note := xproto.SelectionNotifyEvent{Time: e.Time, Requestor: e.Requestor, Selection: e.Selection, Target: e.Target, Property: e.Property}
	if err := xproto.SendEventChecked(s.c, false, e.Requestor, 0, string(note.Bytes())).Check(); err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	return nil
}
