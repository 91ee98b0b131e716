//go:build x11

package main

/*
#include <dlfcn.h>
#include <stddef.h>

// OpenGL's library is looked for when the window opens, not when the program starts: the command line runs without it.
// This is the one function of it that is linked; the toolkit asks it for all others.
void (*glXGetProcAddress(const unsigned char *name))(void) {
	static void (*(*ask)(const unsigned char *))(void);
	if (!ask) {
		void *gl = dlopen("libGL.so.1", RTLD_NOW | RTLD_GLOBAL);
		ask = gl ? (void (*(*)(const unsigned char *))(void))dlsym(gl, "glXGetProcAddress") : NULL;
	}
	return ask ? ask(name) : NULL;
}

// displayMissing says what a window lacks here: 0 nothing, 1 the library of X11, 2 a display, 3 OpenGL.
static int displayMissing(void) {
	void *x11 = dlopen("libX11.so.6", RTLD_NOW | RTLD_GLOBAL);
	if (!x11) return 1;
	void *(*open)(const char *) = (void *(*)(const char *))dlsym(x11, "XOpenDisplay");
	int (*close)(void *) = (int (*)(void *))dlsym(x11, "XCloseDisplay");
	int (*query)(void *, const char *, int *, int *, int *) =
		(int (*)(void *, const char *, int *, int *, int *))dlsym(x11, "XQueryExtension");
	if (!open || !close || !query) return 1;
	void *display = open(NULL);
	if (!display) return 2;
	int opcode, event, error;
	int glx = query(display, "GLX", &opcode, &event, &error);
	close(display);
	if (!glx || !dlopen("libGL.so.1", RTLD_NOW | RTLD_GLOBAL)) return 3;
	return 0;
}
*/
import "C"

import (
	"fmt"
	"os"

	"kakoi/core"
)

// checkDisplay says why no window can open here, before the toolkit tries: its own failures end the process.
func checkDisplay() error {
	switch C.displayMissing() {
	case 0:
		return nil
	case 1:
		return core.Explain(fmt.Errorf("load libX11.so.6: %w", core.ErrUnsupported), "error.window.libraries")
	case 2:
		return core.Explain(fmt.Errorf("open display %q: %w", os.Getenv("DISPLAY"), core.ErrUnsupported), "error.window.display")
	default:
		return core.Explain(fmt.Errorf("display %q has no OpenGL: %w", os.Getenv("DISPLAY"), core.ErrUnsupported), "error.window.opengl")
	}
}
