//go:build linux

package app

import (
	"slices"
	"testing"
)

func TestParseMounts(t *testing.T) {
	const info = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
31 22 8:17 / /media/hana/USB\040\343\203\241\343\203\242\343\203\252 rw,nosuid - vfat /dev/sdb1 rw
32 22 8:33 / /media/hana rw - ext4 /dev/sdc1 rw
33 22 8:34 / /media/hanako rw - ext4 /dev/sdc2 rw
broken line
`
	if got := parseMounts(info, "/media/hana"); !slices.Equal(got, []string{"/media/hana/USB メモリ", "/media/hana"}) {
		t.Errorf("below /media/hana: %q", got)
	}
	if got := parseMounts(info, "/"); len(got) != 4 {
		t.Errorf("below the root: %q", got)
	}
	if all := mountsBelow("/"); !slices.Contains(all, "/") {
		t.Errorf("mounts of this system: %q", all)
	}
}
