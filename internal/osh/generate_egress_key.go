package osh

import (
	"encoding/json"
	"fmt"
	"io"
)

// NewKeyOptions say which key is to be made.
type NewKeyOptions struct {
	Algo string `opt:"algo" arg:"ALGORITHM" required:"true" help:"rsa, ecdsa or ed25519"`
	Size int    `opt:"size" arg:"BITS" help:"size of the key; not needed for ed25519"`
	// Encrypted is known so that it can be refused by name.
	Encrypted bool `opt:"encrypted" help:"not offered: keys are sealed by the gateway"`
}

// SelfGenerateEgressKey is the request of selfGenerateEgressKey.
type SelfGenerateEgressKey struct{ NewKeyOptions }

// GroupGenerateEgressKey is the request of groupGenerateEgressKey.
type GroupGenerateEgressKey struct {
	GroupOption
	NewKeyOptions
}

// GeneratedKey is the value of the commands that make a key: as in listings,
// but without the names of files.
type GeneratedKey struct {
	Key
	Filename *string `json:"filename,omitempty"` // hides that of the listing
	Fullpath *string `json:"fullpath,omitempty"` // likewise
}

func selfGenerateEgressKeyCommand() *Command {
	return &Command{
		Name:       "selfGenerateEgressKey",
		Category:   Open,
		MasterOnly: true,
		Summary:    "make one more key that the gateway uses for you",
		Long: "The keys that you have stay, and the gateway offers them all. Put the new one on the targets of your\n" +
			"personal accesses.",
		Examples: []string{"selfGenerateEgressKey --algo ed25519", "selfGenerateEgressKey --algo rsa --size 4096"},
		New:      func() any { return new(SelfGenerateEgressKey) },
		Text:     generatedKeyText,
	}
}

func groupGenerateEgressKeyCommand() *Command {
	return &Command{
		Name:       "groupGenerateEgressKey",
		Category:   GroupOwner,
		MasterOnly: true,
		Summary:    "make one more egress key for a group",
		Long: "The keys that the group has stay, and the gateway offers them all: put the new one on the group's\n" +
			"servers, then remove the old one with groupDelEgressKey.",
		Examples: []string{"groupGenerateEgressKey --group web --algo ed25519", "groupGenerateEgressKey --group web --algo ecdsa --size 521"},
		New:      func() any { return new(GroupGenerateEgressKey) },
		Text:     generatedKeyText,
	}
}

func generatedKeyText(w io.Writer, r Result) error {
	var v GeneratedKey
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s  %s-%d  %s\nPut this key on the targets:\n\n%s\n", v.ID, v.Family, v.Size, v.Fingerprint, v.Line)
	return nil
}
