package widget

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

type placeKind int

const (
	placeHome placeKind = iota
	placeFolder
	placeMedia
	placeRoot
	placeRecent
)

// chooserPlace is a folder that a person often goes to.
type chooserPlace struct {
	kind placeKind
	key  string // of its name's text; "" when name is what is shown
	name string
	path string
}

// findPlaces lists home, the desktop's own folders where there are any, what is mounted as a medium, the whole file system, and
// the recent folders.
func findPlaces(home string, recent []string) []chooserPlace {
	var places []chooserPlace
	if home != "" {
		places = append(places, chooserPlace{kind: placeHome, key: "chooser.home", path: home})
	}
	for _, dir := range userFolders(home) {
		if isFolder(dir.path) && dir.path != home {
			places = append(places, dir)
		}
	}
	if f, err := os.Open("/proc/self/mountinfo"); err == nil {
		for _, path := range mountedMedia(f) {
			places = append(places, chooserPlace{kind: placeMedia, name: filepath.Base(path), path: path})
		}
		f.Close()
	}
	places = append(places, chooserPlace{kind: placeRoot, key: "chooser.root", path: "/"})
	for _, path := range recent {
		known := slices.ContainsFunc(places, func(p chooserPlace) bool { return p.path == path })
		if !known && isFolder(path) {
			places = append(places, chooserPlace{kind: placeRecent, name: filepath.Base(path), path: path})
		}
	}
	return places
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// userFolders gives desktop, documents and downloads as the desktop has them (user-dirs.dirs), else under their usual names.
func userFolders(home string) []chooserPlace {
	if home == "" {
		return nil
	}
	folders := []chooserPlace{
		{placeFolder, "chooser.desktop", "", filepath.Join(home, "Desktop")},
		{placeFolder, "chooser.documents", "", filepath.Join(home, "Documents")},
		{placeFolder, "chooser.downloads", "", filepath.Join(home, "Downloads")},
	}
	config := os.Getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	f, err := os.Open(filepath.Join(config, "user-dirs.dirs"))
	if err != nil {
		return folders
	}
	defer f.Close()
	set := userDirs(f, home)
	for i, name := range []string{"XDG_DESKTOP_DIR", "XDG_DOCUMENTS_DIR", "XDG_DOWNLOAD_DIR"} {
		if path, ok := set[name]; ok {
			folders[i].path = path
		}
	}
	return folders
}

// userDirs reads lines such as XDG_DESKTOP_DIR="$HOME/デスクトップ".
func userDirs(r io.Reader, home string) map[string]string {
	set := map[string]string{}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		name, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		value = strings.Trim(value, `"`)
		if below, ok := strings.CutPrefix(value, "$HOME"); ok {
			value = filepath.Join(home, below)
		}
		if filepath.IsAbs(value) {
			set[name] = filepath.Clean(value)
		}
	}
	return set
}

// mountedMedia reads /proc/self/mountinfo: what is mounted below /media and /run/media. The media themselves are not touched:
// one that hangs must not hold the list back.
func mountedMedia(r io.Reader) []string {
	var found []string
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			continue
		}
		path := unescapeMount(fields[4])
		if strings.HasPrefix(path, "/media/") || strings.HasPrefix(path, "/run/media/") {
			found = append(found, path)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// unescapeMount undoes \040 and the like.
func unescapeMount(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
