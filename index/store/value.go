package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"kakoi/core"
)

// MaxPayload is the longest payload of one value, in bytes: below the 1 MiB from which Badger moves values to
// its value log.
const MaxPayload = 900 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// DamagedError is a value that is not what was written. It is a core.ErrCorrupt.
type DamagedError struct {
	Key    string
	Reason string
}

func (e *DamagedError) Error() string { return fmt.Sprintf("value of %q: %s", e.Key, e.Reason) }
func (e *DamagedError) Unwrap() error { return core.ErrCorrupt }

func checksum(key string, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(key), castagnoli), castagnoli, payload)
}

// seal is payload + CRC-32C over key and payload, little-endian.
func seal(key string, payload []byte) []byte {
	out := make([]byte, 0, len(payload)+4)
	out = append(out, payload...)
	return binary.LittleEndian.AppendUint32(out, checksum(key, payload))
}

// unseal gives the payload, inside value.
func unseal(key string, value []byte) ([]byte, error) {
	if len(value) < 4 {
		return nil, &DamagedError{key, "shorter than its checksum"}
	}
	payload := value[:len(value)-4]
	if binary.LittleEndian.Uint32(value[len(payload):]) != checksum(key, payload) {
		return nil, &DamagedError{key, "checksum differs"}
	}
	return payload, nil
}

// A long value is parts 0, 1, ...: part 0 begins with the total length, so a missing part shows.
func cut(payload []byte) [][]byte {
	first := binary.AppendUvarint(nil, uint64(len(payload)))
	room := MaxPayload - len(first)
	if len(payload) <= room {
		return [][]byte{append(first, payload...)}
	}
	parts := [][]byte{append(first, payload[:room]...)}
	for payload = payload[room:]; len(payload) > 0; {
		n := min(len(payload), MaxPayload)
		parts = append(parts, payload[:n])
		payload = payload[n:]
	}
	return parts
}
