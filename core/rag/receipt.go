package rag

import (
	"crypto/sha256"
	"encoding/hex"

	"kakoi/core"
)

// sent notes the prompt as the model gets it.
func sent(r *core.Receipt, prompt string) {
	r.Prompt, r.PromptSHA256 = prompt, Sum(prompt)
}

// got notes the model's reply.
func got(r *core.Receipt, reply core.Reply) {
	r.Reply, r.ReplySHA256, r.Stop, r.Tokens = reply.Text, Sum(reply.Text), reply.Stop, reply.Tokens
	r.PrefillSeconds, r.DecodeSeconds = reply.PrefillSeconds, reply.DecodeSeconds
}

// Sum is the SHA-256 of a prompt or a reply as a Receipt has it.
func Sum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
