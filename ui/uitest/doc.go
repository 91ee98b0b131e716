// Package uitest drives the real window in tests: a screen of its own (Xvfb), keys and clicks (xdotool), files dragged in
// by the XDND protocol as a file manager does it, and pictures of the screen (ImageMagick). Only tests import it.
package uitest
