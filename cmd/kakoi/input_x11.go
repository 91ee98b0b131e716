//go:build x11

package main

/*
#include <dlfcn.h>
#include <locale.h>
#include <stddef.h>

// These are of the changed GLFW that the window is built with (.setup/glfw). With the original they are missing: input methods
// then work as it has them.
extern void kakoiDeferInput(void) __attribute__((weak));
extern void kakoiOpenInput(void) __attribute__((weak));
extern int kakoiPlaceInput(unsigned long window, int x, int y) __attribute__((weak));
extern unsigned long long kakoiSwapNanos(void) __attribute__((weak));

static int deferInput(void) {
	if (!kakoiDeferInput || !kakoiOpenInput) return 0;
	kakoiDeferInput();
	return 1;
}
static void openInput(void) { if (kakoiOpenInput) kakoiOpenInput(); }
static int placeInput(unsigned long window, int x, int y) { return kakoiPlaceInput ? kakoiPlaceInput(window, x, y) : 0; }

static unsigned long long swapNanos(void) { return kakoiSwapNanos ? kakoiSwapNanos() : 0; }

// tryInput opens the input method and leaves it. It does not return while that hangs.
static void tryInput(void) {
	void *x11 = dlopen("libX11.so.6", RTLD_NOW | RTLD_GLOBAL);
	if (!x11) return;
	void *(*display)(const char *) = (void *(*)(const char *))dlsym(x11, "XOpenDisplay");
	int (*supports)(void) = (int (*)(void))dlsym(x11, "XSupportsLocale");
	char *(*modifiers)(const char *) = (char *(*)(const char *))dlsym(x11, "XSetLocaleModifiers");
	void *(*open)(void *, void *, char *, char *) = (void *(*)(void *, void *, char *, char *))dlsym(x11, "XOpenIM");
	int (*close)(void *) = (int (*)(void *))dlsym(x11, "XCloseIM");
	setlocale(LC_CTYPE, "");
	void *d = display && supports && modifiers && open && close ? display(NULL) : NULL;
	if (!d || !supports()) return;
	modifiers("");
	void *im = open(d, NULL, NULL, NULL);
	if (im) close(im);
}
*/
import "C"

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver"
	"fyne.io/fyne/v2/theme"
)

const (
	inputProbe     = "input-probe" // argument that makes the program try the input method, and nothing else
	inputPatience  = 2 * time.Second
	inputSurrender = 10 * time.Minute
	caretEvery     = 100 * time.Millisecond
)

// probe tries the input method where this process is the child of openInput.
func probe(args []string) (code int, ok bool) {
	if len(args) != 1 || args[0] != inputProbe {
		return 0, false
	}
	time.AfterFunc(inputSurrender, func() { os.Exit(exitFailed) })
	C.tryInput()
	return exitDone, true
}

// openInput opens the input method beside the first frame. Opening it does not return while the input method hangs, so a child process
// tries it first; late is called when that takes long. Call deferInput before the toolkit starts.
func openInput(ctx context.Context, late func()) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", inputProbe)
	patience := time.AfterFunc(inputPatience, late)
	err := cmd.Run()
	patience.Stop()
	if err != nil {
		slog.Warn("try the input method", "error", err)
		return
	}
	fyne.Do(func() { C.openInput() })
}

// deferInput keeps the toolkit from opening the input method at its start. It is false where that cannot be.
func deferInput() bool { return C.deferInput() != 0 }

// swapping is how long the display has drawn frames until now while the window's goroutine, which alone may ask, waited for it.
func swapping() time.Duration { return time.Duration(C.swapNanos()) }

// caretOwner is what types: Fyne's entries and those made of them.
type caretOwner interface {
	fyne.CanvasObject
	CursorPosition() fyne.Position
}

// followCaret tells the input method where the caret is, so that what is being composed shows there. Fields have no event for all that
// moves them (scrolling, resizing, a panel that opens), so it looks.
func followCaret(ctx context.Context, a fyne.App) {
	tick := time.NewTicker(caretEvery)
	defer tick.Stop()
	var last caret
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			fyne.Do(func() {
				if now, ok := caretOf(a); ok && now != last && C.placeInput(C.ulong(now.window), C.int(now.x), C.int(now.y)) != 0 {
					last = now
				}
			})
		}
	}
}

// caret is the lower end of a text cursor, in pixels of its window.
type caret struct {
	window uintptr
	x, y   int
}

func caretOf(a fyne.App) (caret, bool) {
	for _, w := range a.Driver().AllWindows() {
		canvas := w.Canvas()
		field, ok := canvas.Focused().(caretOwner)
		if !ok {
			continue
		}
		native, ok := w.(driver.NativeWindow)
		if !ok {
			continue
		}
		var c caret
		native.RunNative(func(context any) {
			if x, ok := context.(driver.X11WindowContext); ok {
				c.window = x.WindowHandle
			}
		})
		at, size := field.CursorPosition(), field.Size()
		line := theme.Size(theme.SizeNameText) + theme.Size(theme.SizeNameInnerPadding)
		// A field that scrolls gives positions within its text.
		x, y := min(max(at.X, 0), size.Width), min(max(at.Y+line, line), size.Height)
		c.x, c.y = canvas.PixelCoordinateForPosition(a.Driver().AbsolutePositionForObject(field).Add(fyne.NewPos(x, y)))
		return c, c.window != 0
	}
	return caret{}, false
}
