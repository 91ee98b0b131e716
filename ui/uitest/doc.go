// Package uitest drives the real window in tests: a screen of its own (Xvfb), keys and clicks (XTEST), files dragged in
// by the XDND protocol as a file manager does it, and pictures of the screen. Only tests import it.
package uitest
