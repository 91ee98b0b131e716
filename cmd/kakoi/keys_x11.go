//go:build x11

package main

/*
#include <stddef.h>

// These are of the changed GLFW that the window is built with (.setup/glfw/kakoi_keys.c).
extern unsigned long long kakoiIdleNanos(void) __attribute__((weak));
extern void kakoiPlainKeys(int on) __attribute__((weak));
extern int kakoiCapsLock(void) __attribute__((weak));
extern void kakoiForgetCopied(void) __attribute__((weak));

static int keysKnown(void) { return kakoiIdleNanos && kakoiPlainKeys && kakoiCapsLock && kakoiForgetCopied; }
static unsigned long long idleNanos(void) { return kakoiIdleNanos(); }
static void plainKeys(int on) { kakoiPlainKeys(on); }
static int capsLock(void) { return kakoiCapsLock(); }
static void forgetCopied(void) { kakoiForgetCopied(); }
*/
import "C"

import (
	"time"

	"kakoi/ui"
)

// displayKeys is what the window asks of the display about keys; empty with a GLFW that is not ours.
func displayKeys() ui.Display {
	if C.keysKnown() == 0 {
		return ui.Display{}
	}
	return ui.Display{
		Idle: func() time.Duration { return time.Duration(C.idleNanos()) },
		Plain: func(on bool) {
			n := C.int(0)
			if on {
				n = 1
			}
			C.plainKeys(n)
		},
		CapsLock: func() bool { return C.capsLock() != 0 },
		Forget:   func() { C.forgetCopied() },
	}
}
