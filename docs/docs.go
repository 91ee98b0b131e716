// Package docs holds the guide and the pictures of the window that it shows, as the help screen reads them. The guide is
// written to be read on its own as well: guide/ja.md and guide/en.md.
package docs

import "embed"

// Files are guide/LANG.md and screenshots/SCREEN-LANG-THEME.png.
//
//go:embed guide/*.md screenshots
var Files embed.FS
