package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mountsBelow lists where file systems are mounted at or below a folder (proc_pid_mountinfo(5)).
func mountsBelow(dir string) []string {
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		slog.Warn("look for drives", "error", err) // none is known, as without drives
		return nil
	}
	return parseMounts(string(raw), dir)
}

// parseMounts finds the mount points at or below dir in a mountinfo. Its fifth field has spaces and the like as octal numbers.
func parseMounts(info, dir string) []string {
	var out []string
	for line := range strings.Lines(info) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		at := unescape(fields[4])
		if at == dir || strings.HasPrefix(at, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator)) {
			out = append(out, at)
		}
	}
	return out
}

func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}
